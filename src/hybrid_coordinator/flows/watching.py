"""Knowledge that tells the cache what has changed: a wrapper with the interface of knowledge."""

from collections.abc import Mapping, Sequence

from hybrid_coordinator.domain.knowledge import Collection, Draft, Passage, Payload, Probe, SearchMode, Vector
from hybrid_coordinator.flows.caching import SemanticCache
from hybrid_coordinator.ports import Knowledge

OUTSIDE = frozenset({Collection.CODEBASE, Collection.ERRORS, Collection.PRACTICES})
"""Knowledge that does not come from answers given here: only that can make a remembered answer an old one."""


class WatchedKnowledge:
    """Answers that used a passage which changes, or to which a new one may have something to add, are forgotten."""

    def __init__(self, knowledge: Knowledge, cache: SemanticCache) -> None:
        self._knowledge = knowledge
        self._cache = cache

    async def put(self, drafts: Sequence[Draft], vectors: Sequence[Vector]) -> None:
        await self._knowledge.put(drafts, vectors)
        await self._cache.invalidate([draft.id for draft in drafts])
        news = [vector for draft, vector in zip(drafts, vectors, strict=True) if draft.collection in OUTSIDE]
        await self._cache.forget_near(news)

    async def remove(self, ids: Sequence[str]) -> None:
        await self._knowledge.remove(ids)
        await self._cache.invalidate(ids)

    async def search(
        self,
        probe: Probe,
        collections: Sequence[Collection],
        *,
        limit: int,
        mode: SearchMode = SearchMode.HYBRID,
    ) -> list[Passage]:
        return await self._knowledge.search(probe, collections, limit=limit, mode=mode)

    async def get(self, ids: Sequence[str]) -> list[Passage]:
        return await self._knowledge.get(ids)

    async def vectors(self, ids: Sequence[str]) -> Mapping[str, Vector]:
        return await self._knowledge.vectors(ids)

    async def amend(self, changes: Mapping[str, Payload]) -> None:
        await self._knowledge.amend(changes)

    async def browse(
        self, collection: Collection, *, limit: int, after: str | None = None
    ) -> tuple[list[Passage], str | None]:
        return await self._knowledge.browse(collection, limit=limit, after=after)

    async def counts(self) -> Mapping[Collection, int]:
        return await self._knowledge.counts()

    async def tidy(self) -> None:
        await self._knowledge.tidy()

    async def aclose(self) -> None:
        await self._knowledge.aclose()
