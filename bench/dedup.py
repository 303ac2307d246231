"""What merging near-duplicates costs: at each threshold, how many merges are right, and how much is destroyed.

Questions of a stream with known classes are merged by the likeness of their embeddings, alone and with the guards that
the product asks as well. The product also wants the answers to agree, which questions alone cannot show: its own error
is below what is measured here. Two questions that nobody labelled count as different, so precision is a lower bound.
"""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.cache import DATA, STREAM
from bench.cache_sets import Question, read_stream
from bench.dedup_traps import Trap, make_traps
from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.logic.cache_guards import refuse
from hybrid_coordinator.logic.cache_reading import read

ITEMS = 12_000
THRESHOLDS = (0.80, 0.85, 0.88, 0.90, 0.92, 0.95, 0.97, 0.99)
VECTORS = Path(tempfile.gettempdir()) / "hybrid-coordinator-bench"
BLOCK = 1_000
RESAMPLES = 1_000
BATCH = 256
TRAP_SEED = 7

Floats = NDArray[np.float32]
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Near:
    """Two questions by their places, the earlier first, that are at least as like as the lowest threshold."""

    earlier: int
    later: int
    similarity: float
    guarded: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """Questions in order, as the number of their class, and everything near among them."""

    classes: Sequence[int]
    near: Sequence[Near]


async def measure_dedup(items: int = ITEMS, stream: Path = DATA / STREAM) -> list[Figures]:
    """A row for each rule and threshold, over the first so many questions of the stream, the lowest threshold first.

    Intervals are of 95 % of resamples of classes.
    """
    questions = _each_once(read_stream(stream)[:items])
    traps = make_traps([question.text for question in questions], TRAP_SEED)
    sample = _sample(questions, await _embed([question.text for question in questions]))
    likeness = await _trap_likeness(traps)
    return [
        {
            "rule": rule,
            "threshold": threshold,
            "questions": len(questions),
            **_pair_figures(sample, threshold, guarded),
            **_greedy_figures(sample, threshold, guarded),
            **_trap_figures(traps, likeness, threshold, guarded),
        }
        for threshold in THRESHOLDS
        for rule, guarded in (("cosine", False), ("cosine and guards", True))
    ]


def show_dedup(rows: Sequence[Figures]) -> None:
    """Print the rows as a table."""
    table = Table("rule", "from", "merged pairs", "precision", "recall", "data lost", "classes lost", "traps merged")
    for row in rows:
        table.add_row(
            row["rule"],
            f"{row['threshold']:.2f}",
            f"{row['merged']:,}",
            _between(row["precision"], row["precision_interval"]),
            _between(row["recall"], row["recall_interval"]),
            _between(row["lost"], row["lost_interval"]),
            f"{row['classes_lost']:.4f}",
            ", ".join(f"{kind} {caught}/{made}" for kind, (caught, made) in row["traps"].items()),
        )
    Console().print(table)


def _between(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None or interval is None:
        return "nothing merged"
    return f"{value:.4f} ({interval[0]:.4f} to {interval[1]:.4f})"


def _each_once(questions: Sequence[Question]) -> list[Question]:
    """The same text counts once: to merge it is no art."""
    return list({question.text: question for question in questions}.values())


async def _embed(texts: Sequence[str]) -> Floats:
    """Unit vectors, kept between runs under a name made of the texts."""
    embedder = MiniLmEmbedder(workers=1)
    digest = blake2b("\0".join((embedder.identity.name, *texts)).encode(), digest_size=12).hexdigest()
    kept = VECTORS / f"dedup-{digest}.npy"
    if not kept.exists():
        vectors = [
            vector for start in range(0, len(texts), BATCH) for vector in await embedder.embed(texts[start:][:BATCH])
        ]
        VECTORS.mkdir(parents=True, exist_ok=True)
        np.save(kept, np.array(vectors, dtype=np.float32))
    await embedder.aclose()
    return np.asarray(np.load(kept), dtype=np.float32)


def _sample(questions: Sequence[Question], vectors: Floats) -> Sample:
    numbers = {name: number for number, name in enumerate(dict.fromkeys(question.answer for question in questions))}
    readings = [read(question.text) for question in questions]
    near = [
        Near(earlier, later, similarity, refuse(readings[later], readings[earlier]) is None)
        for earlier, later, similarity in _near_pairs(vectors)
    ]
    return Sample([numbers[question.answer] for question in questions], near)


def _near_pairs(vectors: Floats) -> Iterable[tuple[int, int, float]]:
    """Found block by block, in bounded memory."""
    for start in range(0, len(vectors), BLOCK):
        likeness = vectors[start : start + BLOCK] @ vectors.T
        for row, earlier in zip(*np.nonzero(likeness >= THRESHOLDS[0]), strict=True):
            if earlier < start + row:
                yield int(earlier), int(start + row), float(likeness[row, earlier])


def _merged(sample: Sample, threshold: float, guarded: bool) -> list[Near]:
    return [near for near in sample.near if near.similarity >= threshold and (near.guarded or not guarded)]


def _pair_figures(sample: Sample, threshold: float, guarded: bool) -> Figures:
    """Of pairs: which of those that are merged belong together, and which of those that belong together are merged."""
    merged = _merged(sample, threshold, guarded)
    right = [near for near in merged if sample.classes[near.earlier] == sample.classes[near.later]]
    of_class = np.bincount(sample.classes)
    together = of_class * (of_class - 1) / 2
    counts = [_by_class(sample, [near.earlier for near in pairs]) for pairs in (right, merged)]
    return {
        "merged": len(merged),
        "precision": len(right) / len(merged) if merged else None,
        "precision_interval": _ratio_interval(counts[0], counts[1]) if merged else None,
        "recall": len(right) / float(together.sum()),
        "recall_interval": _ratio_interval(counts[0], together),
    }


def _greedy_figures(sample: Sample, threshold: float, guarded: bool) -> Figures:
    """Of a store that merges each question, as it comes, into the nearest that it keeps."""
    into = _merge_greedily(sample, threshold, guarded)
    lost = [later for later, kept in into.items() if sample.classes[later] != sample.classes[kept]]
    kept_classes = {name for place, name in enumerate(sample.classes) if place not in into}
    classes = len(set(sample.classes))
    return {
        "lost": len(lost) / len(sample.classes),
        "lost_interval": _ratio_interval(_by_class(sample, lost), np.bincount(sample.classes)),
        "classes_lost": 1 - len(kept_classes) / classes,
    }


def _merge_greedily(sample: Sample, threshold: float, guarded: bool) -> Mapping[int, int]:
    """Which question went into which."""
    likes: dict[int, list[Near]] = {}
    for near in _merged(sample, threshold, guarded):
        likes.setdefault(near.later, []).append(near)
    into: dict[int, int] = {}
    for later in sorted(likes):
        best = max(
            (near for near in likes[later] if near.earlier not in into), key=lambda near: near.similarity, default=None
        )
        if best is not None:
            into[later] = best.earlier
    return into


def _by_class(sample: Sample, places: Sequence[int]) -> NDArray[np.float64]:
    counts = np.zeros(max(sample.classes) + 1)
    for place in places:
        counts[sample.classes[place]] += 1
    return counts


def _ratio_interval(
    part: NDArray[np.float64] | NDArray[np.int64], whole: NDArray[np.float64] | NDArray[np.int64]
) -> tuple[float, float]:
    """Of sum(part) / sum(whole) when classes are drawn anew, each a Poisson number of times."""
    there = np.flatnonzero(whole)
    chance = np.random.default_rng(0)
    ratios = []
    for _ in range(RESAMPLES):
        weights = chance.poisson(1.0, len(there))
        ratios.append(float(weights @ part[there]) / max(float(weights @ whole[there]), 1.0))
    low, high = np.quantile(ratios, [0.025, 0.975])
    return float(low), float(high)


async def _trap_likeness(traps: Sequence[Trap]) -> list[float]:
    vectors = await _embed([text for trap in traps for text in (trap.question, trap.other)])
    return [float(one @ other) for one, other in zip(vectors[::2], vectors[1::2], strict=True)]


def _trap_figures(traps: Sequence[Trap], likeness: Sequence[float], threshold: float, guarded: bool) -> Figures:
    """By kind: how many were merged, of how many."""
    caught: dict[str, list[int]] = {}
    for trap, similarity in zip(traps, likeness, strict=True):
        merged = similarity >= threshold and not (guarded and refuse(read(trap.question), read(trap.other)))
        count = caught.setdefault(trap.kind, [0, 0])
        count[0] += merged
        count[1] += 1
    return {"traps": caught}
