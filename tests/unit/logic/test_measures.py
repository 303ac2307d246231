"""The measures of the users' documents."""

from datetime import date

from hybrid_coordinator.domain.measures import Day
from hybrid_coordinator.logic.measures import (
    judge_spread,
    learning_rate,
    reuse_rate,
    spread,
    success_rate,
    trend,
    weekly_examples,
)

FRIDAY = date(2026, 1, 16)


def test_rates_are_over_all_days_together() -> None:
    days = [
        Day(FRIDAY, interactions=10, answered=8, grounded=2, settled=4, credit=3.0, high_value=1),
        Day(date(2026, 1, 15), interactions=10, answered=2, grounded=2, settled=4, credit=1.0, high_value=4),
    ]

    assert learning_rate(days) == 0.25
    assert reuse_rate(days) == 0.4
    assert success_rate(days) == 0.5


def test_nothing_has_no_rate() -> None:
    assert learning_rate([]) is None
    assert trend([], FRIDAY) is None


def test_a_week_begins_on_monday() -> None:
    days = [Day(date(2026, 1, 11), teachable=1), Day(date(2026, 1, 12), teachable=2), Day(FRIDAY, teachable=3)]

    assert weekly_examples(days) == {date(2026, 1, 5): 1, date(2026, 1, 12): 5}


def test_a_spread_like_the_documents_is_as_it_should_be() -> None:
    assert judge_spread(spread([20, 30, 30, 20])) == "as it should be"


def test_many_failures_and_a_high_threshold_are_told_apart() -> None:
    assert "fail" in judge_spread(spread([60, 20, 10, 10]))
    assert "HIGH_VALUE_THRESHOLD" in judge_spread(spread([10, 50, 40, 0]))
    assert "too early" in judge_spread(spread([3, 0, 0, 0]))


def test_a_trend_is_spoken_of_only_when_its_interval_says_so() -> None:
    week, before = FRIDAY, date(2026, 1, 8)

    clear = trend([Day(week, settled=100, credit=80), Day(before, settled=100, credit=40)], FRIDAY)
    unclear = trend([Day(week, settled=5, credit=4), Day(before, settled=5, credit=2)], FRIDAY)

    assert clear is not None
    assert clear.verdict == "better"
    assert clear.low < clear.difference < clear.high
    assert unclear is not None
    assert unclear.verdict == "no difference shown"
