"""When a schedule of cron says that it is time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hybrid_coordinator.errors import SettingError
from hybrid_coordinator.logic.finetune_policy import FinetunePolicy
from hybrid_coordinator.logic.finetune_schedule import check_schedule, due, next_run

SUNDAYS = FinetunePolicy().schedule
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def on_the_wall(moment: datetime) -> datetime:
    """What a clock in Berlin shows."""
    return moment.astimezone(BERLIN).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        (SUNDAYS, "2026-11-21 14:00", "2026-11-22 02:00"),
        (SUNDAYS, "2026-11-22 02:00", "2026-11-29 02:00"),
        ("30 3 * * *", "2026-11-21 03:29", "2026-11-21 03:30"),
        ("*/20 1-2 * * *", "2026-11-21 01:40", "2026-11-21 02:00"),
        ("5,35 0 * * *", "2026-11-21 00:05", "2026-11-21 00:35"),
        ("0 0 1 jan *", "2026-11-21 00:00", "2027-01-01 00:00"),
        ("0 2 * * mon-fri", "2026-11-21 14:00", "2026-11-23 02:00"),
        ("0 2 * * 7", "2026-11-21 14:00", "2026-11-22 02:00"),
        ("0 0 29 2 *", "2026-11-21 00:00", "2028-02-29 00:00"),
        ("0 4 13 * fri", "2026-11-21 00:00", "2026-11-27 04:00"),
        ("0 4 13 * fri", "2026-12-12 00:00", "2026-12-13 04:00"),
        ("0 4 */2 * fri", "2026-11-21 00:00", "2026-11-27 04:00"),
    ],
)
def test_the_next_time_is_the_first_that_fits_behind_the_last(schedule: str, after: str, expected: str) -> None:
    assert next_run(schedule, at(after)) == at(expected)


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "sometimes",
        "0 2 * *",
        "0 0 2 * * 0",
        "60 2 * * 0",
        "0 24 * * 0",
        "0 2 0 * *",
        "0 2 * 13 *",
        "0 2 * * 8",
        "0 2 5-1 * *",
        "*/0 2 * * *",
        "0 -2 * * *",
        "0 2 ** * *",
        "0 2 ٣ * *",
        "9" * 5_000 + " 2 * * *",
        "@weekly",
    ],
)
def test_what_is_no_schedule_is_refused_with_an_example(schedule: str) -> None:
    with pytest.raises(SettingError, match="such as '0 2"):
        check_schedule(schedule)


@pytest.mark.parametrize("schedule", ["0 0 30 2 *", "* * */20 * 1L"])
def test_a_schedule_that_never_comes_is_refused(schedule: str) -> None:
    with pytest.raises(SettingError, match="such as '0 2"):
        check_schedule(schedule)


def test_it_is_due_from_the_scheduled_time_on_until_it_ran() -> None:
    last = at("2026-11-16 09:00")

    assert not due(SUNDAYS, last, at("2026-11-22 01:59"))
    assert due(SUNDAYS, last, at("2026-11-22 02:00"))
    assert due(SUNDAYS, last, at("2026-11-25 17:00"))  # the machine slept on Sunday
    assert not due(SUNDAYS, at("2026-11-25 17:00"), at("2026-11-28 23:00"))


def test_a_clock_that_went_back_makes_nothing_due() -> None:
    assert not due("* * * * *", at("2027-01-01 00:00"), at("2026-01-01 00:00"))


def test_an_hour_that_summer_time_skips_is_due_at_once_and_once() -> None:
    schedule, sunday = "30 2 * * *", datetime(2026, 3, 29, tzinfo=UTC)
    minutes = [sunday + timedelta(minutes=count) for count in range(24 * 60)]
    last, began = on_the_wall(sunday), []

    for moment in minutes:
        if due(schedule, last, on_the_wall(moment)):
            last = on_the_wall(moment)
            began.append(last)

    assert began == [at("2026-03-29 03:00")]


def test_an_hour_that_comes_twice_is_due_once() -> None:
    schedule, sunday = "30 2 * * *", datetime(2026, 10, 24, 22, tzinfo=UTC)
    minutes = [sunday + timedelta(minutes=count) for count in range(24 * 60)]
    last, began = on_the_wall(sunday), []

    for moment in minutes:
        if due(schedule, last, on_the_wall(moment)):
            last = on_the_wall(moment)
            began.append(last)

    assert began == [at("2026-10-25 02:30")]
