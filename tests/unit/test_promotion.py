"""Whether a version that was measured may answer people."""

import random
from dataclasses import replace

import pytest

from hybrid_coordinator.domain.versions import Decision, Measured
from hybrid_coordinator.logic.exam_items import FACTS, FORMATS, GENERAL, LIKENESS
from hybrid_coordinator.logic.exam_metrics import DOCUMENTS, FORGETTING, JUDGE, LIKELIHOOD
from hybrid_coordinator.logic.promotion import PromotionPolicy, decide

POLICY = PromotionPolicy()
BETTER = Measured(FACTS, 80, 0.03, 0.95, 0.87, 0.97)
ALIKE = Measured(LIKENESS, 80, 0.30, 0.80, 0.45, 0.55)
LIKELY = Measured(LIKELIHOOD, 80, 3.0, 1.5, -0.55, -0.45, "lower", relative=True)
KEPT = Measured(FORGETTING, 64, 1.00, 1.02, 0.01, 0.03, "lower", relative=True)
READ = Measured(DOCUMENTS, 32, 2.50, 2.60, 0.02, 0.06, "lower", relative=True)
KNOWN = Measured(GENERAL, 64, 0.40, 0.40, -0.06, 0.06)
FORMED = Measured(FORMATS, 20, 0.60, 0.60, -0.08, 0.08)
GOOD = (BETTER, ALIKE, LIKELY, KEPT, READ, KNOWN, FORMED)
RANK = [Decision.ROLL_BACK, Decision.HOLD, Decision.PROMOTE]


def with_(*others: Measured, of: tuple[Measured, ...] = GOOD) -> tuple[Measured, ...]:
    """The same, with other figures for some metrics."""
    changed = {one.metric: one for one in others}
    return (*(changed.pop(one.metric, one) for one in of), *changed.values())


def test_a_clear_gain_that_costs_nothing_is_promoted_with_its_figures() -> None:
    verdict = decide(GOOD, POLICY)

    assert verdict.decision is Decision.PROMOTE
    assert "exact facts recalled 0.03 → 0.95 on 80 items (+0.92, between +0.87 and +0.97)" in verdict.why
    assert "plain texts" in verdict.why


def test_a_gain_that_may_be_chance_is_held() -> None:
    verdict = decide(with_(Measured(FACTS, 80, 0.30, 0.36, -0.01, 0.13)), POLICY)

    assert verdict.decision is Decision.HOLD
    assert "not shown" in verdict.why


def test_what_answers_worse_on_held_out_questions_is_rolled_back() -> None:
    verdict = decide(with_(Measured(FACTS, 80, 0.50, 0.30, -0.3, -0.1)), POLICY)

    assert verdict.decision is Decision.ROLL_BACK
    assert "answers worse" in verdict.why


def test_lost_facts_roll_back_even_where_they_are_too_few_to_promote_by() -> None:
    lost = with_(Measured(FACTS, 10, 0.9, 0.2, -0.9, -0.4))

    assert decide(lost, POLICY).decision is Decision.ROLL_BACK
    assert decide(with_(Measured(FACTS, 3, 0.9, 0.2, -0.9, -0.4)), POLICY).decision is Decision.HOLD


def test_without_enough_facts_likeness_decides() -> None:
    few = Measured(FACTS, 5, 0.0, 0.2, -0.1, 0.4)

    assert "likeness to accepted answers" in decide(with_(few), POLICY).why
    assert decide(with_(few), POLICY).decision is Decision.PROMOTE
    assert decide(with_(few, replace(ALIKE, low=-0.01)), POLICY).decision is Decision.HOLD


@pytest.mark.parametrize("count", [0, 1, 19])
def test_too_few_held_out_questions_hold_whatever_they_say(count: int) -> None:
    few = [replace(one, items=count) for one in (BETTER, ALIKE)] if count else []
    verdict = decide([*few, KEPT, READ, KNOWN, FORMED], POLICY)

    assert verdict.decision is Decision.HOLD
    assert f"{count} held-out questions with answers of their own are too few" in verdict.why


def test_many_wordings_of_few_facts_are_few_questions() -> None:
    verdict = decide([replace(BETTER, items=40, groups=2), KEPT, READ, KNOWN, FORMED], POLICY)

    assert verdict.decision is Decision.HOLD


@pytest.mark.parametrize(
    "broken",
    [
        Measured(FORGETTING, 64, 1.00, 1.30, 0.2, 0.4, "lower", relative=True),
        Measured(DOCUMENTS, 32, 2.50, 3.20, 0.2, 0.4, "lower", relative=True),
        Measured(GENERAL, 64, 0.60, 0.20, -0.5, -0.3),
        Measured(FORMATS, 20, 0.80, 0.30, -0.7, -0.3),
    ],
)
def test_what_was_clearly_lost_rolls_back_whatever_was_gained(broken: Measured) -> None:
    verdict = decide(with_(broken), POLICY)

    assert verdict.decision is Decision.ROLL_BACK
    assert "lost too much" in verdict.why
    assert decide(with_(replace(broken, items=7)), POLICY).decision is Decision.HOLD


@pytest.mark.parametrize(
    "exceeded",
    [
        Measured(FORGETTING, 64, 1.00, 1.06, 0.02, 0.1, "lower", relative=True),
        Measured(DOCUMENTS, 32, 2.50, 2.80, 0.05, 0.2, "lower", relative=True),
        Measured(GENERAL, 64, 0.60, 0.45, -0.25, -0.05),
        Measured(FORMATS, 20, 0.80, 0.65, -0.35, 0.05),
        Measured(FACTS, 12, 0.50, 0.25, -0.55, 0.05),
        Measured(LIKENESS, 80, 0.50, 0.40, -0.15, -0.05),
        Measured(LIKELIHOOD, 80, 2.0, 2.5, 0.2, 0.3, "lower", relative=True),
        Measured(JUDGE, 80, 0.7, 0.3, -0.5, -0.3),
    ],
)
def test_a_mean_loss_beyond_its_bound_is_held_whatever_was_gained(exceeded: Measured) -> None:
    verdict = decide(with_(exceeded), POLICY)

    assert verdict.decision is Decision.HOLD
    assert "whatever it gained" in verdict.why


def test_what_must_be_measured_and_is_not_is_held() -> None:
    unmeasured = tuple(one for one in GOOD if one is not READ)

    assert decide(unmeasured, replace(POLICY, required=(DOCUMENTS,))).decision is Decision.HOLD
    assert "not measured: nats a token of plain texts" in decide(unmeasured, POLICY).why
    assert decide(GOOD, replace(POLICY, required=(DOCUMENTS,))).decision is Decision.PROMOTE


def test_nothing_measured_is_held() -> None:
    assert decide((), POLICY).decision is Decision.HOLD


@pytest.mark.parametrize("metric", [FACTS, LIKENESS])
def test_more_gain_never_makes_the_decision_worse(metric: str) -> None:
    dice = random.Random(11)
    for _ in range(400):
        measured = [_anything(dice, one) for one in GOOD]
        more = [_shifted(one, dice.uniform(0, 0.5)) if one.metric == metric else one for one in measured]

        assert _rank(more) >= _rank(measured)


@pytest.mark.parametrize("metric", [FORGETTING, DOCUMENTS, GENERAL, FORMATS, LIKELIHOOD])
def test_more_loss_never_makes_the_decision_better(metric: str) -> None:
    dice = random.Random(12)
    for _ in range(400):
        measured = [_anything(dice, one) for one in GOOD]
        less = [_shifted(one, -dice.uniform(0, 0.5)) if one.metric == metric else one for one in measured]

        assert _rank(less) <= _rank(measured)


def _rank(measured: list[Measured]) -> int:
    return RANK.index(decide(measured, POLICY).decision)


def _anything(dice: random.Random, one: Measured) -> Measured:
    change, width = dice.uniform(-0.3, 0.3), dice.uniform(0.0, 0.2)
    after = one.before + change * (one.before if one.relative else 1.0)
    return replace(one, items=dice.choice([3, 12, 60]), after=after, low=change - width, high=change + width)


def _shifted(one: Measured, gain: float) -> Measured:
    """Better by so much; worse where it is negative."""
    change = -gain if one.better == "lower" else gain
    after = one.after + change * (one.before if one.relative else 1.0)
    return replace(one, after=after, low=one.low + change, high=one.high + change)
