"""Show in the collections what was learned: the catalogue is the truth, the collections are a copy of it."""

from collections.abc import Sequence

import anyio

from hybrid_coordinator.domain.knowledge import Draft, Payload
from hybrid_coordinator.domain.learning import Learned, Worked
from hybrid_coordinator.flows.storing import put_drafts
from hybrid_coordinator.ports import Catalog, Embedder, Knowledge

BATCH = 64
SHOWN_SOURCES = 16
"""So many of the sources of an item are named in its passage; the catalogue holds all of them."""

NOTED = ("seen_count", "last_used_at", "freshness", "helped", "failed")
"""Fields of a passage that say how it is used; the catalogue does not know them."""


class Publisher:
    """Puts what is served into the collections, and takes away what no longer is.

    An item is marked when the collections show it, so one that a kill came between is published again.
    """

    def __init__(self, catalog: Catalog, knowledge: Knowledge, embedder: Embedder) -> None:
        self._catalog = catalog
        self._knowledge = knowledge
        self._embedder = embedder
        self._lock = anyio.Lock()

    async def work(self) -> Worked:
        """Publish what has changed longest ago."""
        async with self._lock:  # else an older state could be put over a newer one
            items = await self._catalog.unpublished(limit=BATCH)
            served = [item for item in items if item.served]
            gone = [item.id for item in items if not item.served]
            await put_drafts(await self._drafts(served), self._embedder, self._knowledge, batch=BATCH)
            await self._knowledge.remove(gone)
            await self._catalog.mark_published(items)
        return Worked(
            done=len(items),
            more=len(items) == BATCH,
            counts={"published": len(served), "withdrawn": len(gone)},
            detail=f"{len(served)} items published, {len(gone)} withdrawn",
        )

    async def _drafts(self, served: Sequence[Learned]) -> list[Draft]:
        shown = {passage.id: passage for passage in await self._knowledge.get([item.id for item in served])}
        return [shown_draft(item, shown[item.id].payload if item.id in shown else {}) for item in served]

    async def restore(self) -> int:
        """Publish everything anew, into collections that were lost; how many items the catalogue has."""
        await self._catalog.forget_published()
        done = 0
        while (worked := await self.work()).done:
            done += worked.done
        return done


def shown_draft(item: Learned, shown: Payload) -> Draft:
    """The passage of a served item: its draft, with what readers must know of where it came from, and with what was
    noted of its use in the passage that is `shown` for it so far."""
    payload = {
        **item.draft.payload,
        "stage": item.stage.value,
        "origin": item.origin.value,
        "strategy": item.strategy,
        "learned_from": list(item.learned_from[:SHOWN_SOURCES]),
        **{name: shown[name] for name in NOTED if name in shown},
    }
    return Draft(item.id, item.draft.collection, item.draft.key, item.draft.text, payload, item.draft.source)
