"""The score step: many values at a time, for what came with its outcome."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind
from hybrid_coordinator.flows.scoring import BATCH, Scorer
from hybrid_coordinator.logic.scoring import ScoringPolicy
from hybrid_coordinator.testing import MemoryLedger

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
GOOD = Outcome(OutcomeKind.SUCCESS, 1)


def told(number: int, query: str = "", outcome: Outcome | None = GOOD) -> Interaction:
    return Interaction(
        id=f"i{number}",
        created_at=NOON,
        query=query or f"what is thing {number}?",
        response="That is so.",
        agent_type=AgentType.LOCAL,
        model_used="m",
        outcome=outcome,
        settled_at=NOON if outcome else None,
    )


async def record(*interactions: Interaction) -> MemoryLedger:
    ledger = MemoryLedger()
    for interaction in interactions:
        await ledger.append(interaction)
    return ledger


async def test_what_came_with_an_outcome_gets_a_value() -> None:
    ledger = await record(told(1))

    worked = await Scorer(ledger, ScoringPolicy()).work()

    value = (await ledger.get("i1")).value
    assert worked.done == 1
    assert value is not None
    assert value.total == pytest.approx(0.4 + 0.2 + 0.2 * 0.3 + 0.0 + 0.1)


async def test_what_nobody_judged_has_no_value() -> None:
    ledger = await record(told(1, outcome=None))

    worked = await Scorer(ledger, ScoringPolicy()).work()

    assert worked.done == 0
    assert (await ledger.get("i1")).value is None


async def test_the_same_question_in_another_order_counts_as_asked_before() -> None:
    ledger = await record(
        told(1, "how do I restart the nginx server?"),
        told(2, "How do I restart a server of nginx"),
        told(3, "bake a loaf of bread"),
    )

    await Scorer(ledger, ScoringPolicy()).work()

    parts = [value.parts["reusability"] for id in ("i1", "i2", "i3") if (value := (await ledger.get(id)).value)]
    assert parts == [0.5, 0.5, 0.3]


async def test_values_are_the_same_however_often_the_step_runs() -> None:
    ledger = await record(told(1))
    scorer = Scorer(ledger, ScoringPolicy())
    await scorer.work()
    first = (await ledger.get("i1")).value

    again = await scorer.work()

    assert again.done == 0
    assert (await ledger.get("i1")).value == first


async def test_a_full_batch_says_that_there_is_more() -> None:
    ledger = await record(*(told(number) for number in range(BATCH + 1)))
    scorer = Scorer(ledger, ScoringPolicy())

    first, second = await scorer.work(), await scorer.work()

    assert (first.done, first.more) == (BATCH, True)
    assert (second.done, second.more) == (1, False)


async def test_high_values_are_counted_for_people() -> None:
    ledger = await record(told(1), replace(told(2), outcome=Outcome(OutcomeKind.FAILURE, -1)))

    worked = await Scorer(ledger, ScoringPolicy()).work()

    assert worked.counts == {"scored": 2, "of high value": 1}
