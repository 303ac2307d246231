"""The closed loop on real weights: facts come in as interactions, a version goes out that knows them.

A server with the packaged SmolLM2-135M answers through its gateway, with context and cache off. Forty facts of an
invented platform are asked of a stand-in vendor and judged; then nothing is done by hand: the pipeline exports, trains,
converts, measures, tries the version out on half of the sessions, and promotes it. Phrasings that were never asked
before are put to the model before and after. A second house learns from harmful data, which must end in hold or
rollback. `--facts test` takes a set on which no recipe was chosen. `--only loop context` asks with retrieval too,
`--only value` compares the value score with chance.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.metrics import wilson
from bench.training_facts import Fact, facts_of
from bench.training_facts_dev import DEV_KINDS
from bench.training_facts_dev2 import DEV2_KINDS
from bench.training_facts_test import TEST_KINDS
from bench.training_harm import harmful_lessons
from bench.training_loop import (
    QUICK_RECIPE,
    Lesson,
    Looped,
    Score,
    ask_with_context,
    close_the_loop,
    decide_on,
    train_and_ask,
)

PARTS = ("loop", "harm", "context", "value")
FACT_SETS = {"dev": DEV_KINDS, "dev2": DEV2_KINDS, "test": TEST_KINDS}
QUICK_EVERY = 8
"""One fact of so many is taught in the quick version."""

HARM_FACTS = 28
"""Enough that their newest rows are as many held-out questions as a promotion takes."""

LEAST_HARM_ITEMS = 20
HARM_RECIPE = "epochs = 0.7\n"
WRONG_SHARE = 0.4
"""Of the interactions among which the value score, or chance, chooses."""

VALUE_EVERY = 2
MISJUDGED_SHARE = 0.1
"""Of those that the one who asked says the opposite of."""

BARS = {"base_accuracy": 0.05, "tuned_accuracy": 0.90, "regression_delta": 0.05, "document_delta": 0.10, "minutes": 20}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--quick", action="store_true", help="Five facts, four epochs, few general questions: some minutes, no bars."
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=["loop", "harm"], help="Which parts.")
    parser.add_argument(
        "--facts",
        choices=FACT_SETS,
        default="dev",
        help="Recipes are compared on dev and dev2; test is for what is reported.",
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--keep", type=Path, help="Keep everything in this folder.")


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures of the parts that were asked for; `minutes` is the time of loop and harm together."""
    with tempfile.TemporaryDirectory(prefix="training-") as made:
        return await _measure(arguments, arguments.keep or Path(made))


async def _measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    facts = facts_of(FACT_SETS[arguments.facts])[:: QUICK_EVERY if arguments.quick else 1]
    figures: dict[str, Any] = {"quick": arguments.quick, "set": arguments.facts, "facts": len(facts)}
    started = time.perf_counter()
    looped = None
    if "loop" in arguments.only:
        looped = await close_the_loop(folder / "loop", facts, quick=arguments.quick)
        figures |= _tell_loop(looped)
    if "harm" in arguments.only:
        recipe = QUICK_RECIPE if arguments.quick else HARM_RECIPE
        lessons = harmful_lessons(facts[:HARM_FACTS], arguments.seed)
        version = await decide_on(folder / "harm", lessons, recipe)
        items = max((one["items"] for one in version["measured"] if one["metric"] == "likeness"), default=0)
        figures |= {
            "harmful_decision": version["decision"],
            "harmful_why": version["why"],
            "harmful_items": items,
        }
    figures["minutes"] = round((time.perf_counter() - started) / 60, 1)
    if "context" in arguments.only and looped is not None:
        figures["context"] = _tell_context(looped, *await ask_with_context(folder / "loop", facts))
    if "value" in arguments.only:
        figures["value"] = await _compare_choices(folder, facts[::VALUE_EVERY], arguments.seed)
    if arguments.quick:
        return figures
    short = missed(figures, arguments.only)
    return figures | {"missed": short, "failed": bool(short)}


def _tell_loop(looped: Looped) -> dict[str, Any]:
    measured = {one["metric"]: one for one in looped.version["measured"]}
    load = looped.load
    return {
        "base_accuracy": round(looped.before.accuracy, 4),
        "tuned_accuracy": round(looped.after.accuracy, 4),
        "ci95": [round(edge, 4) for edge in wilson(looped.after.right, looped.after.asked)],
        "asked": looped.after.asked,
        "answered_by": looped.after.model,
        "regression_delta": _delta(measured, "forgetting"),
        "document_delta": _delta(measured, "documents"),
        "stage": looped.version["stage"],
        "why": looped.version["why"],
        "measured": looped.version["measured"],
        "on_trial": looped.version["canary"],
        "requests": load.asked,
        "failed_requests": load.failed,
        "answered_on_trial": load.answered_by,
        "seconds": dict(looped.seconds),
    }


def _delta(measured: Mapping[str, Mapping[str, Any]], metric: str) -> float | None:
    return round(measured[metric]["difference"], 4) if metric in measured else None


def _tell_context(looped: Looped, before: Score, after: Score) -> dict[str, Any]:
    cells = {"base": looped.before, "base_context": before, "tuned": looped.after, "tuned_context": after}
    return {name: _tell_score(score) for name, score in cells.items()}


def _tell_score(score: Score) -> dict[str, Any]:
    low, high = wilson(score.right, score.asked)
    return {"accuracy": round(score.accuracy, 4), "ci95": [round(low, 4), round(high, 4)], "asked": score.asked}


async def _compare_choices(folder: Path, facts: Sequence[Fact], seed: int) -> dict[str, Any]:
    """The same number of rows out of the same interactions, chosen by value and by chance."""
    pool = _mixed_lessons(facts, random.Random(seed))
    rows = sum(lesson.good for lesson in pool)
    by_chance = [replace(lesson, good=True) for lesson in random.Random(seed).sample(pool, rows)]
    return {
        "interactions": len(pool),
        "rows": rows,
        "by_value": _tell_score(await train_and_ask(folder / "by-value", pool, facts)),
        "by_chance": _tell_score(await train_and_ask(folder / "by-chance", by_chance, facts)),
    }


def _mixed_lessons(facts: Sequence[Fact], dice: random.Random) -> list[Lesson]:
    """Right and wrong answers to the taught phrasings, now and then with the wrong word about them."""
    lessons = []
    for fact in facts:
        for question in fact.taught:
            right, told_so = dice.random() >= WRONG_SHARE, dice.random() >= MISJUDGED_SHARE
            lessons.append(Lesson(question, fact.answer if right else dice.choice(facts).answer, good=right is told_so))
    return lessons


def missed(figures: Mapping[str, Any], parts: Sequence[str]) -> list[str]:
    """The bars of these parts that are not met; what came to no figure meets none."""
    found = []
    bars = {name: bar for name, bar in BARS.items() if "loop" in parts or name == "minutes"}
    for name, bar in bars.items():
        value = figures[name]
        if value is None or (value < bar if name == "tuned_accuracy" else value > bar):
            found.append(f"{name} {value} (bar {bar})")
    if "loop" in parts and figures["stage"] != "serving":
        found.append(f"the version is {figures['stage']}, and nothing was switched under load")
    if "loop" in parts and figures["failed_requests"]:
        found.append(f"{figures['failed_requests']} failed requests (bar 0)")
    if "harm" in parts and (figures["harmful_decision"] == "promote" or figures["harmful_items"] < LEAST_HARM_ITEMS):
        found.append(f"harmful data: {figures['harmful_decision']} on {figures['harmful_items']} items")
    return found


def show(figures: Mapping[str, Any]) -> None:
    """The figures, one a line, and what was missed."""
    for name, value in figures.items():
        if name not in ("measured", "on_trial", "missed", "failed"):
            print(f"{name:18} {value}")
    for one in figures.get("measured", []):
        form = "+.1%" if one["relative"] else "+.3f"
        print(
            f"  {one['metric']:12} {one['items']:4} items  {one['before']:.3f} -> {one['after']:.3f}  "
            f"{one['difference']:{form}} ({one['low']:{form}} to {one['high']:{form}})"
        )
    for line in figures.get("missed", []):
        print(f"missed: {line}")
