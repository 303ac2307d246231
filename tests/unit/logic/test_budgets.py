"""Where a key stands with what it spent."""

from datetime import UTC, datetime

import pytest

from hybrid_coordinator.domain.interaction import Spending
from hybrid_coordinator.logic.budgets import BudgetPolicy, Level, judge_budget

MIDNIGHT = datetime(2026, 3, 5, tzinfo=UTC)
POLICY = BudgetPolicy(soft_usd=1.0, hard_usd=2.0, soft_tokens=1_000, hard_tokens=2_000)


@pytest.mark.parametrize(
    ("cost", "tokens", "level"),
    [
        (0, 0, Level.OK),
        (999_999, 999, Level.OK),
        (1_000_000, 0, Level.SOFT),
        (0, 1_000, Level.SOFT),
        (2_000_000, 0, Level.HARD),
        (0, 2_000, Level.HARD),
        (1_500_000, 5_000, Level.HARD),
    ],
)
def test_a_limit_is_reached_when_all_of_it_is_spent(cost: int, tokens: int, level: Level) -> None:
    assert judge_budget(Spending(cost, tokens), POLICY, MIDNIGHT).level is level


def test_no_limit_is_never_reached() -> None:
    standing = judge_budget(Spending(10**15, 10**15), BudgetPolicy(), MIDNIGHT)

    assert (standing.level, standing.reason) == (Level.OK, "")


def test_a_hard_limit_below_the_soft_one_still_refuses() -> None:
    policy = BudgetPolicy(soft_usd=5.0, hard_usd=1.0)

    assert judge_budget(Spending(1_000_000), policy, MIDNIGHT).level is Level.HARD


def test_the_reason_names_what_was_spent_of_what_and_until_when() -> None:
    money = judge_budget(Spending(1_250_000), POLICY, MIDNIGHT)
    tokens = judge_budget(Spending(0, 2_345), POLICY, MIDNIGHT)

    assert money.reason == "$1.25 spent today, and the soft limit is $1.00; the day ends at 2026-03-05 00:00 UTC"
    assert tokens.reason == (
        "2,345 remote tokens spent today, and the hard limit is 2,000; the day ends at 2026-03-05 00:00 UTC"
    )


def test_a_small_limit_is_named_exactly() -> None:
    standing = judge_budget(Spending(2_500), BudgetPolicy(hard_usd=0.0025), MIDNIGHT)

    assert standing.reason.startswith("$0.0025 spent today, and the hard limit is $0.0025;")


def test_what_a_budget_of_its_own_leaves_out_is_the_general_one() -> None:
    policy = BudgetPolicy(soft_usd=1.0, hard_tokens=10, overrides={"colleague": BudgetPolicy(hard_usd=9.0)})

    assert policy.of("colleague") == BudgetPolicy(soft_usd=1.0, hard_usd=9.0, hard_tokens=10)
    assert policy.of("somebody") is policy
