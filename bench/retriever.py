"""What search gains from passages that were right and passages that were not, and what others lose by it.

It learns from questions of cosqa_dev, as many outcomes as are named (beyond 500 the same are asked again), and is
tested on cosqa_test, of which it knows neither questions nor answers, and on ops_runbooks, another subject. The third
test is what a house sees most: `known passages` of ops_runbooks, learned from one alert's wording and asked for in
another. The product's own trainer learns, and its own gate decides; figures are of what was learned, whatever the gate
said.
"""

import argparse
import tempfile
import timeit
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.metrics import ndcg, reciprocal_rank
from bench.retrieval import DATA, DEPTH
from bench.retrieval_sets import RetrievalSet, read_set
from bench.retriever_school import School
from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.backends.embedders.remembering import RememberingEmbedder
from hybrid_coordinator.backends.knowledge.edge import EdgeKnowledge
from hybrid_coordinator.domain.knowledge import Collection, Draft, Probe, SearchMode
from hybrid_coordinator.flows.adapted_questions import Way, search_adapted
from hybrid_coordinator.logic.paired_bootstrap import Pair, compare
from hybrid_coordinator.logic.retriever_gate import RetrieverPolicy
from hybrid_coordinator.ports import Embedder, Knowledge

OUTCOMES = (100, 500, 2_000)
MODES = {"dense": SearchMode.SEMANTIC, "hybrid": SearchMode.HYBRID}
BATCH = 64
QUESTIONS = 4_000
"""More than are asked: each is embedded once."""

POLICY = RetrieverPolicy(least_examples=50, trigger_every=50)
"""Of 100 outcomes some 75 hold an example: here that is enough."""

Figures = dict[str, Any]
Rankings = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Shelf:
    """A set, indexed, and what its questions find before anything was learned, by search."""

    measured: RetrievalSet
    knowledge: Knowledge
    before: dict[str, Rankings] = field(default_factory=dict)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, default=DATA, help="the folder of the sets' folders (default: %(default)s)"
    )
    parser.add_argument("--outcomes", type=int, nargs="+", default=OUTCOMES, help="how many are learned from")


async def measure(arguments: argparse.Namespace) -> Figures:
    """Figures by how many outcomes were learned from, and what moving a question costs."""
    embedder = RememberingEmbedder(MiniLmEmbedder(), most_texts=QUESTIONS)
    with Progress(console=Console(stderr=True)) as progress, tempfile.TemporaryDirectory() as folder:
        async with (
            _shelf(read_set(arguments.data / "cosqa_dev"), embedder, Path(folder), progress) as code,
            _shelf(read_set(arguments.data / "ops_runbooks"), embedder, Path(folder), progress) as runbooks,
        ):
            tests = {
                "cosqa_test": Shelf(read_set(arguments.data / "cosqa_test"), code.knowledge),
                "ops_runbooks": runbooks,
            }
            learned = {}
            for count in progress.track(arguments.outcomes, description="learning"):
                learned[str(count)] = await _learn(code, count, tests, embedder, Path(folder))
            known = await _learn_known(runbooks, embedder, Path(folder))
    return {"learned": learned, "known_passages": known}


async def _learn(code: Shelf, count: int, tests: Mapping[str, Shelf], embedder: Embedder, folder: Path) -> Figures:
    school = School(code.knowledge, embedder, folder, POLICY)
    questions = list(code.measured.queries.items())
    asked = [questions[n % len(questions)] for n in range(count)]
    helped = [await school.ask(text, code.measured.gains[id]) for id, text in asked]
    version, way, said = await school.learn()
    figures: Figures = {"helped": sum(helped), "verdict": said, "stage": version.stage.value if version else ""}
    for name, shelf in tests.items():
        figures[name] = await _compare(shelf, way, embedder)
    return figures | {"microseconds": _time(way, embedder)}


async def _learn_known(runbooks: Shelf, embedder: Embedder, folder: Path) -> Figures:
    """Each runbook's first question is learned from, and the others are asked."""
    queries, gains = runbooks.measured.queries, runbooks.measured.gains
    by_passage: dict[str, list[str]] = defaultdict(list)
    for id, right in gains.items():
        by_passage[min(right)].append(id)
    taught = [ids[0] for ids in by_passage.values() if len(ids) > 1]
    others = {id for ids in by_passage.values() for id in ids[1:]}
    school = School(runbooks.knowledge, embedder, folder, POLICY)
    helped = [await school.ask(queries[id], gains[id]) for id in taught]
    version, way, said = await school.learn()
    rest = RetrievalSet(
        "known passages", runbooks.measured.corpus, {id: queries[id] for id in others}, {id: gains[id] for id in others}
    )
    told: Figures = {"helped": sum(helped), "verdict": said, "stage": version.stage.value if version else ""}
    return told | await _compare(Shelf(rest, runbooks.knowledge), way, embedder)


async def _compare(shelf: Shelf, way: Way, embedder: Embedder) -> Figures:
    """By search, before and after; questions after the same passage are one group."""
    figures: Figures = {}
    for name, mode in MODES.items():
        if name not in shelf.before:
            shelf.before[name] = await _search(shelf, Way(), mode, embedder)
        figures[name] = _figures(shelf.before[name], await _search(shelf, way, mode, embedder), shelf.measured.gains)
    return figures


async def _search(shelf: Shelf, way: Way, mode: SearchMode, embedder: Embedder) -> Rankings:
    rankings: dict[str, Sequence[str]] = {}
    for id, text in shelf.measured.queries.items():
        [vector] = await embedder.embed([text])
        probe, wanted = Probe(text, vector), [Collection.CODEBASE]
        found = await search_adapted(shelf.knowledge, probe, way.adapt(vector), wanted, limit=DEPTH, mode=mode)
        rankings[id] = [passage.id for passage in found]
    return rankings


def _figures(before: Rankings, after: Rankings, gains: Mapping[str, Mapping[str, float]]) -> Figures:
    return {
        "mrr10": _difference(before, after, gains, reciprocal_rank),
        "ndcg10": _difference(before, after, gains, ndcg),
    }


def _difference(
    before: Rankings,
    after: Rankings,
    gains: Mapping[str, Mapping[str, float]],
    score: Callable[[Sequence[str], Mapping[str, float], int], float],
) -> Figures:
    pairs = [
        Pair(score(before[id], gains[id], DEPTH), score(after[id], gains[id], DEPTH), min(gains[id])) for id in before
    ]
    compared = compare(pairs, seed=0)
    if compared is None:
        return {}
    ci95 = [compared.low, compared.high]
    return {"before": compared.before, "after": compared.after, "ci95": ci95, "questions": len(pairs)}


def _time(way: Way, embedder: Embedder) -> float:
    """Microseconds to move one question, the best of five rounds."""
    vector = [embedder.identity.dimension**-0.5] * embedder.identity.dimension
    return min(timeit.repeat(lambda: way.adapt(vector), number=200, repeat=5)) / 200 * 1e6


@asynccontextmanager
async def _shelf(measured: RetrievalSet, embedder: Embedder, folder: Path, progress: Progress) -> AsyncIterator[Shelf]:
    knowledge = await EdgeKnowledge.open(folder / measured.name, embedder.identity)
    drafts = [Draft(id, Collection.CODEBASE, key=text, text=text) for id, text in measured.corpus.items()]
    task = progress.add_task(f"{measured.name}: indexing", total=len(drafts))
    try:
        for start in range(0, len(drafts), BATCH):
            batch = drafts[start : start + BATCH]
            await knowledge.put(batch, await embedder.embed([draft.key for draft in batch]))
            progress.advance(task, len(batch))
        yield Shelf(measured, knowledge)
    finally:
        await knowledge.aclose()


def show(figures: Figures) -> None:
    table = Table("outcomes", "helped", "test", "search", "MRR@10", "nDCG@10", "gate")
    for count, learned in figures["learned"].items():
        for test in ("cosqa_test", "ops_runbooks"):
            _add_rows(table, count, learned, test, learned[test])
    known = figures["known_passages"]
    _add_rows(table, "ops_runbooks", known, "known passages", known)
    console = Console()
    console.print(table)
    for count, learned in [*figures["learned"].items(), ("known passages", known)]:
        console.print(f"{count}: {learned['verdict']}", markup=False)


def _add_rows(table: Table, count: str, learned: Figures, test: str, compared: Figures) -> None:
    for mode in MODES:
        told = [_tell(compared[mode][metric]) for metric in ("mrr10", "ndcg10")]
        table.add_row(count, str(learned["helped"]), test, mode, *told, learned["stage"])


def _tell(one: Figures) -> str:
    low, high = one["ci95"]
    return f"{one['before']:.3f} → {one['after']:.3f} ({low:+.3f} to {high:+.3f})"
