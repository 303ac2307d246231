"""The learning loop: how fast it takes in, whether it helps, what merging costs, and what poison gets through."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
from rich.console import Console
from rich.table import Table

from bench.dedup import measure_dedup, show_dedup
from bench.learning_curve import ORDERS, measure_curve
from bench.learning_curve import show as show_curve
from bench.learning_speed import measure_answers, measure_speed
from bench.poison import measure_poison
from bench.poison import show as show_poison
from bench.retrieval import DATA

ROWS = (10_000, 1_000_000)
PARTS = ("speed", "answers", "curve", "dedup", "poison")
MAIN = "ops_runbooks"
"""The stream whose scores stand at the top."""

Figures = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the retrieval sets")
    parser.add_argument("--orders", type=int, default=ORDERS, help="orders of the learning curve")
    parser.add_argument("--rows", type=int, nargs="*", default=ROWS, help="sizes of the ledger")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS, help="parts to measure")


async def measure(arguments: argparse.Namespace) -> Figures:
    figures: Figures = {}
    if "speed" in arguments.only:
        speeds = [await measure_speed(rows) for rows in arguments.rows]
        slowest = min(speeds, key=lambda speed: float(speed["ingest_events_s"]))
        figures |= {name: slowest[name] for name in ("ingest_events_s", "score_s")} | {"speed": speeds}
    if "answers" in arguments.only:
        figures["answers"] = await measure_answers(arguments.data)
    if "curve" in arguments.only:
        streams = await measure_curve(arguments.data, arguments.orders)
        systems = streams[MAIN]["systems"]
        figures |= {"curve": {name: scores["all"] for name, scores in systems.items()}, "streams": streams}
    if "dedup" in arguments.only:
        figures["dedup"] = await measure_dedup()
    if "poison" in arguments.only:
        figures["poison"] = await anyio.to_thread.run_sync(partial(measure_poison, arguments.data))
    return figures


def show(figures: Figures) -> None:
    for speed in figures.get("speed", ()):
        _show_plainly(f"beside {speed['rows']:,} interactions", speed)
    if "answers" in figures:
        _show_plainly("on the way of an answer, and on disk", figures["answers"])
    if "streams" in figures:
        show_curve(figures["streams"])
    if "dedup" in figures:
        show_dedup(figures["dedup"])
    if "poison" in figures:
        show_poison(figures["poison"])


def _show_plainly(title: str, figures: Figures) -> None:
    table = Table("", "", title=title, show_header=False)
    for name, value in figures.items():
        table.add_row(name, str(value))
    Console().print(table)
