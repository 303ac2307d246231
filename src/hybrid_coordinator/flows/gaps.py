"""Say what this machine cannot do yet."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import anyio.to_thread

from hybrid_coordinator.domain.interaction import OutcomeKind
from hybrid_coordinator.domain.knowledge import CONTEXT_COLLECTIONS, Probe, SearchMode
from hybrid_coordinator.errors import NotFound
from hybrid_coordinator.flows.vectors import embed_all
from hybrid_coordinator.logic.gaps import (
    Gap,
    GapPolicy,
    Group,
    Known,
    Troubled,
    count_recoveries,
    describe_gap,
    describe_known,
    group_troubles,
    list_troubles,
)
from hybrid_coordinator.ports import Clock, Embedder, Knowledge, Ledger


class Gaps:
    """Reads the ledger and changes nothing. A gap keeps its name as long as what is asked in it stays the same."""

    def __init__(
        self, ledger: Ledger, knowledge: Knowledge, embedder: Embedder, clock: Clock, policy: GapPolicy
    ) -> None:
        self._ledger = ledger
        self._knowledge = knowledge
        self._embedder = embedder
        self._clock = clock
        self._policy = policy

    async def find(self) -> list[Gap]:
        """All gaps: the open ones first, of these the largest."""
        since = self._clock.now() - timedelta(days=self._policy.days)
        troubles = await self._troubles(since)
        vectors = await embed_all(self._embedder, [one.question for one in troubles])
        groups = await anyio.to_thread.run_sync(group_troubles, troubles, vectors, self._policy)
        recovered = await self._recoveries(groups)
        spent = (await self._ledger.totals(since, high_value=1.0)).cost
        gaps = [
            describe_gap(group, spent, await self._nearest(group), count, self._policy)
            for group, count in zip(groups, recovered, strict=True)
        ]
        return sorted(gaps, key=lambda gap: (gap.filled, -gap.size, gap.name))

    async def show(self, name: str) -> Gap:
        """One gap by its name; NotFound when there is none of it any more."""
        gaps = await self.find()
        gap = next((gap for gap in gaps if gap.name == name), None)
        if gap is None:
            there_are = ", ".join(repr(gap.name) for gap in gaps[:10]) or "none"
            raise NotFound(f"there is no gap {name!r}; name one of these: {there_are}")
        return gap

    async def _troubles(self, since: datetime) -> list[Troubled]:
        most, low_value = self._policy.most_questions, self._policy.low_value
        interactions = await self._ledger.troubled(limit=most, low_value=low_value, since=since)
        corrections = await self._ledger.corrections(limit=most)
        recent = [one for one in corrections if one.created_at >= since]
        return list_troubles(interactions, recent, low_value)[:most]

    async def _recoveries(self, groups: Sequence[Group]) -> list[int]:
        """Of each group. Only successes since the oldest of their last troubles can count."""
        if not groups:
            return []
        since = min(group.questions[0].at for group in groups)
        successes = await self._ledger.recent(
            limit=self._policy.most_questions, since=since, outcome=OutcomeKind.SUCCESS
        )
        vectors = await embed_all(self._embedder, [one.query for one in successes])
        return [count_recoveries(group, successes, vectors, self._policy) for group in groups]

    async def _nearest(self, group: Group) -> Known | None:
        (vector,) = await self._embedder.embed([group.middle])
        found = await self._knowledge.search(
            Probe(group.middle, vector), CONTEXT_COLLECTIONS, limit=1, mode=SearchMode.SEMANTIC
        )
        return describe_known(found[0]) if found else None
