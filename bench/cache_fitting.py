"""Learn the weights of the cache's decision again: `python -m bench.cache_fitting` writes `logic/cache_weights.py`.

An example is a stored text that no guard keeps from a question, as the signals that the product reads, and whether its
answer fits. Examples come from the even classes of a stream and the even rows of a set of restated texts, and from made
pairs; the odd ones are left for `python -m bench cache`. The stream is replayed twice: with everything stored, and with
what a first network answers left out. Seeds are fixed.
"""

import argparse
import sys
import tempfile
import textwrap
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import anyio
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.cache import DATA, MOCK, ROOMY, STREAM
from bench.cache_made_pairs import made_pairs
from bench.cache_sets import Mock, Pair, Question, read_mock, read_stream
from hybrid_coordinator.backends.cache.sqlite import SqliteCache
from hybrid_coordinator.backends.clock import SystemClock
from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.domain.caching import CachedAnswer, CacheEntry, CacheKey, Neighbour
from hybrid_coordinator.errors import BadInput, CoordinatorError
from hybrid_coordinator.flows.caching import CachePolicy, SemanticCache
from hybrid_coordinator.logic import cache_weights
from hybrid_coordinator.logic.cache_budget import needed_chance
from hybrid_coordinator.logic.cache_decision import CANDIDATES, FLOOR, NEIGHBOURS
from hybrid_coordinator.logic.cache_guards import refuse
from hybrid_coordinator.logic.cache_likeness import signals_of
from hybrid_coordinator.logic.cache_reading import read
from hybrid_coordinator.ports import Embedder

WEIGHTS = Path(cache_weights.__file__)
SHARES = {
    "stream": 1,
    "stream, hits left out": 1,
    "in a row": 1,
    "restated": 12,
    "restated, answers not compared": 6,
    "restated, alone": 3,
    "made": 6,
}
"""How often an example of each kind is seen: the small sets must be heard beside the stream."""

UNITS = 8
SEEDS = range(4)
"""One network each; their mean decides."""

EPOCHS = 25
BATCH = 200
RATE = 0.003
FIRST_DECAY, SECOND_DECAY, TINY = 0.9, 0.999, 1e-8
SHRINKAGE = 0.3 / BATCH
"""Half of it times the squared weights is added to the loss of a batch."""

WIDTH = 118
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)

Floats = NDArray[np.float64]
Vectors = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Example:
    """What the product reads of a candidate, and whether its answer fits."""

    signals: tuple[float, ...]
    fits: bool


@dataclass(frozen=True, slots=True)
class Network:
    """As `logic/cache_likeness.py` computes it. A row of `hidden` is a unit."""

    means: Floats
    deviations: Floats
    hidden: Floats
    biases: Floats
    output: Floats
    output_bias: float

    def chances(self, signals: Floats) -> Floats:
        """Of fitting, one for each row of signals."""
        units = np.tanh((signals - self.means) / self.deviations @ self.hidden.T + self.biases)
        return logistic(units @ self.output + self.output_bias)

    def accepts(self, candidates: Sequence[Example]) -> bool:
        """Whether one of them is sure enough for the product's own error budget."""
        if not candidates:
            return False
        bar = needed_chance(CachePolicy().error_budget)
        return bool(np.max(self.chances(np.array([one.signals for one in candidates]))) >= bar)


class Teacher:
    """Turns sets into examples by storing and finding with the product's own cache."""

    def __init__(self, embedder: Embedder, vectors: Vectors, progress: Progress) -> None:
        self._embedder = embedder
        self._vectors = vectors
        self._progress = progress

    async def from_stream(self, questions: Sequence[Question], network: Network | None) -> list[Example]:
        """Examples of the learning half, replayed within the whole: the odd classes stand around them.

        What the network accepts is answered and so not stored; without one everything but the same question is.
        """
        taught: list[Example] = []
        async with self._opened(compare=True) as (stored, cache):
            for question in self._progress.track(questions, description="stream"):
                key, vector = CacheKey(question.text), self._vectors[question.text].tolist()
                if await stored.exact(key) is not None:
                    continue
                around = await stored.nearest(key, vector, limit=NEIGHBOURS)
                candidates = examples_around(question.text, question.answer, around)
                if for_learning(question):
                    taught += candidates
                if network is None or not network.accepts(candidates):
                    await cache.store(key, CachedAnswer(question.answer, {}), vector=vector)
        return taught

    async def from_restated(self, rows: Sequence[Mock], *, compare: bool) -> list[Example]:
        """Examples of the even rows, asked when all origins are stored."""
        taught: list[Example] = []
        names = {row.origin: f"c{number}" for number, row in enumerate(rows)}
        async with self._opened(compare=compare) as (stored, cache):
            for row in rows:
                vector = self._vectors[row.origin].tolist()
                await cache.store(CacheKey(row.origin), CachedAnswer(names[row.origin], {}), vector=vector)
            for row in rows[::2]:
                key = CacheKey(row.similar)
                if await stored.exact(key) is None:
                    around = await stored.nearest(key, self._vectors[row.similar].tolist(), limit=NEIGHBOURS)
                    taught += examples_around(row.similar, names[row.origin], around)
        return taught

    def from_pairs(self, pairs: Iterable[Pair]) -> list[Example]:
        """Each pair as if nothing else were stored."""
        taught: list[Example] = []
        for pair in pairs:
            similarity = round(float(self._vectors[pair.stored] @ self._vectors[pair.asked]), 4)
            near = Neighbour(entry_of(pair.stored, str(pair.alike)), similarity)
            taught += examples_around(pair.asked, str(True), [near])
        return taught

    @asynccontextmanager
    async def _opened(self, *, compare: bool) -> AsyncIterator[tuple[SqliteCache, SemanticCache]]:
        """An empty store in a folder of its own, and the policy over it."""
        policy = CachePolicy(max_entries=ROOMY, compare_answers=compare)
        with tempfile.TemporaryDirectory() as folder:
            stored = await SqliteCache.open(Path(folder) / "cache.sqlite", self._embedder.identity)
            try:
                yield stored, SemanticCache(stored, self._embedder, SystemClock(), policy)
            finally:
                await stored.aclose()


def examples_around(text: str, answer: str, around: Sequence[Neighbour]) -> list[Example]:
    """The candidates that no guard refuses, as the product weighs them."""
    asked = read(text)
    candidates = [(near, read(near.entry.key.text)) for near in around if near.similarity >= FLOOR][:CANDIDATES]
    return [
        Example(tuple(signals_of(asked, stored, near, around).values()), near.entry.answer.text == answer)
        for near, stored in candidates
        if refuse(asked, stored) is None
    ]


def entry_of(text: str, answer: str) -> CacheEntry:
    """An entry of which nothing was seen yet."""
    return CacheEntry(text, CacheKey(text), CachedAnswer(answer, {}), LONG_AGO, LONG_AGO, group=text)


def for_learning(question: Question) -> bool:
    """Whether its class, a letter and a number, is even. Raises BadInput for any other class."""
    try:
        return int(question.answer[1:]) % 2 == 0
    except ValueError as error:
        raise BadInput(f"the class {question.answer!r} is no letter with a number. Name it like 'c17'") from error


def pairs_in_a_row(questions: Sequence[Question]) -> list[Pair]:
    """Questions of the learning half, each beside the one asked just before."""
    return [
        Pair(before.text, asked.text, before.answer == asked.answer)
        for before, asked in pairwise(questions)
        if for_learning(asked)
    ]


def restated_pairs(rows: Sequence[Mock], vectors: Vectors) -> list[Pair]:
    """Each text of the even rows beside its origin, and beside the nearest other origin."""
    origins = list(dict.fromkeys(row.origin for row in rows))
    stored = np.array([vectors[origin] for origin in origins])
    pairs: list[Pair] = []
    for row in rows[::2]:
        nearest = [origins[place] for place in np.argsort(stored @ -vectors[row.similar])[:2]]
        others = [origin for origin in nearest if origin != row.origin][:1]
        pairs += [Pair(origin, row.similar, origin == row.origin) for origin in (row.origin, *others)]
    return pairs


async def learn(data: Path, embedder: Embedder, progress: Progress) -> tuple[Network, Mapping[str, list[Example]]]:
    """The network, and the examples it learned from by kind. Raises BadInput for a set that cannot be read."""
    questions, rows = read_stream(data / STREAM), read_mock(data / MOCK)
    made = made_pairs([row.origin for row in rows[::2]], seed=0)
    vectors = await embed(_texts(questions, rows, made), embedder, progress)
    teacher = Teacher(embedder, vectors, progress)
    taught = {
        "in a row": teacher.from_pairs(pairs_in_a_row(questions)),
        "restated": await teacher.from_restated(rows, compare=True),
        "restated, answers not compared": await teacher.from_restated(rows, compare=False),
        "restated, alone": teacher.from_pairs(restated_pairs(rows, vectors)),
        "made": teacher.from_pairs(made),
        "stream": await teacher.from_stream(questions, None),
    }
    taught["stream, hits left out"] = await teacher.from_stream(questions, fit(taught))
    return fit(taught), taught


def _texts(questions: Iterable[Question], rows: Iterable[Mock], pairs: Iterable[Pair]) -> list[str]:
    """Each text once."""
    asked = [question.text for question in questions]
    restated = [text for row in rows for text in (row.origin, row.similar)]
    return list(dict.fromkeys([*asked, *restated, *(text for pair in pairs for text in (pair.stored, pair.asked))]))


async def embed(texts: Sequence[str], embedder: Embedder, progress: Progress) -> Vectors:
    """In batches, for vectors of Python's own numbers take a great deal of room."""
    vectors: dict[str, NDArray[np.float32]] = {}
    for start in progress.track(range(0, len(texts), BATCH), description="embedding"):
        batch = texts[start : start + BATCH]
        vectors.update(zip(batch, np.asarray(await embedder.embed(batch), np.float32), strict=True))
    return vectors


def fit(taught: Mapping[str, Sequence[Example]]) -> Network:
    """The mean of one network a seed. Equal for equal examples."""
    seen = [one for kind, examples in taught.items() for one in [*examples] * SHARES[kind]]
    signals, fits = np.array([one.signals for one in seen]), np.array([one.fits for one in seen], float)
    means, deviations = signals.mean(axis=0), signals.std(axis=0)
    deviations[deviations == 0] = 1.0
    members = [_fit_one((signals - means) / deviations, fits, seed) for seed in SEEDS]
    hidden, biases, output, output_bias = zip(*members, strict=True)
    return Network(
        means,
        deviations,
        np.concatenate([one.T for one in hidden]),
        np.concatenate(biases),
        np.concatenate(output) / len(members),
        float(np.mean(output_bias)),
    )


def _fit_one(scaled: Floats, fits: Floats, seed: int) -> list[Floats]:
    """The weights of one network by Adam (Kingma & Ba, 2014) on the log loss of shuffled batches."""
    chance = np.random.default_rng(seed)
    weights = _first_weights(scaled.shape[1], chance)
    drift, spread = [np.zeros_like(one) for one in weights], [np.zeros_like(one) for one in weights]
    batches = (batch for _ in range(EPOCHS) for batch in _shuffled(len(fits), chance))
    for step, batch in enumerate(batches, start=1):
        rate = RATE * np.sqrt(1 - SECOND_DECAY**step) / (1 - FIRST_DECAY**step)
        for place, slope in enumerate(_slopes(weights, scaled[batch], fits[batch])):
            drift[place] = FIRST_DECAY * drift[place] + (1 - FIRST_DECAY) * slope
            spread[place] = SECOND_DECAY * spread[place] + (1 - SECOND_DECAY) * slope**2
            weights[place] = weights[place] - rate * drift[place] / (np.sqrt(spread[place]) + TINY)
    return weights


def _first_weights(inputs: int, chance: np.random.Generator) -> list[Floats]:
    """Hidden, biases, output and its bias, in bounds that keep signals in scale (Glorot & Bengio, 2010)."""
    inner, outer = np.sqrt(6 / (inputs + UNITS)), np.sqrt(6 / (UNITS + 1))
    bounds: list[tuple[float, tuple[int, ...]]] = [
        (inner, (inputs, UNITS)),
        (inner, (UNITS,)),
        (outer, (UNITS,)),
        (outer, ()),
    ]
    return [np.asarray(chance.uniform(-bound, bound, shape)) for bound, shape in bounds]


def _shuffled(count: int, chance: np.random.Generator) -> list[NDArray[np.intp]]:
    order = chance.permutation(count)
    return [order[start : start + BATCH] for start in range(0, count, BATCH)]


def _slopes(weights: Sequence[Floats], scaled: Floats, fits: Floats) -> list[Floats]:
    """Of the loss, by each of the weights; biases are not shrunk."""
    hidden, biases, output, output_bias = weights
    units = np.tanh(scaled @ hidden + biases)
    missed = (logistic(units @ output + output_bias) - fits) / len(fits)
    inner = np.outer(missed, output) * (1 - units**2)
    return [
        scaled.T @ inner + SHRINKAGE * hidden,
        inner.sum(axis=0),
        units.T @ missed + SHRINKAGE * output,
        missed.sum(),
    ]


def logistic(numbers: Floats) -> Floats:
    """Each number in [0, 1]."""
    return 1.0 / (1.0 + np.exp(-numbers))


def source_of(network: Network) -> str:
    """The table as a module."""
    units = "".join(f"    {_row(unit, 3, depth=1)},\n" for unit in network.hidden)
    doc = '"""The weights of `logic/cache_likeness.py`, as they were learned (docs/lab.md): '
    return (
        f'{doc}a table, not to be edited by hand."""\n\n# fmt: off\n'
        f"MEANS = {_row(network.means, 5)}\n"
        f"DEVIATIONS = {_row(network.deviations, 5)}\n"
        f"HIDDEN = (\n{units})\n"
        f"BIASES = {_row(network.biases, 4)}\n"
        f"OUTPUT = {_row(network.output, 4)}\n"
        f"OUTPUT_BIAS = {round(network.output_bias, 4)!r}\n"
    )


def _row(numbers: Floats, places: int, depth: int = 0) -> str:
    """A tuple over several lines, in brackets at this depth."""
    margin = " " * 4 * (depth + 1)
    listed = ", ".join(repr(round(float(number), places)) for number in numbers)
    return f"(\n{textwrap.fill(listed + ',', WIDTH, initial_indent=margin, subsequent_indent=margin)}\n{margin[4:]})"


def show(network: Network, taught: Mapping[str, Sequence[Example]]) -> None:
    """How many examples of each kind there are, and how the network does on what it learned from."""
    table = Table("examples", "number", "seen", "fitting", "called fitting", "rightly")
    bar = needed_chance(CachePolicy().error_budget)
    for kind, examples in taught.items():
        called = network.chances(np.array([one.signals for one in examples])) >= bar
        fits = np.array([one.fits for one in examples])
        counts = (len(examples), SHARES[kind], fits.sum(), called.sum(), (called & fits).sum())
        table.add_row(kind, *(f"{count:,}" for count in counts))
    Console().print(table)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.cache_fitting", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the sets (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=WEIGHTS, metavar="FILE", help="default: the package's own weights")
    arguments = parser.parse_args()
    try:
        with Progress(console=Console(stderr=True)) as progress:
            network, taught = anyio.run(learn, arguments.data, MiniLmEmbedder(), progress)
    except CoordinatorError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    show(network, taught)
    arguments.out.write_text(source_of(network))
    return 0


if __name__ == "__main__":
    sys.exit(main())
