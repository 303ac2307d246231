"""Sets to measure routing on: questions, each with how well a strong and a weak model answered it."""

import gzip
import json
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from hybrid_coordinator.errors import BadInput

FOLDS = 5
THOUSAND = 1000

STRONG, WEAK = "gpt-4-1106-preview", "mistralai/mixtral-8x7b-chat"
"""The two of RouterBench's models that are routed between."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """A question and the quality of both answers in [0, 1]; what they cost is in dollars per thousand questions."""

    id: str
    query: str
    strong: float
    weak: float
    group: str | None = None
    strong_cost: float = 0.0
    weak_cost: float = 0.0


@dataclass(frozen=True, slots=True)
class RoutingSet:
    """Cases, how many of them to label (None: all but one fold), and each single model's cost and quality."""

    name: str
    cases: tuple[Case, ...]
    labels: int | None
    models: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Split:
    """Places of the cases that are learned from and of those that are scored."""

    train: tuple[int, ...]
    test: tuple[int, ...]


def public_sets(folder: Path) -> list[RoutingSet]:
    """MMLU with 1,500 labels, GSM8K and the RouterBench subset in folds. Raises BadInput when one cannot be read."""
    mmlu = [_routellm(row) for row in _rows(folder / "routellm_mmlu.jsonl.gz") if not row["contaminated"]]
    gsm8k = [_routellm(row) for row in _rows(folder / "routellm_gsm8k.jsonl.gz") if not row["contaminated"]]
    routerbench = list(_rows(folder / "routerbench_0shot_subset.jsonl.gz"))
    return [
        RoutingSet("mmlu", tuple(mmlu), 1500),
        RoutingSet("gsm8k", tuple(gsm8k), None),
        RoutingSet("routerbench", tuple(map(_routerbench, routerbench)), None, _single_models(routerbench)),
    ]


def read_file(path: Path, labels: int) -> RoutingSet:
    """A set of one's own, named by the file's stem. Raises BadInput with the line that is wrong."""
    return RoutingSet(path.name.split(".")[0], tuple(_parsed(path, _case)), labels)


def splits(measured: RoutingSet, repeats: int) -> list[Split]:
    """Folds, or so many draws of labels; one is enough where nothing is labelled. Whole groups are held out."""
    if measured.labels is None:
        return [_fold(measured.cases, fold) for fold in range(FOLDS)]
    return [_draw(measured, seed) for seed in range(repeats if measured.labels else 1)]


def _draw(measured: RoutingSet, seed: int) -> Split:
    """Groups in random order until so many cases are labelled; no case of a labelled group is scored."""
    shuffled = [place for members in _shuffled_groups(measured.cases, seed) for place in members]
    train = tuple(shuffled[: measured.labels])
    labelled = {_group(measured.cases, place) for place in train}
    test = tuple(place for place in shuffled if _group(measured.cases, place) not in labelled)
    if not test:
        raise BadInput(f"{measured.labels} labels leave no case of {measured.name!r} to score. Give fewer --labels")
    return Split(train, test)


def _fold(cases: tuple[Case, ...], fold: int) -> Split:
    groups = _shuffled_groups(cases, seed=0)
    test = tuple(place for members in groups[fold::FOLDS] for place in members)
    held_out = set(test)
    return Split(tuple(place for members in groups for place in members if place not in held_out), test)


def _shuffled_groups(cases: tuple[Case, ...], seed: int) -> list[list[int]]:
    by_group: dict[str, list[int]] = {}
    for place in range(len(cases)):
        by_group.setdefault(_group(cases, place), []).append(place)
    groups = list(by_group.values())
    return [groups[index] for index in np.random.default_rng(seed).permutation(len(groups))]


def _group(cases: tuple[Case, ...], place: int) -> str:
    group = cases[place].group
    return f"case {place}" if group is None else f"group {group}"


def _routellm(row: Row) -> Case:
    return Case(row["id"], row["query"], float(row["strong_correct"]), float(row["weak_correct"]))


def _routerbench(row: Row) -> Case:
    strong, weak = row["models"][STRONG], row["models"][WEAK]
    costs = THOUSAND * strong["cost_usd"], THOUSAND * weak["cost_usd"]
    return Case(row["id"], row["query"], strong["score"], weak["score"], None, *costs)


def _single_models(rows: list[Row]) -> dict[str, tuple[float, float]]:
    return {
        name: (
            THOUSAND * fmean(row["models"][name]["cost_usd"] for row in rows),
            fmean(row["models"][name]["score"] for row in rows),
        )
        for name in rows[0]["models"]
    }


def _case(row: Row) -> Case:
    strong, weak = float(row["strong"]), float(row["weak"])
    if not (0 <= strong <= 1 and 0 <= weak <= 1) or not isinstance(row["query"], str):
        raise ValueError(row)
    group = row.get("group")
    return Case(str(row["id"]), row["query"], strong, weak, None if group is None else str(group))


def _rows(path: Path) -> Iterable[Row]:
    return _parsed(path, lambda row: row)


def _parsed(path: Path, parse: Callable[[Row], Any]) -> Generator[Any]:
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for line in lines:
                number += 1
                if line.strip():
                    yield parse(json.loads(line))
    except (OSError, EOFError) as error:
        raise BadInput(f"{str(path)!r} cannot be read ({error}). Name a file with --data") from error
    except (ValueError, KeyError, TypeError) as error:
        what = 'is no object with "id", "query", and "strong" and "weak" from 0 to 1'
        raise BadInput(f"line {number} of {str(path)!r} {what}. Mend the line") from error
