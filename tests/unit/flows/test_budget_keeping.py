"""Spending is known at once, day by day, whatever the clock does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hybrid_coordinator.domain.interaction import AgentType, Interaction
from hybrid_coordinator.errors import OverBudget
from hybrid_coordinator.flows.budgets import Budgets
from hybrid_coordinator.logic.budgets import BudgetPolicy, Level
from hybrid_coordinator.testing import ManualClock, MemoryLedger

EVENING = datetime(2026, 3, 4, 23, tzinfo=UTC)
HOUR_S = 3600.0
POLICY = BudgetPolicy(
    soft_usd=1.0,
    hard_usd=2.0,
    soft_tokens=500,
    overrides={"guest": BudgetPolicy(hard_tokens=100), "boss": BudgetPolicy(soft_usd=1e6, hard_usd=1e6)},
)


def spending(clock: ManualClock, *, asker: str = "", cost: int = 0, tokens: int = 0) -> Interaction:
    return Interaction(
        id=clock.new_id(),
        created_at=clock.now(),
        query="q",
        response="r",
        agent_type=AgentType.REMOTE,
        model_used="large",
        tokens_used=tokens,
        cost=cost,
        asker=asker,
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(EVENING)


@pytest.fixture
def budgets(clock: ManualClock) -> Budgets:
    return Budgets(MemoryLedger(), clock, POLICY)


def test_who_spent_nothing_may_ask(budgets: Budgets) -> None:
    standing = budgets.demand("anybody")

    assert standing.level is Level.OK
    assert standing.resets_at == datetime(2026, 3, 5, tzinfo=UTC)


def test_what_is_noted_counts_at_once_and_for_that_key_alone(budgets: Budgets, clock: ManualClock) -> None:
    budgets.note(spending(clock, asker="a", cost=600_000))
    budgets.note(spending(clock, asker="a", cost=400_000))

    assert budgets.standing("a").level is Level.SOFT
    assert budgets.standing("b").level is Level.OK


def test_the_tokens_of_a_local_answer_are_nobodys_expense(budgets: Budgets, clock: ManualClock) -> None:
    budgets.note(replace(spending(clock, tokens=9_999), agent_type=AgentType.LOCAL))

    assert budgets.standing("").level is Level.OK


def test_a_key_has_the_budget_of_its_own_name(budgets: Budgets, clock: ManualClock) -> None:
    for asker in ("guest", "boss"):
        budgets.note(spending(clock, asker=asker, cost=9_000_000, tokens=100))

    assert budgets.standing("guest").level is Level.HARD
    assert budgets.standing("boss").level is Level.OK


def test_at_the_hard_limit_a_question_is_refused_until_midnight(budgets: Budgets, clock: ManualClock) -> None:
    budgets.note(spending(clock, asker="guest", tokens=120))

    with pytest.raises(OverBudget, match=r"key 'guest': 120 remote tokens.*limit is 100.*2026-03-05 00:00") as caught:
        budgets.demand("guest")

    assert caught.value.retry_after_s == HOUR_S


def test_at_midnight_everybody_starts_anew(budgets: Budgets, clock: ManualClock) -> None:
    budgets.note(spending(clock, cost=3_000_000))

    clock.advance(HOUR_S - 1)
    before = budgets.standing("").level
    clock.advance(1)

    assert before is Level.HARD
    assert budgets.standing("").level is Level.OK


def test_a_clock_that_goes_back_over_midnight_finds_the_day_as_it_was(budgets: Budgets, clock: ManualClock) -> None:
    budgets.note(spending(clock, cost=3_000_000))
    clock.advance(2 * HOUR_S)
    budgets.note(spending(clock, cost=1_000_000))

    clock.advance(-2 * HOUR_S)
    back = budgets.standing("").level
    clock.advance(2 * HOUR_S)

    assert back is Level.HARD
    assert budgets.standing("").level is Level.SOFT


def test_only_some_days_are_remembered(budgets: Budgets, clock: ManualClock) -> None:
    for _ in range(30):
        budgets.note(spending(clock, cost=3_000_000))
        clock.advance(24 * HOUR_S)

    clock.advance(-2 * 24 * HOUR_S)
    lately = budgets.standing("").level
    clock.advance(-20 * 24 * HOUR_S)

    assert lately is Level.HARD
    assert budgets.standing("").level is Level.OK


async def test_opening_reads_what_was_spent_since_midnight(clock: ManualClock) -> None:
    ledger = MemoryLedger()
    today = spending(clock, asker="a", cost=1_500_000)
    await ledger.append(today)
    await ledger.append(replace(today, id="yesterday", created_at=EVENING - timedelta(days=1), cost=1_000_000))
    budgets = Budgets(ledger, clock, POLICY)

    await budgets.open()
    opened = budgets.standing("a")
    budgets.note(spending(clock, asker="a", cost=500_000))

    assert opened.reason.startswith("$1.50 spent today")
    assert budgets.standing("a").level is Level.HARD


def test_standings_name_who_spent_and_who_has_a_budget_of_their_own(budgets: Budgets, clock: ManualClock) -> None:
    budgets.note(spending(clock, asker="a", cost=1_000_000))

    standings = budgets.standings()

    assert {name: standing.level.value for name, standing in standings.items()} == {
        "a": "soft",
        "boss": "ok",
        "guest": "ok",
    }
