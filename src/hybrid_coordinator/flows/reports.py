"""What it all came to: counts, shares, money."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from hybrid_coordinator.domain.interaction import Totals
from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.flows.budgets import Budgets
from hybrid_coordinator.flows.measures import MEASURED_DAYS, Measurer, Measures
from hybrid_coordinator.logic.auditing import ArmSums, Audit, audit
from hybrid_coordinator.logic.budgets import Standing
from hybrid_coordinator.ports import Clock, Knowledge, Ledger


@dataclass(frozen=True, slots=True)
class Report:
    """Sums over the last `days` (None: ever) and what the collections hold now. Shares are None without a whole.

    `savings` compares what was routed with the share that was held out; `measures` are of the last `days`, or of the
    last MEASURED_DAYS; `standings` are today's budgets, by key.
    """

    days: int | None
    totals: Totals
    passages: Mapping[Collection, int]
    savings: Audit
    measures: Measures
    standings: Mapping[str, Standing] = field(default_factory=dict)

    @property
    def answered(self) -> int:
        """Answers that were whole."""
        return self.totals.local + self.totals.remote

    @property
    def local_share(self) -> float | None:
        return self.totals.local / self.answered if self.answered else None

    @property
    def cache_hits(self) -> int:
        """Answers that were recalled."""
        return sum(self.totals.recalled.values())

    @property
    def cache_hit_share(self) -> float | None:
        """Recalled answers among the whole ones."""
        return self.cache_hits / self.answered if self.answered else None

    @property
    def escalation_share(self) -> float | None:
        """Rejected local answers among all that were given at home, rejected or not."""
        tried = self.totals.local + self.totals.escalations
        return self.totals.escalations / tried if tried else None

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

    def __init__(
        self,
        ledger: Ledger,
        knowledge: Knowledge,
        measurer: Measurer,
        clock: Clock,
        high_value: float,
        budgets: Budgets | None = None,
    ) -> None:
        """Without budgets nobody's standing is reported."""
        self._ledger = ledger
        self._knowledge = knowledge
        self._measurer = measurer
        self._clock = clock
        self._high_value = high_value
        self._budgets = budgets

    async def report(self, days: int | None = None) -> Report:
        """The report of the last `days`, or of everything."""
        if days is not None and not 1 <= days <= 36_500:
            raise BadInput(f"days is {days!r}; it must be from 1 to 36500, or left out for everything")
        since = None if days is None else self._clock.now() - timedelta(days=days)
        totals = await self._ledger.totals(since, high_value=self._high_value)
        arms = await self._ledger.audited(since)
        return Report(
            days,
            totals,
            await self._knowledge.counts(),
            savings=audit(arms.get(False, ArmSums()), arms.get(True, ArmSums())),
            measures=await self._measurer.measure(days or MEASURED_DAYS),
            standings={} if self._budgets is None else self._budgets.standings(),
        )
