"""How learning goes, as the report tells it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind, ValueScore
from hybrid_coordinator.domain.learning import Change, Learned
from hybrid_coordinator.flows.measures import MEASURED_DAYS
from hybrid_coordinator.flows.stopwatch import REMEMBERED, Stopwatch
from hybrid_coordinator.testing import ManualClock, MemoryCatalog, MemoryLedger
from learned_items import learned_skill
from recorded import plain
from room import Room

NOW = datetime(2026, 3, 18, 9, tzinfo=UTC)
TODAY = NOW.date()
GOOD = ValueScore(0.9, {}, {})


@pytest.fixture
def room() -> Room:
    catalog = MemoryCatalog()
    return Room(clock=ManualClock(NOW), catalog=catalog, ledger=MemoryLedger(catalog))


def settled(id: str, at: datetime, kind: OutcomeKind = OutcomeKind.SUCCESS) -> Interaction:
    return replace(plain(id), created_at=at, outcome=Outcome(kind), settled_at=at, value=GOOD)


async def keep(room: Room, *kept: Interaction | Learned) -> None:
    for one in kept:
        if isinstance(one, Interaction):
            await room.ledger.append(one)
        else:
            await room.catalog.apply([Change(one.id, "learn", None, one, "extract")], NOW)


async def test_days_are_whole_ones_and_today_is_the_last(room: Room) -> None:
    midnight = datetime(2026, 3, 12, tzinfo=UTC)
    await keep(room, settled("before", midnight - timedelta(microseconds=1)), settled("first", midnight))
    await keep(room, settled("now", NOW))

    made = (await room.house.reporter.report(7)).measures

    assert [(day.day, day.interactions) for day in made.days] == [(date(2026, 3, 12), 1), (TODAY, 1)]
    assert [band.count for band in made.bands] == [0, 0, 0, 2]


async def test_without_a_span_the_last_month_is_measured(room: Room) -> None:
    await keep(room, settled("old", NOW - timedelta(days=MEASURED_DAYS)), settled("new", NOW))

    report = await room.house.reporter.report()

    assert report.totals.interactions == 2
    assert (report.measures.span, [day.day for day in report.measures.days]) == (MEASURED_DAYS, [TODAY])


async def test_the_trend_looks_back_a_fortnight_whatever_the_span(room: Room) -> None:
    for number in range(20):
        await keep(room, settled(f"now {number}", NOW))
        await keep(room, settled(f"then {number}", NOW - timedelta(days=7), OutcomeKind.FAILURE))

    made = (await room.house.reporter.report(1)).measures

    assert len(made.days) == 1
    assert made.trend is not None
    assert (made.trend.now, made.trend.before, made.trend.verdict) == (1.0, 0.0, "better")


async def test_what_was_learned_away_and_served_at_home_is_told_with_its_success(room: Room) -> None:
    skill = learned_skill("far", "how to")
    far = replace(skill, draft=replace(skill.draft, payload={"agent_type": "remote"}))
    await keep(room, far, settled("home", NOW), settled("again", NOW), settled("without", NOW))
    await room.ledger.credit("home", {"far": 1.0})
    await room.ledger.credit("again", {"far": 0.5})

    made = (await room.house.reporter.report(7)).measures

    away, home = made.crossings
    assert (away.taught_by, away.answered_by) == (AgentType.REMOTE, AgentType.LOCAL)
    assert (away.items, away.uses, away.mean_credit) == (1, 2, 0.75)
    assert (home.items, home.uses) == (0, 0)
    assert made.learned_reuse_rate.value == pytest.approx(2 / 3)


async def test_an_empty_house_has_nothing_to_measure(room: Room) -> None:
    made = (await room.house.reporter.report(3)).measures

    assert (made.today, made.days, made.learned, made.laps, made.trend) == (TODAY, (), 0, (), None)
    assert made.bytes_per_pattern.value is None


def timed(milliseconds: Sequence[float]) -> Stopwatch:
    clock = ManualClock()
    stopwatch = Stopwatch(clock)
    for one in milliseconds:
        with stopwatch.timing("part"):
            clock.advance(one / 1_000)
    return stopwatch


def test_a_stopwatch_tells_the_mean_and_the_99th_percentile() -> None:
    (lap,) = timed(range(1, 101)).laps

    assert (lap.name, lap.count) == ("part", 100)
    assert lap.mean_ms == pytest.approx(50.5)
    assert lap.p99_ms == pytest.approx(99.0)


def test_what_took_long_long_ago_is_forgotten_by_the_percentile_only() -> None:
    (lap,) = timed([60_000] * 50 + [1] * REMEMBERED).laps

    assert lap.p99_ms == pytest.approx(1.0)
    assert lap.mean_ms > 1_000


def test_what_fails_was_waited_for_too() -> None:
    clock = ManualClock()
    stopwatch = Stopwatch(clock)

    with pytest.raises(ZeroDivisionError), stopwatch.timing("part"):
        clock.advance(0.005)
        _ = 1 / 0

    assert [(lap.count, lap.mean_ms) for lap in stopwatch.laps] == [(1, 5.0)]
