"""The measures of the users' documents."""

from datetime import date

from hybrid_coordinator.domain.measures import Day
from hybrid_coordinator.logic.measures import (
    Goal,
    added_latency,
    bytes_per_pattern,
    examples_a_week,
    judge_spread,
    learned_reuse_rate,
    learning_rate,
    patterns_a_day,
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
    assert reuse_rate(days).value == 0.4
    assert success_rate(days) == 0.5


def test_nothing_has_no_rate() -> None:
    assert learning_rate([]) is None
    assert trend([], FRIDAY) is None


def test_without_days_and_things_no_goal_has_a_figure() -> None:
    goals = (
        patterns_a_day([], FRIDAY),
        examples_a_week([], FRIDAY),
        reuse_rate([]),
        learned_reuse_rate([]),
        bytes_per_pattern(0, 0),
        added_latency([]),
    )

    assert [goal.value for goal in goals] == [None] * len(goals)
    assert {goal.standing for goal in goals} == {"unknown"}


def test_a_figure_stands_below_within_or_above_its_range() -> None:
    assert [Goal(value, 10, 50).standing for value in (9.9, 10, 50, 50.1)] == ["below", "within", "within", "above"]


def test_paces_count_days_on_which_nothing_happened() -> None:
    days = [Day(date(2026, 1, 7), learned=30, teachable=100)]

    assert patterns_a_day(days, FRIDAY) == Goal(3.0, 10, 50)
    assert examples_a_week(days, FRIDAY) == Goal(70.0, 50, 200)


def test_a_few_days_tell_no_week() -> None:
    assert examples_a_week([Day(date(2026, 1, 11), teachable=9)], FRIDAY).value is None
    assert examples_a_week([Day(date(2026, 1, 10), teachable=9)], FRIDAY).value == 9.0


def test_a_clock_that_went_back_leaves_days_ahead_of_today() -> None:
    assert patterns_a_day([Day(date(2026, 1, 17), learned=4), Day(date(2026, 1, 18))], FRIDAY).value == 2.0


def test_something_learned_is_reused_among_the_judged() -> None:
    assert learned_reuse_rate([Day(FRIDAY, answered=10, judged=4, reused=1)]).value == 0.25


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
