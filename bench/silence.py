"""When to be silent: how well similarity tells what helps, and what a threshold fitted to outcomes lets through.

Answerable questions are those of `ops_runbooks`; unanswerable ones, about other things, are as many of `cosqa_dev`.
Each is searched in the runbooks, and the first passage helps when it is the right one. The threshold is fitted on one
half of the questions and judged on the other, over many halvings.
"""

import argparse
import random
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.retrieval import DATA
from bench.retrieval_sets import read_set
from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.backends.knowledge.edge import EdgeKnowledge
from hybrid_coordinator.domain.knowledge import Collection, Draft, Probe
from hybrid_coordinator.domain.learning import Injection
from hybrid_coordinator.logic.grounding import GroundingPolicy
from hybrid_coordinator.logic.silence import SilencePolicy, choose_threshold

BUDGETS = (0.05, 0.1, 0.2, 0.3)
HALVINGS = 200
SEED = 20261121

Figures = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, default=DATA, help="the folder of the sets' folders (default: %(default)s)"
    )


async def measure(arguments: argparse.Namespace) -> Figures:
    """AUROC of similarity for answerable questions, and for each budget what is shown, on questions not fitted on."""
    answerable, unanswerable = await _search(arguments.data)
    firsts = answerable + unanswerable
    usual = GroundingPolicy().min_similarity
    return {
        "answerable": len(answerable),
        "unanswerable": len(unanswerable),
        "auroc_answerable": _auroc([one.similarity for one in answerable], [one.similarity for one in unanswerable]),
        "usual": _judge(firsts, usual),
        "budgets": [{"budget": budget, **_fit_and_judge(firsts, usual, budget)} for budget in BUDGETS],
    }


def show(figures: Figures) -> None:
    console = Console()
    console.print(f"AUROC, {figures['answerable']} answerable against others: {figures['auroc_answerable']:.3f}")
    table = Table("budget", "threshold", "shown of all", "helped of those shown", "of what helps shown")
    for row in ({"budget": "none", **figures["usual"]}, *figures["budgets"]):
        shares = (f"{row[key]:.3f}" for key in ("threshold", "shown", "precision", "recall"))
        table.add_row(str(row["budget"]), *shares)
    console.print(table)


async def _search(data: Path) -> tuple[list[Injection], list[Injection]]:
    runbooks, others = read_set(data / "ops_runbooks"), read_set(data / "cosqa_dev")
    embedder = MiniLmEmbedder()
    with tempfile.TemporaryDirectory() as folder:
        knowledge = await EdgeKnowledge.open(Path(folder) / "knowledge", embedder.identity)
        try:
            drafts = [Draft(name, Collection.PRACTICES, text, text) for name, text in runbooks.corpus.items()]
            await knowledge.put(drafts, await embedder.embed([draft.key for draft in drafts]))
            answerable = [
                await _first(knowledge, embedder, text, set(runbooks.gains[name]))
                for name, text in runbooks.queries.items()
            ]
            strange = random.Random(SEED).sample(sorted(others.queries.values()), len(answerable))
            return answerable, [await _first(knowledge, embedder, text, set()) for text in strange]
        finally:
            await knowledge.aclose()
            await embedder.aclose()


async def _first(knowledge: EdgeKnowledge, embedder: MiniLmEmbedder, text: str, right: set[str]) -> Injection:
    [vector] = await embedder.embed([text])
    [first] = await knowledge.search(Probe(text, vector), [Collection.PRACTICES], limit=1)
    return Injection(first.similarity, float(first.id in right))


def _fit_and_judge(firsts: list[Injection], usual: float, budget: float) -> Figures:
    dice, judged = random.Random(SEED), []
    for _ in range(HALVINGS):
        shuffled = dice.sample(firsts, len(firsts))
        half = len(firsts) // 2
        threshold = choose_threshold(shuffled[:half], usual, SilencePolicy(false_injection_budget=budget))
        judged.append(_judge(shuffled[half:], threshold))
    return {key: fmean(one[key] for one in judged) for key in judged[0]}


def _judge(firsts: list[Injection], threshold: float) -> dict[str, float]:
    shown = [one for one in firsts if one.similarity >= threshold]
    helped = sum(one.credit for one in shown)
    return {
        "threshold": threshold,
        "shown": len(shown) / len(firsts),
        "precision": helped / len(shown) if shown else 1.0,
        "recall": helped / sum(one.credit for one in firsts),
    }


def _auroc(higher: list[float], lower: list[float]) -> float:
    """The chance that one of `higher` is above one of `lower`; ties are half."""
    up, down = np.array(higher)[:, None], np.array(lower)[None, :]
    return float(np.mean((up > down) + 0.5 * (up == down)))
