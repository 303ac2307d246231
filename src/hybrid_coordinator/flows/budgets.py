"""Who has spent how much today, known without asking the ledger."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

from hybrid_coordinator.domain.interaction import AgentType, Interaction, Spending
from hybrid_coordinator.errors import OverBudget
from hybrid_coordinator.logic.budgets import BudgetPolicy, Level, Standing, judge_budget
from hybrid_coordinator.ports import Clock, Ledger

NOTHING = Spending()

DAYS_KEPT = 3
"""Days of which sums are remembered, so that a clock that goes back finds those of the day it went back to."""


class Budgets:
    """Keeps each key's spending of the day, from midnight to midnight UTC.

    A sum is what the ledger held when this was opened and what was noted since: the keys of a replica beside this one
    spend from a purse of their own until either is opened again. A question that was let in is answered to its end, so
    a hard limit is overshot by at most what those running then still cost.
    """

    def __init__(self, ledger: Ledger, clock: Clock, policy: BudgetPolicy) -> None:
        self._ledger = ledger
        self._clock = clock
        self._policy = policy
        self._spent: dict[date, dict[str, Spending]] = {}

    async def open(self) -> None:
        """Read what was spent today; call it once, before the first question."""
        today = self._today()
        self._spent[today] = dict(await self._ledger.spent(_midnight(today)))

    def standing(self, asker: str) -> Standing:
        """Where a key stands now."""
        today = self._today()
        spent = self._spent.get(today, {}).get(asker, NOTHING)
        return judge_budget(
            spent,
            self._policy.of(asker),
            _midnight(today + timedelta(days=1)),
        )

    def demand(self, asker: str) -> Standing:
        """The standing of a key that may still ask; one at its hard limit raises OverBudget."""
        standing = self.standing(asker)
        if standing.level is Level.HARD:
            wait = standing.resets_at - self._clock.now()
            raise OverBudget(f"the budget of key {asker!r}: {standing.reason}", retry_after_s=wait.total_seconds())
        return standing

    def note(self, interaction: Interaction) -> None:
        """Add what an interaction cost to the day it was recorded on, as the ledger does."""
        day = self._spent.setdefault(interaction.created_at.astimezone(UTC).date(), {})
        tokens = interaction.tokens_used if interaction.agent_type is AgentType.REMOTE else 0
        day[interaction.asker] = _add(day.get(interaction.asker, NOTHING), Spending(interaction.cost, tokens))
        while len(self._spent) > DAYS_KEPT:
            del self._spent[min(self._spent)]

    def standings(self) -> Mapping[str, Standing]:
        """Where everyone stands who spent something today, or has a budget of their own."""
        askers = self._policy.overrides.keys() | self._spent.get(self._today(), {}).keys()
        return {asker: self.standing(asker) for asker in sorted(askers)}

    def _today(self) -> date:
        return self._clock.now().astimezone(UTC).date()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _add(one: Spending, other: Spending) -> Spending:
    return Spending(one.cost + other.cost, one.tokens + other.tokens)
