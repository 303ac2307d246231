"""The five collections without a store."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hybrid_coordinator.domain.knowledge import (
    FIELDS,
    USAGE_FIELDS,
    Collection,
    Draft,
    Passage,
    Payload,
    Probe,
    SearchMode,
    Vector,
)
from hybrid_coordinator.testing.words import split_words


class MemoryKnowledge:
    """The five collections in a dictionary. Keyword scores are the share of the query's words that a text holds."""

    def __init__(self) -> None:
        self._stored: dict[str, tuple[Passage, Vector]] = {}

    async def put(self, drafts: Sequence[Draft], vectors: Sequence[Vector]) -> None:
        for draft, vector in zip(drafts, vectors, strict=True):
            usage = dict(USAGE_FIELDS)
            if draft.id in self._stored:
                before = self._stored[draft.id][0].payload
                usage = {name: before[name] for name in USAGE_FIELDS}
            payload = {**FIELDS[draft.collection], **draft.payload, **usage}
            passage = Passage(draft.id, draft.collection, draft.text, payload, 0.0, 0.0, draft.source)
            self._stored[draft.id] = (passage, vector)

    async def search(
        self,
        probe: Probe,
        collections: Sequence[Collection],
        *,
        limit: int,
        mode: SearchMode = SearchMode.HYBRID,
    ) -> list[Passage]:
        found = [
            _scored(passage, vector, probe, mode)
            for passage, vector in self._stored.values()
            if passage.collection in collections
        ]
        found.sort(key=lambda passage: (-passage.score, passage.id))
        return [passage for passage in found[:limit] if passage.score > 0]

    async def get(self, ids: Sequence[str]) -> list[Passage]:
        return [self._stored[id][0] for id in ids if id in self._stored]

    async def vectors(self, ids: Sequence[str]) -> Mapping[str, Vector]:
        return {id: self._stored[id][1] for id in ids if id in self._stored}

    async def amend(self, changes: Mapping[str, Payload]) -> None:
        for id, fields in changes.items():
            if id in self._stored:
                passage, vector = self._stored[id]
                self._stored[id] = (replace(passage, payload={**passage.payload, **fields}), vector)

    async def remove(self, ids: Sequence[str]) -> None:
        for id in ids:
            self._stored.pop(id, None)

    async def browse(
        self, collection: Collection, *, limit: int, after: str | None = None
    ) -> tuple[list[Passage], str | None]:
        ids = sorted(id for id, (passage, _) in self._stored.items() if passage.collection == collection)
        rest = [id for id in ids if after is None or id > after]
        page = rest[:limit]
        return await self.get(page), page[-1] if len(rest) > len(page) else None

    async def counts(self) -> Mapping[Collection, int]:
        held = Counter(passage.collection for passage, _ in self._stored.values())
        return {collection: held[collection] for collection in Collection}

    async def tidy(self) -> None:
        """Nothing to tidy."""

    async def aclose(self) -> None:
        """Nothing is held open."""


def _scored(passage: Passage, vector: Vector, probe: Probe, mode: SearchMode) -> Passage:
    dot = sum(a * b for a, b in zip(vector, probe.vector, strict=True))
    similarity = min(max(dot, 0.0), 1.0)
    wanted = set(split_words(probe.text))
    overlap = len(wanted & set(split_words(passage.text))) / len(wanted) if wanted else 0.0
    scores = {
        SearchMode.SEMANTIC: similarity,
        SearchMode.KEYWORD: overlap,
        SearchMode.HYBRID: (similarity + overlap) / 2,
    }
    return replace(passage, similarity=similarity, score=scores[mode])
