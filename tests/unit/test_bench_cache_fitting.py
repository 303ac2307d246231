"""Learning the cache's weights again, on sets small enough to know what may be learned from."""

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from rich.progress import Progress

from bench.cache import MOCK, STREAM
from bench.cache_fitting import WEIGHTS, Example, Network, entry_of, fit, for_learning, learn, source_of
from bench.cache_made_pairs import made_pairs
from bench.cache_sets import Question
from hybrid_coordinator.domain.caching import Neighbour
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.logic import cache_weights as shipped
from hybrid_coordinator.logic.cache_likeness import chance_of_fit, signals_of
from hybrid_coordinator.logic.cache_reading import read
from hybrid_coordinator.testing import HashEmbedder

QUESTIONS = [
    {"query": "How do I restart the nginx web server?", "class_id": "c2"},
    {"query": "How can I restart the nginx web server?", "class_id": "c2"},
    {"query": "How do I renew a passport in Spain?", "class_id": "c3"},
    {"query": "How can I renew a passport in Spain?", "class_id": "c3"},
]

ROWS = [
    {"origin": "A mutex is a lock that one thread holds.", "similar": "A mutex is the lock that one thread holds."},
    {"origin": "A queue keeps jobs for the workers.", "similar": "The queue keeps jobs for the workers."},
]

SHIPPED = Network(
    np.array(shipped.MEANS),
    np.array(shipped.DEVIATIONS),
    np.array(shipped.HIDDEN),
    np.array(shipped.BIASES),
    np.array(shipped.OUTPUT),
    shipped.OUTPUT_BIAS,
)


def written(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))


async def test_only_even_classes_and_rows_are_learned_from(tmp_path: Path) -> None:
    written(tmp_path / STREAM, QUESTIONS)
    written(tmp_path / MOCK, ROWS)

    with Progress(disable=True) as progress:
        network, taught = await learn(tmp_path, HashEmbedder(), progress)

    fits = {kind: [one.fits for one in examples] for kind, examples in taught.items()}
    assert {*fits.pop("made")} == {True, False}
    assert fits == {
        "stream": [True],
        "stream, hits left out": [True],
        "in a row": [True],
        "restated": [True],
        "restated, answers not compared": [True],
        "restated, alone": [True],
    }
    assert np.all(np.isfinite(network.hidden))


def test_equal_examples_give_equal_weights_that_tell_them_apart() -> None:
    chance = np.random.default_rng(0)
    drawn = chance.uniform(0, 1, (600, 3))
    taught = {"made": [Example(tuple(row), bool(row[0] > row[1])) for row in drawn.tolist()]}

    network = fit(taught)

    sure = np.abs(drawn[:, 0] - drawn[:, 1]) > 0.2
    assert np.array_equal(network.chances(drawn[sure]) > 0.5, drawn[sure, 0] > drawn[sure, 1])
    assert source_of(fit(taught)) == source_of(network)


def test_a_network_gives_the_chance_that_the_product_gives() -> None:
    asked, stored = read("How do I restart nginx?"), read("How can I restart the nginx server?")
    near = Neighbour(entry_of(stored.text, ""), 0.91)

    chances = SHIPPED.chances(np.array([[*signals_of(asked, stored, near, [near]).values()]]))

    assert chances[0] == pytest.approx(chance_of_fit(asked, stored, near, [near]))


def test_weights_are_written_in_the_form_in_which_they_ship() -> None:
    assert source_of(SHIPPED) == WEIGHTS.read_text()


def test_made_pairs_come_again_with_their_seed_and_never_pair_a_text_with_itself() -> None:
    statements = [row["origin"] for row in ROWS]

    pairs = made_pairs(statements, seed=1)

    assert pairs == made_pairs(statements, seed=1) != made_pairs(statements, seed=2)
    assert all(pair.stored != pair.asked for pair in pairs)


def test_a_class_that_is_neither_even_nor_odd_is_named() -> None:
    with pytest.raises(BadInput, match="'greetings'"):
        for_learning(Question("hello", "greetings"))
