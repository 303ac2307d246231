"""A version on trial is promoted, taken back or withdrawn by how its sessions fare, however often one looks."""

import random
from dataclasses import replace

import pytest

from hybrid_coordinator.domain.learning import Arm
from hybrid_coordinator.domain.measures import Fared
from hybrid_coordinator.logic.canary import CanaryPolicy, Fate, judge_canary, judge_promoted

POLICY = CanaryPolicy()
DAY = 1.0


def fared(sessions: int, rate: float, *, failed: int = 0) -> Fared:
    credit = sessions * rate
    return Fared(Arm(sessions, credit, credit, sessions), sessions + failed, failed=failed)


def test_nothing_known_goes_on() -> None:
    ruling = judge_canary(Fared(), Fared(), 0.0, POLICY)

    assert (ruling.fate, ruling.why) == (Fate.GO_ON, "not known yet: no credit so far")


def test_a_plainly_better_one_is_promoted_early() -> None:
    ruling = judge_canary(fared(15, 1.0), fared(60, 0.1), DAY, POLICY)

    assert ruling.fate is Fate.PROMOTE
    assert ruling.why.startswith("it fares better: credit 1.00 against 0.10, a difference between +")
    credit, failures = ruling.measured
    assert (credit.metric, credit.items, credit.before, credit.after) == ("credit", 15, 0.1, 1.0)
    assert credit.low > 0.0
    assert (failures.metric, failures.better) == ("failures", "lower")


def test_a_plainly_worse_one_is_rolled_back() -> None:
    ruling = judge_canary(fared(20, 0.1), fared(60, 0.9), DAY, POLICY)

    assert ruling.fate is Fate.ROLL_BACK
    assert ruling.why.startswith("it fares worse: credit 0.10 against 0.90")


def test_one_that_fails_to_answer_is_rolled_back_though_its_answers_are_good() -> None:
    ruling = judge_canary(fared(5, 1.0, failed=30), fared(300, 0.9), DAY, POLICY)

    assert ruling.fate is Fate.ROLL_BACK
    assert ruling.why.startswith("it fails to answer more often")


def test_one_that_is_not_worse_by_the_margin_is_promoted_once_enough_sessions_saw_it() -> None:
    lenient = replace(POLICY, margin=0.42)

    assert judge_canary(fared(19, 0.9), fared(400, 0.9), DAY, lenient).fate is Fate.GO_ON
    assert judge_canary(fared(400, 0.9), fared(19, 0.9), DAY, lenient).fate is Fate.GO_ON
    ruling = judge_canary(fared(20, 0.9), fared(400, 0.9), DAY, lenient)
    assert ruling.fate is Fate.PROMOTE
    assert ruling.why.startswith("it measured better and fares no worse by 0.42")


def test_one_that_a_person_put_on_trial_unproven_has_to_fare_better() -> None:
    lenient = replace(POLICY, margin=0.42)

    no_worse = judge_canary(fared(20, 0.9), fared(400, 0.9), DAY, lenient, measured_better=False)
    better = judge_canary(fared(15, 1.0), fared(60, 0.1), DAY, lenient, measured_better=False)

    assert (no_worse.fate, better.fate) == (Fate.GO_ON, Fate.PROMOTE)


def test_an_undecided_one_is_withdrawn_when_its_time_is_over() -> None:
    assert judge_canary(fared(10, 0.8), fared(90, 0.8), 13.9, POLICY).fate is Fate.GO_ON

    ruling = judge_canary(fared(10, 0.8), fared(90, 0.8), 14.0, POLICY)

    assert ruling.fate is Fate.WITHDRAW
    assert ruling.why.startswith("undecided after 14 days: credit 0.80 against 0.80")


def test_a_verdict_on_the_last_day_comes_before_the_withdrawal() -> None:
    assert judge_canary(fared(15, 1.0), fared(60, 0.1), 20.0, POLICY).fate is Fate.PROMOTE
    assert judge_canary(fared(20, 0.1), fared(60, 0.9), 20.0, POLICY).fate is Fate.ROLL_BACK


def test_a_promoted_one_that_gets_worse_is_rolled_back_and_a_better_one_watched_no_more() -> None:
    assert judge_promoted(fared(200, 0.3), fared(30, 0.9), POLICY).fate is Fate.ROLL_BACK
    assert judge_promoted(fared(200, 0.95), fared(30, 0.2), POLICY).fate is Fate.PROMOTE
    assert judge_promoted(fared(200, 0.8), fared(30, 0.8), POLICY).fate is Fate.GO_ON
    assert judge_promoted(Fared(), Fared(), POLICY).fate is Fate.GO_ON


_ORDER = [Fate.ROLL_BACK, Fate.WITHDRAW, Fate.GO_ON, Fate.PROMOTE]


@pytest.mark.parametrize("sessions", [1, 10, 50, 300])
def test_more_successes_never_make_it_worse(sessions: int) -> None:
    fates = [
        _ORDER.index(judge_canary(fared(sessions, good / sessions), fared(200, 0.5), DAY, POLICY).fate)
        for good in range(0, sessions + 1, max(1, sessions // 10))
    ]

    assert fates == sorted(fates)


@pytest.mark.parametrize("rate", [0.5, 0.9])
def test_looking_after_every_session_seldom_rolls_back_an_equal_one(rate: float) -> None:
    dice = random.Random(7)

    fates = [_live(dice, rate, rate, sessions=300) for _ in range(60)]

    assert fates.count(Fate.ROLL_BACK) / 60 <= POLICY.alpha


def test_a_harmful_one_is_found_out_and_never_promoted() -> None:
    dice = random.Random(7)

    fates = [_live(dice, 0.9, 0.4, sessions=600) for _ in range(40)]

    assert fates.count(Fate.PROMOTE) == 0
    assert fates.count(Fate.ROLL_BACK) >= 36


def _live(dice: random.Random, serving: float, canary: float, *, sessions: int) -> Fate:
    """A canary's life: each session is with it by its share, and it is looked at after each of its own."""
    seen, good = [0, 0], [0, 0]
    for _ in range(sessions):
        mine = dice.random() < POLICY.share
        seen[mine] += 1
        good[mine] += dice.random() < (canary if mine else serving)
        if mine:
            arms = [Fared(Arm(n, float(k), float(k), n), n) for n, k in zip(seen, good, strict=True)]
            if (fate := judge_canary(arms[1], arms[0], DAY, POLICY).fate) is not Fate.GO_ON:
                return fate
    return Fate.GO_ON
