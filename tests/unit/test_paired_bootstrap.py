"""How sure a mean difference over the same items is."""

import random

import pytest

from hybrid_coordinator.logic.paired_bootstrap import Pair, compare


def pairs(differences: list[float], group: str = "") -> list[Pair]:
    return [Pair(0.5, 0.5 + one, group or str(number)) for number, one in enumerate(differences)]


def test_the_same_pairs_and_seed_give_the_same_interval() -> None:
    some = pairs([0.1, -0.2, 0.3, 0.0, 0.2])

    assert compare(some, seed=1) == compare(some, seed=1)
    assert compare(some, seed=1) != compare(some, seed=2)


@pytest.mark.parametrize("few", [[], pairs([0.4]), pairs([0.4, 0.1, 0.2], group="one")])
def test_fewer_than_two_groups_say_nothing(few: list[Pair]) -> None:
    assert compare(few, seed=1) is None


def test_the_interval_holds_the_mean_and_narrows() -> None:
    few, many = compare(pairs([0.3, -0.1] * 10), seed=1), compare(pairs([0.3, -0.1] * 500), seed=1)

    assert few is not None
    assert many is not None
    assert few.low < many.low < 0.1 < many.high < few.high
    assert [few.before, few.after] == pytest.approx([0.5, 0.6])


def test_wordings_of_one_question_count_as_one_witness() -> None:
    dice = random.Random(1)
    groups = [(f"g{number}", dice.uniform(-0.4, 0.5)) for number in range(12)]
    apart = compare([Pair(0.5, 0.5 + gain, f"{name}{k}") for name, gain in groups for k in range(8)], seed=1)
    together = compare([Pair(0.5, 0.5 + gain, name) for name, gain in groups for _ in range(8)], seed=1)

    assert apart is not None
    assert together is not None
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_weights_count_in_means_and_in_relative_differences() -> None:
    found = compare([Pair(2.0, 2.2, "a", 30), Pair(4.0, 4.4, "b", 10), Pair(1.0, 1.1, "c", 20)], seed=1, relative=True)

    assert found is not None
    assert found.before == pytest.approx((2.0 * 30 + 4.0 * 10 + 1.0 * 20) / 60)
    assert [found.low, found.high] == pytest.approx([0.1, 0.1])


def test_a_share_of_nothing_says_nothing() -> None:
    assert compare([Pair(0.0, 1.0, "a"), Pair(0.0, 2.0, "b")], seed=1, relative=True) is None


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    dice = random.Random(3)
    truths = 0
    for trial in range(100):
        found = compare(pairs([dice.gauss(0.05, 0.3) for _ in range(40)]), seed=trial)
        assert found is not None
        truths += found.low <= 0.05 <= found.high

    assert truths >= 86
