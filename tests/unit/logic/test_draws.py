"""Chance that can be repeated."""

import math

from hybrid_coordinator.logic.draws import draw

NAMES = [f"session-{number}" for number in range(4_000)]


def test_the_same_name_draws_the_same_number_in_every_release() -> None:
    assert draw("holdout", "a session") == 0.35594384551237546


def test_every_name_draws_something_between_nothing_and_all() -> None:
    for name in ("", "\0", "\ud83d", "é" * 10_000, *NAMES):
        assert 0.0 <= draw("holdout", name) < 1.0


def test_a_share_of_names_is_about_that_share() -> None:
    drawn = sum(draw("holdout", name) < 0.02 for name in NAMES)

    deviation = math.sqrt(len(NAMES) * 0.02 * 0.98)
    assert abs(drawn - 0.02 * len(NAMES)) < 4 * deviation


def test_purposes_do_not_know_of_each_other() -> None:
    both = sum(draw("holdout", name) < 0.5 and draw("explore", name) < 0.5 for name in NAMES)

    assert abs(both - len(NAMES) / 4) < 4 * math.sqrt(len(NAMES) * 0.25 * 0.75)
    assert draw("a", "b c") != draw("a b", "c")
