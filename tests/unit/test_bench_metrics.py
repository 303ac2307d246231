"""The figures of the retrieval benchmark, on rankings that can be worked out by hand."""

import math

import pytest

from bench.metrics import bootstrap_interval, ndcg, recall, reciprocal_rank


def test_the_ideal_order_has_full_ndcg() -> None:
    assert ndcg(["a", "b", "c"], {"a": 2, "b": 1}, depth=10) == pytest.approx(1)


def test_ndcg_discounts_by_the_logarithm_of_the_rank() -> None:
    found = ndcg(["x", "a", "b"], {"a": 1, "b": 1}, depth=10)

    ideal = 1 + 1 / math.log2(3)
    assert found == pytest.approx((1 / math.log2(3) + 1 / math.log2(4)) / ideal)


def test_ndcg_looks_no_deeper_than_asked() -> None:
    assert ndcg(["x", "y", "a"], {"a": 1}, depth=2) == 0


def test_the_ideal_is_cut_at_the_same_depth() -> None:
    assert ndcg(["a"], {"a": 1, "b": 1, "c": 1}, depth=1) == pytest.approx(1)


def test_the_reciprocal_rank_is_that_of_the_first_relevant() -> None:
    assert reciprocal_rank(["x", "b", "a"], {"a": 1, "b": 1}, depth=10) == pytest.approx(1 / 2)
    assert reciprocal_rank(["x", "b", "a"], {"a": 1, "b": 1}, depth=1) == 0


def test_recall_is_the_share_of_the_relevant_found() -> None:
    assert recall(["a", "x", "c"], {"a": 1, "b": 1, "c": 0}, depth=3) == pytest.approx(1 / 2)


def test_what_nothing_fits_has_no_score() -> None:
    assert (ndcg(["a"], {}, 10), reciprocal_rank(["a"], {}, 10), recall(["a"], {}, 10)) == (0, 0, 0)


def test_the_interval_holds_the_mean_and_is_always_the_same() -> None:
    values = [0.0, 1.0] * 100

    low, high = bootstrap_interval(values)

    assert 0.4 < low < 0.5 < high < 0.6
    assert bootstrap_interval(values) == (low, high)
