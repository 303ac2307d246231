"""How long a question waits for its context, and what recording it adds.

A question is embedded, searched for in the four context collections and grounded, as the product does it. A stored
passage is the first half of one real text and the second half of another, with the vector of the first moved a little
and normalised: embedding each of 100,000 texts would take half an hour and change no figure here.
"""

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.retrieval import DATA
from bench.retrieval_sets import read_set, set_folders
from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.backends.knowledge.edge import EdgeKnowledge
from hybrid_coordinator.backends.ledger.sql import SqlLedger
from hybrid_coordinator.domain.interaction import AgentType, Interaction
from hybrid_coordinator.domain.knowledge import CONTEXT_COLLECTIONS, Collection, Draft
from hybrid_coordinator.domain.query import Profile, Speciality
from hybrid_coordinator.domain.route import Route, Target
from hybrid_coordinator.flows.augment import Augmenter
from hybrid_coordinator.flows.history import History
from hybrid_coordinator.logic.grounding import GroundingPolicy
from hybrid_coordinator.testing import MemoryLedger

SIZES = (10_000, 100_000)
BASE_TEXTS = 2_000
WARM_UP = 50
MEASURED = 500
BATCH = 1_000
SEED = 7
ROUTE = Route(Target.LOCAL, ("local",), "no remote key is set", 0.5, 0.5, 2, Speciality.GENERAL, Profile.DEFAULT)
SHIFT = 0.5
"""Length of the random step added to a unit vector: the cosine to where it came from becomes about 0.9."""

CACHE = Path(tempfile.gettempdir()) / "hybrid-coordinator-bench"

_BODY = {
    Collection.CODEBASE: "code_snippet",
    Collection.SKILLS: "description",
    Collection.ERRORS: "solution",
    Collection.PRACTICES: "description",
}

Figures = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Material:
    """Real texts with their vectors, one a row, and real questions."""

    texts: Sequence[str]
    vectors: NDArray[np.float64]
    questions: Sequence[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=DATA, help="where the texts come from (default: %(default)s)")
    parser.add_argument(
        "--passages", type=int, action="append", metavar="N", help=f"how many are stored; may be repeated {SIZES}"
    )
    parser.add_argument("--keep", action="store_true", help=f"keep the stores in {str(CACHE)!r} for the next run")


async def measure(arguments: argparse.Namespace) -> Figures:
    embedder = MiniLmEmbedder()
    augment: Figures = {}
    occupied = 0.0
    with Progress(console=Console(stderr=True)) as progress:
        material = await _material(arguments.data, embedder, progress)
        try:
            for size in sorted(arguments.passages or SIZES):
                folder = await _built(size, material, embedder, progress)
                occupied = sum(path.stat().st_blocks * 512 for path in folder.rglob("*")) / size
                augment[str(size)] = await _measure_augment(folder, material, embedder)
        finally:
            if not arguments.keep:
                shutil.rmtree(CACHE, ignore_errors=True)
    return {"augment": augment, "record": await _measure_record(material), "bytes_per_passage": round(occupied)}


def show(figures: Figures) -> None:
    table = Table("what", "p50, ms", "p99, ms")
    for size, times in figures["augment"].items():
        table.add_row(f"augment, {int(size):,} passages", f"{times['p50_ms']:.2f}", f"{times['p99_ms']:.2f}")
    table.add_row("record", f"{figures['record']['p50_ms']:.2f}", f"{figures['record']['p99_ms']:.2f}")
    console = Console()
    console.print(table)
    console.print(f"{figures['bytes_per_passage']:,} bytes on disk for each passage")


async def _material(data: Path, embedder: MiniLmEmbedder, progress: Progress) -> Material:
    sets = [read_set(folder) for folder in set_folders(data)]
    dice = random.Random(SEED)
    texts = sorted({text for one in sets for text in one.corpus.values()})
    questions = sorted({text for one in sets for text in one.queries.values()})
    base = dice.sample(texts, min(BASE_TEXTS, len(texts)))
    vectors = []
    for start in progress.track(range(0, len(base), BATCH // 10), description="embedding real texts"):
        vectors += await embedder.embed(base[start : start + BATCH // 10])
    return Material(base, np.array(vectors), dice.sample(questions, len(questions)))


async def _built(size: int, material: Material, embedder: MiniLmEmbedder, progress: Progress) -> Path:
    """The folder of a store of that size, tidied; one that an earlier run kept is used again."""
    folder = CACHE / f"{size}-{len(material.texts)}-{SEED}"
    if folder.exists():
        return folder
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    knowledge = await EdgeKnowledge.open(unfinished, embedder.identity)
    try:
        task = progress.add_task(f"storing {size:,} passages", total=size)
        for start in range(0, size, BATCH):
            numbers = range(start, min(start + BATCH, size))
            await knowledge.put([_draft(number, material) for number in numbers], _vectors(numbers, material))
            progress.advance(task, len(numbers))
        task = progress.add_task("tidying", total=None)
        await knowledge.tidy()
        progress.update(task, total=1, completed=1)
    finally:
        await knowledge.aclose()
    return unfinished.rename(folder)


def _draft(number: int, material: Material) -> Draft:
    dice = random.Random(f"{SEED} {number}")
    collection = CONTEXT_COLLECTIONS[number % len(CONTEXT_COLLECTIONS)]
    first = _lines(material.texts[number % len(material.texts)])
    second = _lines(dice.choice(material.texts))
    key = "\n".join(first[: (len(first) + 1) // 2])
    text = "\n".join([key, *second[len(second) // 2 :]])
    source = f"src/module_{number // 20}.py"
    return Draft(f"passage {number}", collection, key, text, {_BODY[collection]: text}, source)


def _vectors(numbers: Sequence[int], material: Material) -> list[list[float]]:
    base = material.vectors[[number % len(material.texts) for number in numbers]]
    step = np.random.default_rng([SEED, numbers[0]]).normal(size=base.shape)
    moved = base + SHIFT * step / np.linalg.norm(step, axis=1, keepdims=True)
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    return [row.tolist() for row in moved]


def _lines(text: str) -> list[str]:
    return text.splitlines() or [""]


async def _measure_augment(folder: Path, material: Material, embedder: MiniLmEmbedder) -> Figures:
    knowledge = await EdgeKnowledge.open(folder, embedder.identity)
    augmenter = Augmenter(embedder, knowledge, History(MemoryLedger(), knowledge, embedder), GroundingPolicy())
    try:
        return await _timed(augmenter.augment, material.questions)
    finally:
        await knowledge.aclose()


async def _measure_record(material: Material) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        ledger = await SqlLedger.open(f"sqlite:///{folder}/ledger.sqlite3")
        try:
            return await _timed(ledger.append, [_interaction(n, material) for n in range(WARM_UP + MEASURED)])
        finally:
            await ledger.aclose()


def _interaction(number: int, material: Material) -> Interaction:
    return Interaction(
        id=f"interaction {number}",
        created_at=datetime.now(UTC),
        query=material.questions[number % len(material.questions)],
        response=material.texts[number % len(material.texts)],
        agent_type=AgentType.LOCAL,
        model_used="bench",
        context_provided=tuple(f"passage {passage}" for passage in range(5)),
        route=ROUTE,
    )


async def _timed(act: Callable[[T], Awaitable[object]], things: Sequence[T]) -> Figures:
    """Percentiles over `MEASURED` calls, one after the other, after a warm-up; few things are used again."""
    times_ms = []
    for thing in islice(cycle(things), WARM_UP + MEASURED):
        start = time.perf_counter()
        await act(thing)
        times_ms.append((time.perf_counter() - start) * 1_000)
    p50, p99 = np.percentile(times_ms[WARM_UP:], [50, 99])
    return {"p50_ms": round(float(p50), 3), "p99_ms": round(float(p99), 3)}
