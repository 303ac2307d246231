"""One order from two opinions."""

import pytest

from hybrid_coordinator.domain.knowledge import Collection, SearchMode
from hybrid_coordinator.logic.fusion import Evidence, Found, fuse, idf, words_weight

HERE = Collection.CODEBASE
THERE = Collection.ERRORS


def evidence(
    cosines: dict[int, float],
    bm25: dict[int, float] | None = None,
    matched_idf: dict[int, float] | None = None,
    *,
    size: int = 1_600,
    question_idf: float = 10.0,
) -> Evidence:
    words = bm25 or {}
    return Evidence(
        size=size,
        mean_cosine=0.1,
        question_idf=question_idf,
        cosines=cosines,
        bm25=words,
        matched_idf=matched_idf or dict.fromkeys(words, question_idf),
    )


def order(found: list[Found]) -> list[int]:
    return [one.point for one in found]


def test_meaning_orders_by_cosine_alone() -> None:
    said = evidence({1: 0.2, 2: 0.9, 3: 0.5}, {1: 30.0})

    found = fuse({HERE: said}, SearchMode.SEMANTIC, limit=3)

    assert order(found) == [2, 3, 1]
    assert [one.score for one in found] == [0.9, 0.5, 0.2]


def test_words_order_by_bm25_alone_and_leave_out_what_matches_none() -> None:
    said = evidence({1: 0.2, 2: 0.9, 3: 0.5}, {1: 30.0, 3: 4.0})

    found = fuse({HERE: said}, SearchMode.KEYWORD, limit=3)

    assert order(found) == [1, 3]
    assert found[0].score == 1
    assert found[1].score < found[0].score


def test_words_lift_a_passage_over_a_slightly_nearer_one() -> None:
    said = evidence({1: 0.40, 2: 0.42}, {1: 12.0})

    assert order(fuse({HERE: said}, SearchMode.HYBRID, limit=2)) == [1, 2]


def test_a_passage_that_says_the_same_silences_the_words() -> None:
    said = evidence({1: 0.40, 2: 1.0}, {1: 40.0})

    found = fuse({HERE: said}, SearchMode.HYBRID, limit=2)

    assert order(found) == [2, 1]
    assert [one.score for one in found] == [1.0, 0.40]


def test_a_chance_match_of_one_word_counts_less_than_a_full_match() -> None:
    said = evidence({1: 0.4, 2: 0.4}, {1: 8.0, 2: 8.0}, {1: 2.0, 2: 10.0})

    assert order(fuse({HERE: said}, SearchMode.HYBRID, limit=2)) == [2, 1]


def test_without_words_both_is_the_order_of_meaning() -> None:
    said = evidence({1: 0.2, 2: 0.9, 3: 0.5}, question_idf=0.0)

    by_both = fuse({HERE: said}, SearchMode.HYBRID, limit=3)

    assert by_both == fuse({HERE: said}, SearchMode.SEMANTIC, limit=3)


def test_the_best_passage_anywhere_silences_the_words_everywhere() -> None:
    near = evidence({1: 0.99})
    wordy = evidence({2: 0.30}, {2: 60.0})

    found = fuse({HERE: near, THERE: wordy}, SearchMode.HYBRID, limit=2)

    assert [(one.collection, one.point) for one in found] == [(HERE, 1), (THERE, 2)]


def test_a_match_in_a_small_collection_counts_like_one_in_a_large() -> None:
    small, large = (evidence({1: 0.4}, {1: idf(size, holding=1)}, size=size) for size in (100, 100_000))

    found = fuse({HERE: small, THERE: large}, SearchMode.KEYWORD, limit=2)

    assert found[0].score == pytest.approx(found[1].score)


@pytest.mark.parametrize("mode", list(SearchMode))
def test_scores_stay_within_bounds_and_descend(mode: SearchMode) -> None:
    said = evidence({n: n / 10 - 0.5 for n in range(12)}, {n: 100.0 * (n % 3) for n in range(12)}, size=1)

    found = fuse({HERE: said}, mode, limit=12)
    scores = [one.score for one in found]

    assert scores == sorted(scores, reverse=True)
    assert all(0 <= one.score <= 1 and 0 <= one.similarity <= 1 for one in found)


def test_equal_passages_keep_one_order() -> None:
    one_way = evidence({1: 0.5, 2: 0.5, 3: 0.5})
    other_way = evidence({3: 0.5, 2: 0.5, 1: 0.5})

    assert fuse({HERE: one_way}, SearchMode.HYBRID, limit=2) == fuse({HERE: other_way}, SearchMode.HYBRID, limit=2)


@pytest.mark.parametrize("mode", list(SearchMode))
def test_nothing_said_is_nothing_found(mode: SearchMode) -> None:
    assert fuse({}, mode, limit=5) == []
    assert fuse({HERE: evidence({}, size=0)}, mode, limit=5) == []


def test_a_rare_word_has_a_higher_idf_than_a_common_one() -> None:
    assert idf(1_000, holding=0) > idf(1_000, holding=1) > idf(1_000, holding=500) > 0


def test_words_weigh_most_where_nothing_is_similar() -> None:
    weights = [words_weight(1_600, best, mean_cosine=0.1) for best in (0.05, 0.5, 0.9, 1.0)]

    assert weights == sorted(weights, reverse=True)
    assert weights[-1] == 0
