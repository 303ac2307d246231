"""How learning went, in a terminal."""

from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console

from hybrid_coordinator.domain.interaction import AgentType, Outcome, OutcomeKind, ValueScore
from hybrid_coordinator.domain.learning import Change
from hybrid_coordinator.faces.cli.measuring import bar, dollars, measure_tables, short, spark
from hybrid_coordinator.faces.report_operations import report
from hybrid_coordinator.faces.report_shapes import ReportRequest
from hybrid_coordinator.testing import MemoryCatalog, MemoryLedger
from learned_items import asked, learned_skill
from room import Room

SUCCESS = Outcome(OutcomeKind.SUCCESS)


@pytest.fixture
def room() -> Room:
    catalog = MemoryCatalog()
    return Room(catalog=catalog, ledger=MemoryLedger(catalog))


async def printed(room: Room, days: int | None = None) -> list[str]:
    """The lines on a terminal of eighty columns."""
    made = await report(room.house, ReportRequest(days=days))
    screen = StringIO()
    console = Console(file=screen, width=80)
    for table in measure_tables(made.model_dump(mode="json")):
        console.print(table)
    return [line.rstrip() for line in screen.getvalue().splitlines()]


async def busy_weeks(room: Room, days: int) -> None:
    """Big figures on each of the last days."""
    now = room.clock.now()
    item = replace(learned_skill("s1", "how to"), created_at=now)
    await room.catalog.apply([Change("s1", "learn", None, item, "extract")], now)
    for number in range(days):
        one = asked(f"i{number}", "how?", "so", outcome=SUCCESS)
        at = now - timedelta(days=number)
        dear = replace(
            one, created_at=at, agent_type=AgentType.REMOTE, tokens_used=10**9, cost=10**10, cost_saved=10**11
        )
        await room.ledger.append(replace(dear, value=ValueScore(0.9, {}, {})))
        await room.ledger.credit(one.id, {"s1": 1.0})


async def test_a_fresh_house_has_its_targets_to_show(room: Room) -> None:
    lines = await printed(room)

    assert not any("day " in line and "asked" in line for line in lines)
    assert any("learned a day" in line and "target 10.0 to 50.0" in line for line in lines)


async def test_big_figures_keep_within_eighty_columns_a_line_a_day(room: Room) -> None:
    await busy_weeks(room, 20)

    lines = await printed(room, 7)

    assert max(map(len, lines)) <= 80
    today = room.clock.now().date()
    assert [line[:5] for line in lines[2:9]] == [f"{today - timedelta(days=ago):%m-%d}" for ago in range(6, -1, -1)]
    assert all("$10.0k" in line and "100%" in line for line in lines[2:9])


async def test_of_many_days_the_latest_are_shown(room: Room) -> None:
    await busy_weeks(room, 20)

    lines = await printed(room, 30)

    assert lines[0] == "The latest 14 days (UTC)"
    assert sum("$10.0k" in line for line in lines) == 14


def test_a_bar_is_as_wide_as_its_share() -> None:
    assert [bar(value, 4) for value in (None, 0.0, 0.5, 1.0, 7.0)] == ["    ", "    ", "██  ", "████", "████"]
    assert bar(0.28, 4) == "█▏  "


def test_a_spark_line_shows_all_that_is_not_zero() -> None:
    assert spark([]) == ""
    assert spark([0, 0]) == "  "
    assert spark([0, 1, 1_000, 500]) == " ▁█▄"


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (9_999, "9,999"),
        (54_900, "54.9k"),
        (999_999, "1000k"),
        (1_000_000, "1.0M"),
        (123_456_789, "123M"),
        (10**9, "1.0G"),
    ],
)
def test_a_count_is_short(count: int, told: str) -> None:
    assert short(count) == told
    assert len(told) <= 5


def test_money_is_told_to_the_cent_while_cents_matter() -> None:
    assert [dollars(usd) for usd in (0.0, 0.004, 999.99, 1_000.0, 123_456.7)] == [
        "$0.00",
        "<$0.01",
        "$999.99",
        "$1,000",
        "$123k",
    ]
