"""Find which of two answers was better, from what people and outcomes said since the last look."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import anyio.to_thread

from hybrid_coordinator.domain.interaction import Correction, Interaction, PreferencePair
from hybrid_coordinator.domain.learning import Worked
from hybrid_coordinator.logic.preferences import PreferencePolicy, correction_pair, judged_pairs
from hybrid_coordinator.logic.question_key import question_key
from hybrid_coordinator.ports import Annals, Clock, Ledger


class PairFinder:
    """Keeps a pair for each. A pair has the same id whenever it is found, so that looking again changes nothing.

    Where it stands is not kept: after a start it looks again at the outcomes of the last days, and at all corrections.
    """

    def __init__(self, ledger: Ledger, annals: Annals, clock: Clock, policy: PreferencePolicy) -> None:
        self._ledger = ledger
        self._annals = annals
        self._clock = clock
        self._policy = policy
        self._looked_at = clock.now()
        self._since = self._looked_at - timedelta(days=policy.look_back_days)
        self._after = ""
        self._corrections = _Backwards()

    async def work(self) -> Worked:
        """Look at one batch of corrections and one of outcomes."""
        excluded, batch = await self._ledger.excluded(), self._policy.batch
        self._mind_the_clock()
        page = await self._annals.corrected(before=self._corrections.before, limit=batch)
        settled = await self._annals.settled(since=self._since, after=self._after, limit=batch)
        corrected = await self._corrected(self._corrections.new_on(page), excluded)
        pairs = [*corrected, *await self._judged(settled, excluded)]
        for pair in pairs:
            await self._ledger.prefer(pair)
        self._corrections.turn(page, batch)
        if settled and settled[-1].settled_at is not None:
            self._since, self._after = settled[-1].settled_at, settled[-1].id
        more = self._corrections.more or len(settled) == batch
        return Worked(len(pairs), more, {"preference_pairs": len(pairs)})

    def _mind_the_clock(self) -> None:
        """When the clock goes back, so does the look: what is heard from now on stands before what was seen."""
        now = self._clock.now()
        if now < self._looked_at:
            self._since, self._after = min(self._since, now), ""
        self._looked_at = now

    async def _corrected(self, corrections: Sequence[Correction], excluded: Mapping[str, str]) -> list[PreferencePair]:
        ids = [one.interaction_id for one in corrections if one.interaction_id is not None]
        answered = {one.id: one for one in await self._ledger.get_all(ids)}
        found = [
            correction_pair(one, answered[one.interaction_id], excluded)
            for one in corrections
            if one.interaction_id in answered
        ]
        return [pair for pair in found if pair is not None]

    async def _judged(self, settled: Sequence[Interaction], excluded: Mapping[str, str]) -> list[PreferencePair]:
        pairs: list[PreferencePair] = []
        for one in settled:
            alike = await self._annals.asked(question_key(one.query), limit=self._policy.most_alike)
            pairs += await anyio.to_thread.run_sync(judged_pairs, one, alike, excluded, self._policy)
        return pairs


class _Backwards:
    """A walk from the newest record to the oldest, and later from the newest to where the last walk began."""

    def __init__(self) -> None:
        self.before: int | None = None
        self._newest = 0
        self._known = 0

    @property
    def more(self) -> bool:
        """Whether the walk is not at its end."""
        return self.before is not None

    def new_on(self, page: Sequence[tuple[int, Correction]]) -> list[Correction]:
        """What no walk has met."""
        return [one for place, one in page if place > self._known]

    def turn(self, page: Sequence[tuple[int, Correction]], size: int) -> None:
        """Go on before this page; a page with something known, or with less than `size`, ends the walk."""
        self._newest = max([self._newest, *(place for place, _ in page)])
        if len(self.new_on(page)) == size:
            self.before = page[-1][0]
        else:
            self.before, self._known = None, self._newest
