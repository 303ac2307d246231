"""What a key may spend in a day, and where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from hybrid_coordinator.domain.interaction import Spending


@dataclass(frozen=True, slots=True)
class BudgetPolicy:
    """What each key may spend from one midnight (UTC) to the next: 0 is no limit.

    From a soft limit on questions stay at home; from a hard one they are refused. `overrides` are the budgets of single
    keys, by name; a limit that one leaves out is the general one.
    """

    soft_usd: float = 0.0
    hard_usd: float = 0.0
    soft_tokens: int = 0
    hard_tokens: int = 0
    overrides: Mapping[str, "BudgetPolicy"] = field(default_factory=dict)

    def of(self, asker: str) -> "BudgetPolicy":
        """The budget of one key."""
        own = self.overrides.get(asker)
        if own is None:
            return self
        return BudgetPolicy(
            own.soft_usd or self.soft_usd,
            own.hard_usd or self.hard_usd,
            own.soft_tokens or self.soft_tokens,
            own.hard_tokens or self.hard_tokens,
        )


class Level(StrEnum):
    """How far a budget is used: not to a limit, to the soft one, to the hard one."""

    OK = "ok"
    SOFT = "soft"
    HARD = "hard"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a key stands. The reason names what was spent of what, and when that starts anew; it is empty at OK."""

    level: Level
    resets_at: datetime
    reason: str = ""


def judge_budget(spending: Spending, policy: BudgetPolicy, resets_at: datetime) -> Standing:
    """Compare what a key spent today with its budget. A limit is reached when all of it is spent."""
    limits = (
        (Level.HARD, policy.hard_usd, policy.hard_tokens),
        (Level.SOFT, policy.soft_usd, policy.soft_tokens),
    )
    for level, usd, tokens in limits:
        cost = round(usd * 1_000_000)
        if 0 < cost <= spending.cost:
            return _reached(level, _dollars(spending.cost), _dollars(cost), resets_at)
        if 0 < tokens <= spending.tokens:
            return _reached(level, f"{spending.tokens:,} remote tokens", f"{tokens:,}", resets_at)
    return Standing(Level.OK, resets_at)


def _reached(level: Level, spent: str, limit: str, resets_at: datetime) -> Standing:
    until = f"{resets_at:%Y-%m-%d %H:%M} UTC"
    reason = f"{spent} spent today, and the {level.value} limit is {limit}; the day ends at {until}"
    return Standing(level, resets_at, reason)


def _dollars(micro_dollars: int) -> str:
    """To the cent, or as exactly as a smaller amount needs."""
    whole, fraction = divmod(micro_dollars, 1_000_000)
    return f"${whole:,}.{f'{fraction:06}'.rstrip('0').ljust(2, '0')}"
