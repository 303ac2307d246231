"""Look after what was learned long ago: archive what nobody uses, stop serving what speaks of code that has changed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hybrid_coordinator.domain.knowledge import Passage, Payload
from hybrid_coordinator.domain.learning import SERVED, Change, Learned, Stage
from hybrid_coordinator.errors import Conflict
from hybrid_coordinator.flows.restoring import read_log
from hybrid_coordinator.logic.decay import DecayPolicy, archive, freshness, has_faded
from hybrid_coordinator.logic.restoring import last_in_service, put_back, reopened_by_person
from hybrid_coordinator.logic.staleness import StalenessPolicy, age_out, gone_from_under, is_stale
from hybrid_coordinator.ports import Catalog, Clock, Knowledge, Ledger

ACTOR = "curate"
LOOKED_AFTER = (*sorted(SERVED), Stage.STALE, Stage.SUPERSEDED)
FAILED = frozenset((Stage.REJECTED, Stage.QUARANTINED, Stage.RETIRED))
"""When what superseded an item comes to this, the item is valid again."""
FRESHNESS_STEP = 0.05
"""A change of freshness smaller than this is not written down."""


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a page of items stands on: the passages shown for them and below them, and other learned items."""

    passages: Mapping[str, Passage]
    learned: Mapping[str, Learned]
    indexed: bool


class Ageing:
    """Goes over items a page at a time. Nothing is embedded for it.

    When something was last used is noted in its passage, at the first round after its count of uses has grown; a
    passage that was put anew counts as used then.
    """

    def __init__(
        self,
        catalog: Catalog,
        knowledge: Knowledge,
        ledger: Ledger,
        clock: Clock,
        decay: DecayPolicy,
        staleness: StalenessPolicy,
    ) -> None:
        self._catalog = catalog
        self._knowledge = knowledge
        self._ledger = ledger
        self._clock = clock
        self._decay = decay
        self._staleness = staleness

    async def look_after(self, items: Sequence[Learned]) -> Mapping[str, int]:
        """Archive, age out and put back what is due among these; how many of each, by the action's name.

        What somebody else changed meanwhile is left for the next round.
        """
        ground = await self._ground(items)
        now = self._clock.now()
        await self._note_uses(items, ground, now)
        counts: Counter[str] = Counter()
        for item in items:
            change = await self._due(item, ground, now)
            if change is not None and await self._made(change, now):
                counts[change.action] += 1
        return counts

    async def _ground(self, items: Sequence[Learned]) -> _Ground:
        below = {id for item in items for id in item.rests_on}
        rivals = {item.replaced_by for item in items if item.replaced_by is not None}
        passages = await self._knowledge.get(sorted(below.union(item.id for item in items)))
        learned = await self._catalog.get(sorted(below | rivals))
        return _Ground(
            passages={passage.id: passage for passage in passages},
            learned={one.id: one for one in learned},
            indexed=bool(await self._ledger.roots()),  # without any index nothing can be said to have changed
        )

    async def _note_uses(self, items: Sequence[Learned], ground: _Ground, now: datetime) -> None:
        notes = {
            item.id: note
            for item in items
            if item.id in ground.passages and (note := self._note(item, ground.passages[item.id].payload, now))
        }
        if notes:
            await self._knowledge.amend(notes)

    def _note(self, item: Learned, payload: Payload, now: datetime) -> Payload:
        """The fields of a passage that have to change."""
        count = payload.get("access_count", 0)
        if payload.get("seen_count") != count:
            return {"seen_count": count, "last_used_at": now.isoformat(), "freshness": 1.0}
        fresh = freshness(item, _used_at(payload), now, self._decay)
        return {"freshness": round(fresh, 2)} if abs(fresh - payload.get("freshness", 1.0)) >= FRESHNESS_STEP else {}

    async def _due(self, item: Learned, ground: _Ground, now: datetime) -> Change | None:
        if item.stage is Stage.SUPERSEDED:
            rival = ground.learned.get(item.replaced_by or "")
            fallen = rival is not None and rival.stage in FAILED
            return await self._put_back(item, "what superseded it has failed", now) if fallen else None
        gone = gone_from_under(item, ground.passages.keys(), ground.learned) if ground.indexed else ()
        if item.stage is Stage.STALE:
            back = ground.indexed and not is_stale(item, gone, self._staleness)
            return await self._put_back(item, "what it rests on is back", now) if back else None
        if is_stale(item, gone, self._staleness):
            if reopened_by_person(await read_log(self._catalog, item.id)):
                return None
            aged = age_out(item, gone, now)
            return Change(item.id, "stale", item, aged, ACTOR, aged.why)
        return self._archived(item, ground, now)

    def _archived(self, item: Learned, ground: _Ground, now: datetime) -> Change | None:
        """Nothing is archived that was not seen unused: its passage tells when it was last used."""
        passage = ground.passages.get(item.id)
        if passage is None or passage.payload.get("seen_count") != passage.payload.get("access_count", 0):
            return None
        used_at = _used_at(passage.payload)
        if not has_faded(item, used_at, now, self._decay):
            return None
        archived = archive(item, used_at, now)
        return Change(item.id, "archive", item, archived, ACTOR, archived.why)

    async def _put_back(self, item: Learned, why: str, now: datetime) -> Change | None:
        served = last_in_service(await read_log(self._catalog, item.id))
        return None if served is None else Change(item.id, "restore", item, put_back(item, served, now), ACTOR, why)

    async def _made(self, change: Change, now: datetime) -> bool:
        try:
            await self._catalog.apply([change], now)
        except Conflict:
            return False
        return True


def _used_at(payload: Payload) -> datetime | None:
    noted = payload.get("last_used_at")
    return datetime.fromisoformat(noted) if isinstance(noted, str) else None
