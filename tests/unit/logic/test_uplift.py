"""Whether something learned helps, however often one looks."""

import random
from dataclasses import replace

import pytest

from hybrid_coordinator.domain.learning import Arm, Uses
from hybrid_coordinator.logic.uplift import Ruling, UpliftPolicy, always_valid, decide, measure_uplift

POLICY = UpliftPolicy()
BORNE_OUT = (True, "3 independent for it")
ALONE = (False, "1 independent for it")


def arm(uses: int, rate: float) -> Arm:
    return Arm(uses, uses * rate, uses * rate, uses)


def test_nothing_known_says_nothing() -> None:
    assert always_valid(Arm(), 0.05) == (0.0, 1.0)
    assert decide(Uses(), BORNE_OUT, POLICY).ruling is Ruling.HOLD


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_the_interval_holds_the_mean_and_narrows(rate: float) -> None:
    few, many = always_valid(arm(10, rate), 0.05), always_valid(arm(1_000, rate), 0.05)

    assert few[0] <= many[0] <= rate <= many[1] <= few[1]
    assert many[1] - many[0] < 0.12


def test_a_wide_difference_promotes_without_further_witnesses() -> None:
    judgement = decide(Uses(arm(200, 0.9), arm(40, 0.2)), ALONE, POLICY)

    assert judgement.ruling is Ruling.PROMOTE
    assert judgement.uplift.low > 0.0


def test_independent_successes_above_the_usual_rate_promote() -> None:
    assert decide(Uses(arm(20, 1.0)), BORNE_OUT, POLICY).ruling is Ruling.PROMOTE
    assert decide(Uses(arm(20, 1.0)), ALONE, POLICY).ruling is Ruling.HOLD
    assert decide(Uses(arm(20, 1.0)), BORNE_OUT, replace(POLICY, base_rate=0.95)).ruling is Ruling.HOLD


def test_what_harms_or_seldom_helps_is_retired() -> None:
    assert decide(Uses(arm(200, 0.5), arm(60, 0.95)), BORNE_OUT, POLICY).ruling is Ruling.RETIRE
    assert decide(Uses(arm(30, 0.1)), BORNE_OUT, POLICY).ruling is Ruling.RETIRE


def test_looking_after_every_use_seldom_promotes_the_useless() -> None:
    dice = random.Random(7)

    promoted = sum(_is_ever_promoted(dice, rate=0.5, without=0.5) for _ in range(100))

    assert promoted / 100 <= POLICY.alpha


def test_partial_credit_is_no_more_certain_than_whole() -> None:
    halves = Arm(40, 20.0, 10.0, 40)

    assert always_valid(halves, 0.05) == always_valid(arm(40, 0.5), 0.05)
    assert measure_uplift(Uses(halves, halves), 0.05).value == 0.0


def _is_ever_promoted(dice: random.Random, *, rate: float, without: float, most: int = 80) -> bool:
    sums = {True: [0, 0], False: [0, 0]}
    for _ in range(most):
        held = dice.random() < 0.1
        sums[held][0] += 1
        sums[held][1] += dice.random() < (without if held else rate)
        treated, withheld = (Arm(uses, credit, credit, uses) for uses, credit in (sums[False], sums[True]))
        if decide(Uses(treated, withheld), BORNE_OUT, POLICY).ruling is Ruling.PROMOTE:
            return True
    return False
