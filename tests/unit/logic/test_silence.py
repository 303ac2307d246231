"""From which similarity on something is said."""

import random

import pytest

from hybrid_coordinator.domain.learning import Injection
from hybrid_coordinator.logic.silence import SilencePolicy, choose_threshold, fit_steps

POLICY = SilencePolicy(false_injection_budget=0.2, least_outcomes=50)


def drawn(count: int, seed: int = 1) -> list[Injection]:
    """Helps as often as it is similar."""
    dice = random.Random(seed)
    similarities = [dice.random() for _ in range(count)]
    return [Injection(similarity, float(dice.random() < similarity)) for similarity in similarities]


def test_the_chance_to_help_never_falls_with_similarity() -> None:
    steps = fit_steps(drawn(500))

    assert [step.helpful for step in steps] == sorted(step.helpful for step in steps)
    assert steps[0].helpful == pytest.approx(0.1, abs=0.15)
    assert steps[-1].helpful == pytest.approx(0.9, abs=0.15)


def test_little_evidence_changes_nothing() -> None:
    assert choose_threshold(drawn(49), 0.3, POLICY) == 0.3
    assert choose_threshold([], 0.3, POLICY) == 0.3


def test_the_threshold_keeps_to_the_budget_on_what_comes_later() -> None:
    threshold = choose_threshold(drawn(2_000), 0.3, POLICY)
    later = [one for one in drawn(20_000, seed=2) if one.similarity >= threshold]

    assert sum(one.credit == 0.0 for one in later) / len(later) == pytest.approx(0.2, abs=0.03)


def test_what_always_helps_is_said_from_the_usual_similarity_on() -> None:
    assert choose_threshold([Injection(0.4 + n / 1000, 1.0) for n in range(100)], 0.3, POLICY) == 0.4


def test_where_nothing_helps_next_to_nothing_is_said() -> None:
    assert choose_threshold([Injection(n / 100, 0.0) for n in range(100)], 0.3, POLICY) == 0.99


def test_the_threshold_never_falls_below_the_usual_one() -> None:
    assert choose_threshold([Injection(n / 1000, 1.0) for n in range(100)], 0.3, POLICY) == 0.3
