"""What it all came to: counts, shares, money."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from hybrid_coordinator.domain.interaction import Totals
from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.ports import Clock, Knowledge, Ledger


@dataclass(frozen=True, slots=True)
class Report:
    """Sums over the last `days` (None: ever) and what the collections hold now. Shares are None without a whole."""

    days: int | None
    totals: Totals
    passages: Mapping[Collection, int]

    @property
    def answered(self) -> int:
        """Answers that were whole."""
        return self.totals.local + self.totals.remote

    @property
    def local_share(self) -> float | None:
        return self.totals.local / self.answered if self.answered else None

    @property
    def success_rate(self) -> float | None:
        """Successes among the settled, a partial one counting half."""
        settled = sum(self.totals.settled.values())
        if not settled:
            return None
        return (self.totals.settled.get("success", 0) + 0.5 * self.totals.settled.get("partial", 0)) / settled

    @property
    def learning_rate(self) -> float | None:
        """count(value_score ≥ threshold) / total_interactions, as the users' document defines it."""
        return self.totals.high_value / self.totals.interactions if self.totals.interactions else None


class Reporter:
    """Adds up what the ledger and the collections hold."""

    def __init__(self, ledger: Ledger, knowledge: Knowledge, clock: Clock, high_value: float) -> None:
        self._ledger = ledger
        self._knowledge = knowledge
        self._clock = clock
        self._high_value = high_value

    async def report(self, days: int | None = None) -> Report:
        """The report of the last `days`, or of everything."""
        if days is not None and not 1 <= days <= 36_500:
            raise BadInput(f"days is {days!r}; it must be from 1 to 36500, or left out for everything")
        since = None if days is None else self._clock.now() - timedelta(days=days)
        totals = await self._ledger.totals(since, high_value=self._high_value)
        return Report(days, totals, await self._knowledge.counts())
