"""How well the knowledge store finds what fits: by words (bm25), by meaning (dense) and by both (hybrid).

Everything goes through the store and the embedder that the product runs on, each set in a store of its own. Of each
text the body is indexed and its title is not.
"""

import argparse
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.metrics import bootstrap_interval, ndcg, recall, reciprocal_rank
from bench.retrieval_sets import RetrievalSet, read_set, set_folders
from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.backends.knowledge.edge import EdgeKnowledge
from hybrid_coordinator.domain.knowledge import Collection, Draft, Probe, SearchMode, Vector
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.ports import Embedder

DATA = Path(__file__).parents[2] / "shared" / "data" / "retrieval"
MODES = {"bm25": SearchMode.KEYWORD, "dense": SearchMode.SEMANTIC, "hybrid": SearchMode.HYBRID}

BATCH = 64
DEPTH = 10
RECALL_DEPTH = 100

Figures = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, default=DATA, help="the folder of the sets' folders (default: %(default)s)"
    )


async def measure(arguments: argparse.Namespace) -> Figures:
    """Figures by set; a set that cannot be read is named under `failed`, and the others are measured."""
    sets: dict[str, Figures] = {}
    failed: dict[str, str] = {}
    with Progress(console=Console(stderr=True)) as progress:
        embedder = RememberingEmbedder(MiniLmEmbedder())
        for folder in set_folders(arguments.data):
            try:
                sets[folder.name] = await _measure_set(read_set(folder), embedder, progress)
            except BadInput as error:
                failed[folder.name] = str(error)
    return {"sets": sets, "failed": failed}


def show(figures: Figures) -> None:
    table = Table("set", "search", "nDCG@10", "MRR@10", "Recall@100", "nDCG@10, 95% of resamples")
    for name, by_mode in figures["sets"].items():
        for mode, scores in by_mode.items():
            between = " to ".join(f"{end:.3f}" for end in scores.get("ndcg10_interval", ()))
            table.add_row(name, mode, *(f"{scores[key]:.4f}" for key in ("ndcg10", "mrr10", "recall100")), between)
    console = Console()
    console.print(table)
    for name, reason in figures["failed"].items():
        console.print(f"not measured: {name}: {reason}", markup=False)


class RememberingEmbedder:
    """Embeds a text once, however many sets hold it."""

    def __init__(self, embedder: Embedder) -> None:
        self.identity = embedder.identity
        self._embedder = embedder
        self._known: dict[str, Vector] = {}

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        unknown = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(unknown, await self._embedder.embed(unknown), strict=True))
        return [self._known[text] for text in texts]


async def _measure_set(measured: RetrievalSet, embedder: RememberingEmbedder, progress: Progress) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        knowledge = await EdgeKnowledge.open(Path(folder) / "knowledge", embedder.identity)
        try:
            await _fill(knowledge, measured, embedder, progress)
            rankings = await _search(knowledge, measured, embedder, progress)
        finally:
            await knowledge.aclose()
    return {mode: _figures(rankings[mode], measured.gains, mode) for mode in MODES}


async def _fill(
    knowledge: EdgeKnowledge, measured: RetrievalSet, embedder: RememberingEmbedder, progress: Progress
) -> None:
    drafts = [Draft(name, Collection.CODEBASE, key=text, text=text) for name, text in measured.corpus.items()]
    task = progress.add_task(f"{measured.name}: indexing", total=len(drafts))
    for start in range(0, len(drafts), BATCH):
        batch = drafts[start : start + BATCH]
        await knowledge.put(batch, await embedder.embed([draft.key for draft in batch]))
        progress.advance(task, len(batch))
    await knowledge.tidy()


async def _search(
    knowledge: EdgeKnowledge, measured: RetrievalSet, embedder: RememberingEmbedder, progress: Progress
) -> Mapping[str, Mapping[str, list[str]]]:
    """Text ids, best first, by mode and query id."""
    rankings: dict[str, dict[str, list[str]]] = {mode: {} for mode in MODES}
    for query, text in progress.track(measured.queries.items(), description=f"{measured.name}: searching"):
        [vector] = await embedder.embed([text])
        for name, mode in MODES.items():
            found = await knowledge.search(Probe(text, vector), [Collection.CODEBASE], limit=RECALL_DEPTH, mode=mode)
            rankings[name][query] = [passage.id for passage in found]
    return rankings


def _figures(rankings: Mapping[str, list[str]], gains: Mapping[str, Mapping[str, float]], mode: str) -> Figures:
    ndcgs = [ndcg(ranking, gains[query], DEPTH) for query, ranking in rankings.items()]
    figures = {
        "ndcg10": _mean(ndcgs),
        "mrr10": _mean(reciprocal_rank(ranking, gains[query], DEPTH) for query, ranking in rankings.items()),
        "recall100": _mean(recall(ranking, gains[query], RECALL_DEPTH) for query, ranking in rankings.items()),
    }
    return {**figures, "ndcg10_interval": bootstrap_interval(ndcgs)} if mode == "hybrid" and ndcgs else figures


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return fmean(listed) if listed else 0.0
