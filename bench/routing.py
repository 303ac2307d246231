"""How soon the learned router recovers what the strong model is better at, and whether its probabilities hold.

With N labels the router is trained through its own interface and scores the questions that were not labelled; with 0 it
knows nothing but the question.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.routing_metrics import (
    aiq,
    apgr,
    apgr_interval,
    calibration_error,
    call_percentage,
    oracle_normalised,
    order,
)
from bench.routing_sets import Case, RoutingSet, Split, public_sets, read_file, splits
from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.domain.evidence import Asked, Evidence
from hybrid_coordinator.flows.routing import LearnedRouter
from hybrid_coordinator.ports import Embedder

DATA = Path(__file__).parents[2] / "shared" / "data" / "routing"
REPEATS = 5
BATCH = 256
TIMED = 200
ASKED_SHARE = 0.3

COLUMNS = {
    "set": "set",
    "labels": "labels",
    "apgr": "APGR",
    "oracle_normalised": "of oracle",
    "cpt50": "CPT50",
    "cpt80": "CPT80",
    "calibration": "asked 30%, got",
    "ece": "ECE",
    "p95_ms": "p95, ms",
    "aiq": "AIQ",
}

Figures = dict[str, Any]
Floats = NDArray[np.float64]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, help="a file of rows with id, query, strong, weak (default: public sets)")
    parser.add_argument("--labels", type=int, default=0, help="how many of that file's rows are learned from")
    parser.add_argument("--sets", type=Path, default=DATA, help="the folder of the public sets (default: %(default)s)")


async def measure(arguments: argparse.Namespace) -> Figures:
    """Figures by set: means over the splits, and of APGR the least and greatest too."""
    measured = [read_file(arguments.data, arguments.labels)] if arguments.data else public_sets(arguments.sets)
    embedder = MiniLmEmbedder()
    with Progress(console=Console(stderr=True)) as progress:
        return {"sets": {one.name: await _measure_set(one, embedder, progress) for one in measured}}


def show(figures: Figures) -> None:
    table = Table(*COLUMNS.values())
    for name, scores in figures["sets"].items():
        numbers = (scores.get(key) for key in list(COLUMNS)[1:])
        table.add_row(name, *("" if number is None else f"{number:.4g}" for number in numbers))
    Console().print(table)


async def _measure_set(measured: RoutingSet, embedder: Embedder, progress: Progress) -> Figures:
    asked = await _embed(measured, embedder, progress)
    router = LearnedRouter(embedder)
    scores = np.full(len(measured.cases), np.nan)
    by_split: list[Figures] = []
    for split in progress.track(splits(measured, REPEATS), description=f"{measured.name}: learning and scoring"):
        seconds = await _learn(router, measured.cases, asked, split)
        p = np.array([router.judge(asked[place]).p for place in split.test])
        scores[list(split.test)] = p
        by_split.append({"fit_s": seconds, **_figures([measured.cases[place] for place in split.test], p, router)})
    figures = _summed_up(by_split)
    figures |= {"labels": len(split.train), "p95_ms": await _time(router, measured, split)}
    return figures | (_costs(measured, scores) if measured.models else {})


async def _embed(measured: RoutingSet, embedder: Embedder, progress: Progress) -> list[Asked]:
    router = LearnedRouter(embedder)
    asked: list[Asked] = []
    task = progress.add_task(f"{measured.name}: embedding", total=len(measured.cases))
    for start in range(0, len(measured.cases), BATCH):
        batch = measured.cases[start : start + BATCH]
        asked += await router.ask_many([case.query for case in batch])
        progress.advance(task, len(batch))
    return asked


async def _learn(router: LearnedRouter, cases: Sequence[Case], asked: Sequence[Asked], split: Split) -> float:
    """Seconds it took."""
    started = time.perf_counter()
    await router.fit(
        [Evidence(asked[place], cases[place].weak, cases[place].strong, cases[place].group) for place in split.train]
    )
    return time.perf_counter() - started


def _figures(cases: Sequence[Case], p: Floats, router: LearnedRouter) -> Figures:
    gains = np.array([case.strong - case.weak for case in cases])
    suffices = 1.0 - np.maximum(gains, 0.0)
    ordered = gains[order(p)]
    threshold = router.threshold_sending(ASKED_SHARE)
    return {
        "apgr": apgr(ordered),
        "oracle_normalised": oracle_normalised(ordered),
        "cpt50": call_percentage(ordered, 0.5),
        "cpt80": call_percentage(ordered, 0.8),
        "calibration": None if threshold is None else 100.0 * float((p < threshold).mean()),
        "ece": calibration_error(p, suffices),
        "brier": float(((p - suffices) ** 2).mean()),
        "interval": apgr_interval(ordered),
    }


def _summed_up(by_split: Sequence[Figures]) -> Figures:
    apgrs = [figures["apgr"] for figures in by_split]
    lows, highs = zip(*(figures.pop("interval") for figures in by_split), strict=True)
    means = {name: _mean([figures[name] for figures in by_split]) for name in by_split[0]}
    spread = {"apgr_sd": stdev(apgrs) if len(apgrs) > 1 else 0.0, "apgr_range": (min(apgrs), max(apgrs))}
    return {"splits": len(by_split), **means, **spread, "apgr_interval_of_a_split": (fmean(lows), fmean(highs))}


def _mean(figures: Sequence[float | None]) -> float | None:
    """None where a figure cannot be told: with no labels no threshold is known for a share."""
    told = [figure for figure in figures if figure is not None]
    return fmean(told) if told else None


async def _time(router: LearnedRouter, measured: RoutingSet, split: Split) -> float:
    """The 95th percentile of milliseconds for one question, its embedding included, by an embedder that knows none."""
    fresh = LearnedRouter(MiniLmEmbedder())
    fresh.load(router.dump(), ())
    await fresh.predict("the weights are read at the first question")
    times_ms: list[float] = []
    for place in split.test[:TIMED]:
        started = time.perf_counter()
        await fresh.predict(measured.cases[place].query)
        times_ms.append(1000 * (time.perf_counter() - started))
    return float(np.quantile(times_ms, 0.95))


def _costs(measured: RoutingSet, p: Floats) -> Figures:
    """AIQ of the pair between its own costs, beside that of a hull of all single models there and over all costs."""
    points = _points(measured.cases, order(p))
    low, high = points[0][0], points[-1][0]
    singles = list(measured.models.values())
    cheapest, dearest = min(singles)[0], max(singles)[0]
    return {
        "aiq": aiq(points, low, high),
        "aiq_single_models": aiq(singles, low, high),
        "aiq_all_costs": aiq([*points, *singles], cheapest, dearest),
        "aiq_single_models_all_costs": aiq(singles, cheapest, dearest),
    }


def _points(cases: Sequence[Case], ordered: NDArray[np.intp]) -> list[tuple[float, float]]:
    """Mean cost and quality after 0, 1, 2, … questions were sent to the strong model."""
    costs = np.array([case.strong_cost - case.weak_cost for case in cases])[ordered]
    gains = np.array([case.strong - case.weak for case in cases])[ordered]
    cost = fmean(case.weak_cost for case in cases) + np.concatenate([[0.0], np.cumsum(costs)]) / len(cases)
    quality = fmean(case.weak for case in cases) + np.concatenate([[0.0], np.cumsum(gains)]) / len(cases)
    return [(float(x), float(y)) for x, y in zip(cost, quality, strict=True)]
