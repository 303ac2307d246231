"""Vectors that belong together, and what their texts are called."""

import numpy as np
import pytest
from numpy.typing import NDArray

from hybrid_coordinator.logic.clustering import BLOCK, NAMELESS, cluster, name_clusters

Floats = NDArray[np.float32]


def unit(rows: NDArray[np.float64]) -> Floats:
    normed: Floats = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return normed


def bunches(count: int, each: int, noise: float = 0.02) -> tuple[Floats, list[int]]:
    """Noisy copies of random directions, interleaved."""
    random = np.random.default_rng(7)
    centres = random.normal(size=(count, 64))
    labels = list(range(count)) * each
    return unit(centres[labels] + noise * random.normal(size=(len(labels), 64))), labels


def test_bunches_are_found_whatever_block_their_members_stand_in() -> None:
    vectors, labels = bunches(40, 3 * BLOCK // 40)

    found = cluster(vectors, 0.7)

    assert [len({labels[place] for place in one.members}) for one in found] == [1] * 40
    assert sorted(place for one in found for place in one.members) == list(range(len(vectors)))


def test_who_is_like_nobody_is_alone() -> None:
    found = cluster(np.eye(5, dtype=np.float32), 0.1)

    assert [one.members for one in found] == [(0,), (1,), (2,), (3,), (4,)]


def test_nothing_has_no_clusters() -> None:
    assert cluster(np.empty((0, 8), np.float32), 0.5) == []


def test_the_largest_comes_first_and_of_equal_ones_the_earliest() -> None:
    east, north, up = np.eye(3, dtype=np.float32)

    found = cluster(np.stack([up, east, north, east, north, north, up]), 0.9)

    assert [one.members for one in found] == [(2, 4, 5), (0, 6), (1, 3)]


def test_the_medoid_has_the_highest_mean_similarity_to_all_members() -> None:
    vectors, _ = bunches(1, 30, noise=0.5)

    (one,) = cluster(vectors, 0.1)

    assert one.medoid == int((vectors @ vectors.T).mean(axis=1).argmax())
    assert one.cohesion == pytest.approx(float((vectors @ vectors.T).mean()), abs=1e-5)


def test_two_groups_that_began_apart_and_grew_alike_become_one() -> None:
    angles = np.radians([0.0, 50.0, 24.0, 26.0, 23.0, 27.0])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    found = cluster(vectors, 0.87)

    assert [one.members for one in found] == [(0, 1, 2, 3, 4, 5)]


def test_the_same_vectors_give_the_same_clusters() -> None:
    vectors, _ = bunches(20, 10, noise=0.3)

    assert [one.members for one in cluster(vectors, 0.5)] == [one.members for one in cluster(vectors, 0.5)]


def test_one_more_vector_leaves_the_clusters_of_the_others_alone() -> None:
    vectors, _ = bunches(20, 10)
    stranger = np.zeros((1, 64), np.float32)
    stranger[0, 0] = 1.0

    before, after = cluster(vectors, 0.7), cluster(np.vstack([vectors, stranger]), 0.7)

    assert [one.members for one in before] == [one.members for one in after if one.members != (200,)]


def test_a_name_is_made_of_what_a_group_says_and_others_do_not() -> None:
    names = name_clusters(
        [
            ["How do I renew the TLS certificate?", "The certificate of the proxy expired"],
            ["How do I free disk space?", "The disk of the proxy is full"],
        ]
    )

    assert names[0].startswith("certificate-")
    assert names[1].startswith("disk-")


def test_names_differ_even_where_the_texts_are_the_same() -> None:
    names = name_clusters([["disk full"], ["disk full"], ["disk full"]])

    assert len(set(names)) == 3


def test_texts_without_a_word_have_a_name() -> None:
    assert name_clusters([["???"], ["42"]]) == [NAMELESS, f"{NAMELESS}-2"]


def test_who_followed_an_early_one_moves_to_the_group_that_it_is_more_like() -> None:
    angles = np.radians([0.0, 1.0, 2.0, 0.5, 34.0, 60.0, 61.0, 59.0])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    found = cluster(vectors, float(np.cos(np.radians(35.0))))

    assert [one.members for one in found] == [(0, 1, 2, 3), (4, 5, 6, 7)]
