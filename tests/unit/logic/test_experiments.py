"""An experiment gives each session its variant, and claims no more than it has shown."""

import random
import re
from collections import Counter

import pytest

from hybrid_coordinator.domain.interaction import Interaction, Outcome, OutcomeKind
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.logic.experiment_verdicts import ExperimentPolicy, Marks, compare, measure, ratings, successes
from hybrid_coordinator.logic.experiments import assign_variant, parse_variants, variant_of
from hybrid_coordinator.logic.grounding import GroundingPolicy
from teaching import FAILURE, SUCCESS, answered

SEED = 5
USUAL = GroundingPolicy()
POLICY = ExperimentPolicy()
NAMES = ("a", "b")


def test_variants_change_what_they_name_and_nothing_else() -> None:
    a, b, c = parse_variants("a:max_passages=5; b:max_passages=1, familiar_similarity=0.5;usual:", USUAL)

    assert (a.name, a.grounding.max_passages, b.grounding.max_passages) == ("a", 5, 1)
    assert b.grounding.familiar_similarity == 0.5
    assert (c.name, c.grounding) == ("usual", USUAL)
    assert b.tag == "variant:b"


@pytest.mark.parametrize("text", ["", "  ", ";;"])
def test_no_variants_are_no_experiment(text: str) -> None:
    assert parse_variants(text, USUAL) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a:max_passages=5", "names one variant"),
        ("a:max_passages=5;a:max_passages=1", "'a' is named twice"),
        ("a:max_passages=five;b:", "'five' is not a whole number"),
        ("a:max_passages=-1;b:", "'-1' is not a whole number"),
        ("a:max_passages=1e3;b:", "'1e3' is not a whole number"),
        ("a:familiar_similarity=1.5;b:", "'1.5' is not a number from 0 to 1"),
        ("a:familiar_similarity=nan;b:", "'nan' is not a number"),
        ("a:max_passages;b:", "'' is not a whole number"),
        ("a:temperature=1;b:", "cannot change 'temperature'"),
        ("a;b", "'a' has no ':'"),
        (":max_passages=1;b:", "'' names no variant"),
        ("a b:max_passages=1;b:", "'a b' names no variant"),
        ("a\n:;b:", ""),
    ],
)
def test_a_setting_that_makes_no_experiment_says_what_is_wrong(text: str, said: str) -> None:
    if not said:
        assert [variant.name for variant in parse_variants(text, USUAL)] == ["a", "b"]
        return
    with pytest.raises(BadInput, match=re.escape(said)):
        parse_variants(text, USUAL)


def test_a_session_keeps_its_variant_and_variants_get_equal_shares() -> None:
    names = ("a", "b", "c")
    drawn = [assign_variant("width", f"session {number}", names) for number in range(6_000)]

    assert drawn == [assign_variant("width", f"session {number}", names) for number in range(6_000)]
    assert all(1_880 < count < 2_120 for count in Counter(drawn).values())


def test_another_experiment_shuffles_the_sessions_anew() -> None:
    sessions = [f"session {number}" for number in range(2_000)]
    agree = sum(assign_variant("one", one, NAMES) == assign_variant("two", one, NAMES) for one in sessions)

    assert 900 < agree < 1_100


def test_an_answer_knows_its_variant() -> None:
    assert variant_of(answered(1, tags=("x", "variant:b"))) == "b"
    assert variant_of(answered(1, tags=("x",))) == ""


def test_answers_of_a_session_are_counted_together() -> None:
    told = [answered(n, session="s", outcome=Outcome(OutcomeKind.SUCCESS, user_feedback=1)) for n in range(3)]
    told += [
        answered(3, session="t", outcome=Outcome(OutcomeKind.PARTIAL, user_feedback=-1)),
        answered(4, outcome=FAILURE),
    ]
    told += [answered(5, outcome=None)]

    assert ratings(told).sessions == ((1.0, 1.0, 1.0), (-1.0,))
    assert successes(told).sessions == ((1.0, 1.0, 1.0), (0.5,), (0.0,))
    assert successes(told).mean == pytest.approx(3.5 / 5)


def rated(number: int, rating: int | None, kind: OutcomeKind = OutcomeKind.SUCCESS) -> Interaction:
    return answered(number, session=f"s{number}", outcome=Outcome(kind, user_feedback=rating))


def test_ratings_decide_where_there_are_enough() -> None:
    a = [rated(n, 1, OutcomeKind.FAILURE) for n in range(40)]
    b = [rated(n, -1) for n in range(40)]

    made = compare(NAMES, (a, b), POLICY)

    assert made.rating.verdict == made.verdict == "a is better"
    assert made.success.verdict == "b is better"


def test_successes_decide_where_hardly_anybody_rates() -> None:
    a = [rated(n, 1 if n < 3 else None, OutcomeKind.FAILURE) for n in range(40)]
    b = [rated(n, -1 if n < 3 else None) for n in range(40)]

    assert compare(NAMES, (a, b), POLICY).verdict == "b is better"


def test_nothing_is_claimed_of_nothing() -> None:
    made = compare(NAMES, ([], [answered(1)]), POLICY)

    assert (made.success.difference, made.success.p) == (None, None)
    assert (made.success.a.mean, made.success.b.mean) == (None, 1.0)
    assert re.fullmatch(r"no difference shown yet: about [\d,]+ more sessions needed", made.verdict)


@pytest.mark.parametrize("sessions", [1, 2, 3])
def test_a_few_sessions_that_all_agree_prove_nothing(sessions: int) -> None:
    a, b = [rated(n, 1) for n in range(sessions)], [rated(n, -1, OutcomeKind.FAILURE) for n in range(sessions)]

    made = compare(NAMES, (a, b), POLICY)

    assert made.success.difference is not None
    assert made.success.difference.low < 0
    assert made.verdict.startswith("no difference shown yet")


def test_one_session_with_many_answers_proves_nothing() -> None:
    a = [answered(n, session="one") for n in range(500)]
    b = [answered(n, session="other", outcome=FAILURE) for n in range(500)]

    assert compare(NAMES, (a, b), POLICY).verdict.startswith("no difference shown yet")


def test_two_that_are_the_same_are_called_so_once_that_is_known() -> None:
    sessions = tuple((float(n % 2),) for n in range(8_000))

    made = measure("success", NAMES, Marks(0, 1, sessions), Marks(0, 1, sessions), POLICY)

    assert made.verdict == "no difference of 0.05 or more"
    assert made.p == pytest.approx(1.0)


def draw_marks(dice: random.Random, sessions: int, rate: float) -> Marks:
    """Sessions of one to six answers that resemble each other, right at that rate."""
    held = []
    for _ in range(sessions):
        level = dice.betavariate(4 * rate, 4 * (1 - rate))
        held.append(tuple(float(dice.random() < level) for _ in range(dice.randint(1, 6))))
    return Marks(0.0, 1.0, tuple(held))


@pytest.mark.parametrize("sessions", [5, 20, 80])
def test_the_interval_holds_the_truth_nineteen_times_in_twenty(sessions: int) -> None:
    dice = random.Random(SEED)
    trials, held = 400, 0

    for _ in range(trials):
        made = measure("success", NAMES, draw_marks(dice, sessions, 0.8), draw_marks(dice, sessions, 0.6), POLICY)
        assert made.difference is not None
        held += made.difference.low <= 0.2 <= made.difference.high

    assert held / trials >= 0.93


def test_about_as_many_sessions_are_needed_as_is_said() -> None:
    dice = random.Random(SEED)
    said = measure("success", NAMES, draw_marks(dice, 40, 0.7), draw_marks(dice, 40, 0.5), POLICY).verdict
    found = re.search(r"about ([\d,]+) more", said)
    more = int(found[1].replace(",", "")) if found else 0
    arm = 40 + more // 2

    shown = sum(
        measure("success", NAMES, draw_marks(dice, arm, 0.7), draw_marks(dice, arm, 0.5), POLICY).verdict
        == "a is better"
        for _ in range(100)
    )

    assert more > 0
    assert shown >= 55


def test_equal_variants_are_seldom_told_apart() -> None:
    dice = random.Random(SEED)
    trials = 400

    wrong = sum(
        "better" in measure("success", NAMES, draw_marks(dice, 30, 0.7), draw_marks(dice, 30, 0.7), POLICY).verdict
        for _ in range(trials)
    )

    assert wrong / trials <= 0.07


def test_success_is_told_apart_with_the_side() -> None:
    good, bad = [rated(n, None) for n in range(60)], [answered(n, outcome=FAILURE) for n in range(60)]

    assert compare(NAMES, (good, bad), POLICY).verdict == "a is better"
    assert compare(NAMES, (bad, good), POLICY).verdict == "b is better"
    assert good[0].outcome is not None
    assert good[0].outcome.kind is SUCCESS.kind
