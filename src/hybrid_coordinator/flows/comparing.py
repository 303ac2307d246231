"""Hold what was learned against its likes: what says the same is merged, what says otherwise is superseded."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import Enum, auto

import anyio.to_thread

from hybrid_coordinator.domain.knowledge import Collection, Probe, SearchMode
from hybrid_coordinator.domain.learning import Change, Learned, Uses
from hybrid_coordinator.errors import Conflict
from hybrid_coordinator.flows.restoring import read_log
from hybrid_coordinator.logic.merging import MergePolicy, choose_kept, merge, refuse_merge
from hybrid_coordinator.logic.restoring import reopened_by_person
from hybrid_coordinator.logic.supersession import (
    SupersessionPolicy,
    answer_the_same,
    find_conflict,
    hold_back,
    may_supersede,
    supersede,
)
from hybrid_coordinator.ports import Catalog, Clock, Embedder, Knowledge, Ledger

ACTOR = "curate"
LEARNED = (Collection.SKILLS, Collection.ERRORS, Collection.PRACTICES)
NEIGHBOURS = 32
"""So many of the nearest passages are looked at; among them may be some that were not learned."""
MOST_CONFLICTS = 5
"""After so many an item is left to whoever changes it all the time: the next change of it is looked at again."""

logger = logging.getLogger(__name__)


class _Relation(Enum):
    """What two items are to each other: one and the same, answers to one question, or nothing."""

    SAME = auto()
    RIVALS = auto()
    NONE = auto()


class Comparer:
    """Compares published items with their neighbours in the collections, each at the cost of one search."""

    def __init__(
        self,
        catalog: Catalog,
        knowledge: Knowledge,
        embedder: Embedder,
        ledger: Ledger,
        clock: Clock,
        merging: MergePolicy,
        supersession: SupersessionPolicy,
    ) -> None:
        self._catalog = catalog
        self._knowledge = knowledge
        self._embedder = embedder
        self._ledger = ledger
        self._clock = clock
        self._merging = merging
        self._supersession = supersession

    async def compare(self, items: Sequence[Learned]) -> Mapping[str, int]:
        """Settle each of these with its likes; how often something was merged, superseded or put in quarantine."""
        vectors = await self._embedder.embed([item.draft.key for item in items])
        counts: Counter[str] = Counter()
        for item, vector in zip(items, vectors, strict=True):
            counts.update(await self._settle(item.id, Probe(item.draft.key, vector)))
        return counts

    async def _settle(self, item_id: str, probe: Probe) -> list[str]:
        """What was done, one word a change. When somebody else changes the same meanwhile, all is looked at again."""
        done: list[str] = []
        conflicts = 0
        while changes := await self._next_changes(item_id, probe):
            try:
                await self._catalog.apply(changes, self._clock.now())
                done.append(changes[0].action)
            except Conflict as conflict:
                conflicts += 1
                if conflicts == MOST_CONFLICTS:
                    logger.warning("curation gives way", extra={"item": item_id, "reason": str(conflict)})
                    break
        return done

    async def _next_changes(self, item_id: str, probe: Probe) -> list[Change]:
        """What has to change because of the first like that the item cannot stand beside; every time one goes."""
        found = await self._catalog.get([item_id])
        if not found or not found[0].served:
            return []
        for other, similarity in await self._likes(found[0], probe):
            if changes := await self._judge(found[0], other, similarity):
                return changes
        return []

    async def _likes(self, item: Learned, probe: Probe) -> list[tuple[Learned, float]]:
        """Served items that may answer the same, the nearest first, with the cosine of their keys (0: not near)."""
        floor = min(self._merging.min_similarity, self._supersession.min_similarity)
        near = await self._knowledge.search(probe, LEARNED, limit=NEIGHBOURS, mode=SearchMode.SEMANTIC)
        similarities = {passage.id: passage.similarity for passage in near if passage.similarity >= floor}
        likes = {one.id: one for one in await self._catalog.get(list(similarities))}
        kin = await self._catalog.signed(item.signature) if item.signature else []
        kin += await self._catalog.learned_from(item.learned_from)
        likes |= {one.id: one for one in kin}
        return [(one, similarities.get(one.id, 0.0)) for one in likes.values() if one.served and one.id != item.id]

    async def _judge(self, item: Learned, other: Learned, similarity: float) -> list[Change]:
        """Reading long texts takes its time, and others wait for their answers on this loop: it is done in a thread."""
        relation = await anyio.to_thread.run_sync(self._relate, item, other, similarity)
        if relation is _Relation.NONE:
            return []
        log, other_log = [await read_log(self._catalog, one.id) for one in (item, other)]
        if reopened_by_person(log) or reopened_by_person(other_log):
            return []
        if relation is _Relation.SAME:
            return await self._merge(item, other)
        older, newer = (item, other) if log[0].place < other_log[0].place else (other, item)
        why = await anyio.to_thread.run_sync(find_conflict, newer, older)
        return [] if why is None else self._supersede(older, newer, why)

    def _relate(self, item: Learned, other: Learned, similarity: float) -> _Relation:
        if refuse_merge(item, other, similarity, self._merging) is None:
            return _Relation.SAME
        rivals = answer_the_same(item, other, similarity, self._supersession)
        return _Relation.RIVALS if rivals else _Relation.NONE

    async def _merge(self, item: Learned, other: Learned) -> list[Change]:
        uses = await self._ledger.uses([item.id, other.id])
        proofs = [uses.get(one.id, Uses()).treated for one in (item, other)]
        kept, gone = choose_kept(item, other, *proofs)
        kept_then, gone_then = merge(kept, gone, self._clock.now())
        return [
            Change(gone.id, "merge", gone, gone_then, ACTOR, gone_then.why),
            Change(kept.id, "merge", kept, kept_then, ACTOR, f"{gone.id} says the same"),
        ]

    def _supersede(self, older: Learned, newer: Learned, why: str) -> list[Change]:
        """By the log `older` was learned first: no clock that went back can turn that round."""
        now = self._clock.now()
        if not may_supersede(newer, older):
            held = hold_back(newer, older, why, now)
            return [Change(newer.id, "quarantine", newer, held, ACTOR, held.why)]
        older_then, newer_then = supersede(older, newer, why, now)
        return [
            Change(older.id, "supersede", older, older_then, ACTOR, why),
            Change(newer.id, "supersede", newer, newer_then, ACTOR, f"it supersedes {older.id}"),
        ]
