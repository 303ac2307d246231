"""The value score of the users' "Continuous Learning System" document."""

import pytest

from hybrid_coordinator.domain.interaction import Outcome, OutcomeKind
from hybrid_coordinator.logic.scoring import (
    Neighbourhood,
    ScoringPolicy,
    answer_complexity,
    feedback_quality,
    novelty,
    outcome_quality,
    reusability,
    score_value,
    success_rate,
)

RICH = """1. Edit a.py, b.py, c.py and d.toml as shown here and save them all.
2. Then restart the service so that it reads them.
```sh
$ systemctl restart it
```
"""


@pytest.mark.parametrize(("iterations", "quality"), [(1, 1.0), (3, 1.0), (4, 0.8), (5, 0.8), (6, 0.6), (100, 0.6)])
def test_a_faster_success_is_worth_more(iterations: int, quality: float) -> None:
    assert outcome_quality(Outcome(OutcomeKind.SUCCESS, iterations=iterations)) == quality


def test_partial_and_failed_answers_keep_some_worth() -> None:
    assert outcome_quality(Outcome(OutcomeKind.PARTIAL)) == 0.4
    assert outcome_quality(Outcome(OutcomeKind.FAILURE)) == 0.2


@pytest.mark.parametrize(("feedback", "quality"), [(1, 1.0), (0, 0.5), (-1, 0.0), (None, 0.5)])
def test_feedback_is_taken_at_its_word(feedback: int | None, quality: float) -> None:
    assert feedback_quality(Outcome(OutcomeKind.SUCCESS, feedback)) == quality


def test_silence_lets_what_was_done_speak() -> None:
    assert feedback_quality(Outcome(OutcomeKind.SUCCESS, copied=True)) == 0.8
    assert feedback_quality(Outcome(OutcomeKind.SUCCESS, modified=True)) == 0.6
    assert feedback_quality(Outcome(OutcomeKind.SUCCESS, -1, copied=True)) == 0.0


@pytest.mark.parametrize(("count", "part"), [(0, 0.3), (1, 0.5), (2, 0.5), (3, 0.7), (4, 0.7), (5, 1.0), (50, 1.0)])
def test_a_question_asked_often_is_worth_more(count: int, part: float) -> None:
    assert reusability(count) == part


@pytest.mark.parametrize(("nearest", "part"), [(0.0, 1.0), (0.89, 1.0), (0.90, 0.1), (1.0, 0.0)])
def test_what_is_known_is_not_new(nearest: float, part: float) -> None:
    assert novelty(nearest) == pytest.approx(part)


def test_complexity_adds_up_its_four_signs() -> None:
    assert answer_complexity("yes") == 0.0
    assert answer_complexity("1. do\n2. rest") == pytest.approx(0.3)
    assert answer_complexity(RICH) == pytest.approx(1.0)


def test_the_total_is_the_weighted_sum_and_explains_itself() -> None:
    value = score_value(RICH, Outcome(OutcomeKind.SUCCESS, 1), Neighbourhood(3, 0.95), ScoringPolicy())

    assert value.total == pytest.approx(0.4 + 0.2 + 0.2 * 0.7 + 0.1 + 0.1 * 0.05)
    assert value.explain() == (
        "0.84 = 0.40·1.00 outcome + 0.20·1.00 feedback + 0.20·0.70 reusability"
        " + 0.10·1.00 complexity + 0.10·0.05 novelty"
    )


def test_weights_are_the_policys() -> None:
    policy = ScoringPolicy(1.0, 0.0, 0.0, 0.0, 0.0)

    assert score_value("", Outcome(OutcomeKind.PARTIAL, 1), Neighbourhood(), policy).total == 0.4


def test_an_unknown_passage_stands_at_one_half() -> None:
    assert success_rate(0, 0.0) == 0.5
    assert success_rate(1, 1.0) == pytest.approx(2 / 3)
    assert success_rate(98, 0.0) == pytest.approx(0.01)
