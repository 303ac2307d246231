"""Pairs are found once each, whenever and however often somebody looks."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest

from hybrid_coordinator.flows.preferring import PairFinder
from hybrid_coordinator.logic.preferences import PreferencePolicy
from teaching import FAILURE, NOON, SUCCESS, Classroom, answered, corrected, open_classroom


@pytest.fixture
async def classroom(tmp_path: Path) -> AsyncGenerator[Classroom]:
    async with open_classroom(tmp_path) as opened:
        opened.clock.advance(3 * 86_400)
        yield opened


def finder(classroom: Classroom, **policy: float) -> PairFinder:
    return PairFinder(classroom.ledger, classroom.annals, classroom.clock, PreferencePolicy(batch=3, **policy))  # type: ignore[arg-type]


async def work_off(finder: PairFinder) -> int:
    found = 0
    while (worked := await finder.work()).more:
        found += worked.done
    return found + worked.done


async def judges_of(classroom: Classroom) -> list[str]:
    return sorted(pair.why for pair in await classroom.ledger.preferences(limit=100))


async def fill(classroom: Classroom) -> None:
    """Ten questions: each corrected, asked again, and answered by two variants."""
    for number in range(0, 100, 10):
        question = f"How do I mount the volume number {number}?"
        first = answered(number, question, "Reboot.", outcome=FAILURE, session=f"s{number}", tags=("variant:a",))
        again = answered(number + 1, question, "Run mount.", session=f"s{number}", tags=("variant:b",))
        await classroom.record(first, again)
        await classroom.ledger.correct(corrected(number + 2, of=first))


async def test_every_kind_of_judgement_becomes_a_pair_once(classroom: Classroom) -> None:
    await fill(classroom)
    looking = finder(classroom)

    await work_off(looking)
    found = await judges_of(classroom)
    again = await work_off(looking)

    assert found == ["correction"] * 10 + ["experiment"] * 10 + ["regeneration"] * 10
    assert (again, await judges_of(classroom)) == (0, found)


async def test_after_a_restart_the_same_pairs_are_found(classroom: Classroom) -> None:
    await fill(classroom)
    await finder(classroom).work()  # and the process dies

    await work_off(finder(classroom))
    await work_off(finder(classroom))

    assert len(await judges_of(classroom)) == 30


async def test_what_is_said_later_is_found_later(classroom: Classroom) -> None:
    first = answered(1, response="Reboot.", outcome=None, value=None, session="s")
    await classroom.record(first)
    looking = finder(classroom)
    before = await work_off(looking)

    await classroom.record(judged := answered(3, session="s"))
    await classroom.ledger.correct(corrected(4, of=first))
    after = await work_off(looking)

    assert (before, after) == (0, 2)
    pairs = {pair.why: pair for pair in await classroom.ledger.preferences(limit=10)}
    assert (pairs["regeneration"].chosen_id, pairs["correction"].rejected_id) == (judged.id, first.id)


async def test_outcomes_from_before_the_last_days_are_left_alone(classroom: Classroom) -> None:
    await fill(classroom)

    await work_off(finder(classroom, look_back_days=1.0))

    assert await judges_of(classroom) == ["correction"] * 10


async def test_an_outcome_heard_after_the_clock_went_back_is_not_missed(classroom: Classroom) -> None:
    await fill(classroom)
    looking = finder(classroom)
    await work_off(looking)
    classroom.clock.advance(-86_400 * 4)  # to the day before everything

    first = answered(201, "How do I rotate the keys?", "Reboot.", outcome=FAILURE, value=0.2, session="x")
    again = answered(202, "How do I rotate the keys?", "Run rotate.", session="x")
    for one, outcome in ((first, FAILURE), (again, SUCCESS)):
        await classroom.ledger.append(one)
        assert one.value is not None
        await classroom.ledger.settle(one.id, outcome, one.value, classroom.clock.now() + timedelta(hours=1))
    await work_off(looking)

    assert (await judges_of(classroom)).count("regeneration") == 11


async def test_the_excluded_are_not_paired(classroom: Classroom) -> None:
    await fill(classroom)
    await classroom.ledger.exclude("answer-0", "private", NOON)

    await work_off(finder(classroom))

    assert len(await judges_of(classroom)) == 27
