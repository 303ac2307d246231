"""An audit says what is shown and no more."""

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest

from hybrid_coordinator.logic.auditing import (
    LEAST_SESSIONS,
    ArmSums,
    Audit,
    RatioSums,
    audit,
    in_holdout,
)

SEED = 7
Session = Sequence[float]
"""What each question of a session cost."""


def ratio_sums(sessions: Sequence[Session]) -> RatioSums:
    return RatioSums(
        len(sessions),
        sum(map(sum, sessions)),
        sum(map(len, sessions)),
        sum(sum(one) ** 2 for one in sessions),
        sum(len(one) ** 2 for one in sessions),
        sum(sum(one) * len(one) for one in sessions),
    )


def arm(sessions: Sequence[Session]) -> ArmSums:
    return ArmSums(cost=ratio_sums(sessions))


def draw_sessions(dice: random.Random, count: int, mean: float) -> list[Session]:
    """Sessions of one to nine questions with a price level of their own each: their questions resemble each other."""
    levels = [dice.expovariate(1 / mean) for _ in range(count)]
    return [[level * dice.uniform(0.5, 1.5) for _ in range(dice.randint(1, 9))] for level in levels]


@pytest.mark.parametrize(("draw", "share", "held_out"), [(0.0, 0.0, False), (0.019, 0.02, True), (0.02, 0.02, False)])
def test_a_share_of_the_draws_is_held_out(draw: float, share: float, held_out: bool) -> None:
    assert in_holdout(draw, share) is held_out


def test_a_share_of_one_holds_everybody_out() -> None:
    assert in_holdout(math.nextafter(1.0, 0.0), 1.0)


@pytest.mark.parametrize(("treated", "control"), [(0, 0), (1_000, 0), (1_000, LEAST_SESSIONS - 1), (0, 1_000)])
def test_with_too_few_sessions_nothing_is_claimed(treated: int, control: int) -> None:
    made = audit(arm([[1.0]] * treated), arm([[5.0]] * control))

    assert (made.saving, made.total_saving, made.share, made.success) == (None, None, None, None)
    assert made.verdict.startswith(f"not enough evidence yet: {treated} sessions were routed and {control}")


def test_the_estimate_is_the_difference_of_the_means_over_questions() -> None:
    dice = random.Random(SEED)
    treated, control = draw_sessions(dice, 100, 1_000.0), draw_sessions(dice, 50, 3_000.0)

    made = audit(arm(treated), arm(control))

    means = [sum(map(sum, one)) / sum(map(len, one)) for one in (treated, control)]
    assert made.saving is not None
    assert made.total_saving is not None
    assert made.saving.value == pytest.approx(means[1] - means[0])
    assert made.share == pytest.approx(1 - means[0] / means[1])
    assert made.total_saving.value == pytest.approx(made.saving.value * made.questions)
    assert made.questions == sum(map(len, treated))


def test_the_interval_holds_the_truth_nineteen_times_in_twenty() -> None:
    dice = random.Random(SEED)
    trials, held = 1_000, 0

    for _ in range(trials):
        made = audit(arm(draw_sessions(dice, 400, 1_000.0)), arm(draw_sessions(dice, 100, 3_000.0)))
        assert made.saving is not None
        held += made.saving.low <= 2_000 <= made.saving.high

    assert 0.92 <= held / trials <= 0.97


def test_questions_of_one_session_do_not_count_as_many() -> None:
    dice = random.Random(SEED)
    alike = [[one] * 10 for one in (dice.uniform(0, 100) for _ in range(60))]
    single = [[one[0]] for one in alike]

    widths = [width(audit(arm(sessions), arm(sessions))) for sessions in (alike, single)]

    assert widths[0] == pytest.approx(widths[1], rel=1e-6)


def width(made: Audit) -> float:
    assert made.saving is not None
    return made.saving.high - made.saving.low


def test_the_claim_of_a_saving_that_is_none_is_rare_however_uneven_the_costs() -> None:
    dice = random.Random(SEED)

    def draw(count: int) -> ArmSums:
        return arm([[dice.lognormvariate(7, 1.5)] for _ in range(count)])

    claims = [audit(draw(500), draw(50)).saving for _ in range(500)]

    assert sum(saving is not None and saving.low > 0 for saving in claims) / 500 <= 0.04


def test_with_a_question_a_session_the_spread_is_the_ordinary_one() -> None:
    dice = random.Random(SEED)
    costs = [dice.gauss(1_000, 9) for _ in range(31)]

    made = audit(arm([[0.0]] * 31), arm([[one] for one in costs]))

    assert made.saving is not None
    reach = 2.0423 * math.sqrt(np.var(costs, ddof=1) / 31)  # Student's quantile at 30 degrees of freedom
    assert made.saving.high == pytest.approx(made.saving.value * math.exp(reach / made.saving.value), rel=1e-6)
    assert made.saving.low == pytest.approx(made.saving.value / math.exp(reach / made.saving.value), rel=1e-6)


@pytest.mark.parametrize(
    ("control", "verdict"),
    [
        (5_000.0, "routing saves money: between $0.00"),
        (100.0, "routing costs more than the plain way: the saving is between −$0.00"),
        (1_000.0, "not enough evidence yet: the saving is between −$0.00"),
    ],
)
def test_the_verdict_follows_the_interval(control: float, verdict: str) -> None:
    dice = random.Random(SEED)

    made = audit(arm(draw_sessions(dice, 300, 1_000.0)), arm(draw_sessions(dice, 100, control)))

    assert made.verdict.startswith(verdict)
    assert made.verdict.endswith("too few outcomes are known to compare the answers")


@pytest.mark.parametrize(("rate", "word"), [(0.5, "less often"), (0.9, "no difference"), (1.0, "more often")])
def test_answers_are_compared_as_well(rate: float, word: str) -> None:
    dice = random.Random(SEED)
    arms = [ratio_sums([[float(dice.random() < share)] for _ in range(400)]) for share in (rate, 0.9)]
    costs = ratio_sums([[1.0]] * 400)

    made = audit(ArmSums(costs, arms[0]), ArmSums(costs, arms[1]))

    assert made.success is not None
    assert made.success.value == pytest.approx(rate - 0.9, abs=0.06)
    assert word in made.verdict


def test_arms_that_cost_nothing_save_nothing() -> None:
    made = audit(arm([[0.0]] * 40), arm([[0.0]] * 40))

    assert made.saving is not None
    assert (made.saving.value, made.saving.low, made.saving.high, made.share) == (0, 0, 0, None)
    assert made.verdict.startswith("not enough evidence yet")
