"""The routing benchmark: its figures on orders that can be worked out by hand, and a whole run on a small set."""

import argparse
import gzip
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import routing
from bench.routing_metrics import (
    aiq,
    apgr,
    apgr_interval,
    calibration_error,
    call_percentage,
    oracle_normalised,
    order,
    recovered,
)
from bench.routing_sets import Case, RoutingSet, public_sets, read_file, splits
from hybrid_coordinator.errors import BadInput

EASY = "how do I restart service number {}"
HARD = "prove that conjecture number {} implies the next"


def gains(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(values, np.float64)


def some_cases(count: int, *, group_size: int = 1) -> tuple[Case, ...]:
    return tuple(Case(str(index), f"q {index}", 1, 0, str(index // group_size)) for index in range(count))


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    with gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def own_rows(count: int) -> list[dict[str, Any]]:
    """The weak model can do the easy half."""
    return [
        {
            "id": index,
            "query": (HARD if index % 2 else EASY).format(index),
            "strong": 1.0,
            "weak": float(index % 2 == 0),
        }
        for index in range(count)
    ]


async def run(*arguments: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    routing.add_arguments(parser)
    return await routing.measure(parser.parse_args(arguments))


def test_an_even_order_recovers_half_of_the_gap() -> None:
    assert apgr(gains(1, 1, 1, 1)) == pytest.approx(0.5)


def test_the_best_order_recovers_the_most() -> None:
    assert apgr(gains(1, 0, 0, 0)) == pytest.approx((0.5 + 3) / 4)
    assert apgr(gains(0, 0, 0, 1)) == pytest.approx(0.5 / 4)


def test_more_than_the_gap_is_recovered_where_weak_is_sometimes_better() -> None:
    assert recovered(gains(1, 1, -1)).tolist() == [0, 1, 2, 1]
    assert apgr(gains(1, 1, -1)) > 1


def test_no_gap_is_no_figure() -> None:
    assert math.isnan(apgr(gains(1, -1)))


def test_the_percentage_of_calls_is_the_least_that_reaches_the_share() -> None:
    assert call_percentage(gains(0, 1, 0, 1), 0.5) == 50
    assert call_percentage(gains(0, 1, 0, 1), 0.8) == 100


def test_the_oracle_is_one_and_an_even_order_nothing() -> None:
    assert oracle_normalised(gains(1, 1, 0, 0)) == pytest.approx(1)
    assert oracle_normalised(gains(1, 0, 0, 1)) == pytest.approx(0)


def test_the_interval_holds_the_figure_and_is_the_same_each_time() -> None:
    ordered = np.random.default_rng(3).integers(-1, 3, 300).astype(float)

    low, high = apgr_interval(ordered)

    assert low < apgr(ordered) < high
    assert apgr_interval(ordered) == (low, high)


def test_the_least_likely_at_home_is_sent_first() -> None:
    assert order(gains(0.9, 0.1, 0.5, 0.1)).tolist() == [1, 3, 2, 0]


def test_probabilities_that_come_true_have_no_calibration_error() -> None:
    p = np.repeat([0.0, 1.0], 50)

    assert calibration_error(p, p) == 0
    assert calibration_error(p, 1 - p) == 1


def test_the_hull_passes_over_points_that_are_too_dear() -> None:
    points = [(0.0, 0.0), (1.0, 0.2), (2.0, 1.0), (3.0, 0.9)]

    assert aiq(points, 0, 2) == pytest.approx(0.5)
    assert aiq(points, 0, 4) == pytest.approx(0.75)


def test_a_labelled_group_is_not_scored() -> None:
    measured = RoutingSet("own", some_cases(40, group_size=4), labels=10)

    for split in splits(measured, repeats=5):
        assert len(split.train) == 10
        assert not {place // 4 for place in split.train} & {place // 4 for place in split.test}
        assert len(split.test) == 28


def test_folds_score_every_case_once_and_keep_groups_whole() -> None:
    measured = RoutingSet("own", some_cases(40, group_size=4), labels=None)

    tested = [place for split in splits(measured, repeats=1) for place in split.test]

    assert sorted(tested) == list(range(40))
    for split in splits(measured, repeats=1):
        assert not {place // 4 for place in split.train} & {place // 4 for place in split.test}


def test_repeats_draw_different_labels_and_a_second_run_the_same() -> None:
    measured = RoutingSet("own", some_cases(40), labels=10)

    assert splits(measured, repeats=3) == splits(measured, repeats=3)
    assert len({split.train for split in splits(measured, repeats=3)}) == 3


def test_without_labels_everything_is_scored_once() -> None:
    [split] = splits(RoutingSet("own", some_cases(7), labels=0), repeats=5)

    assert split.train == ()
    assert sorted(split.test) == list(range(7))


def test_too_many_labels_are_refused() -> None:
    with pytest.raises(BadInput, match="fewer --labels"):
        splits(RoutingSet("own", some_cases(7), labels=7), repeats=5)


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"id": 1, "query": "q", "strong": 1}', '{"id": 1, "query": "q", "strong": 2, "weak": 0}']
)
def test_a_wrong_row_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text('{"id": 0, "query": "q", "strong": 1, "weak": 0}\n' + line + "\n")

    with pytest.raises(BadInput, match="line 2 of"):
        read_file(path, labels=0)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"gone\.jsonl"):
        read_file(tmp_path / "gone.jsonl", labels=0)


def test_contaminated_rows_of_the_public_sets_are_left_out(tmp_path: Path) -> None:
    rows = [
        {"id": str(index), "query": "q", "strong_correct": 1, "weak_correct": 0, "contaminated": index % 2}
        for index in range(4)
    ]
    models = {
        "gpt-4-1106-preview": {"score": 1.0, "cost_usd": 0.005},
        "mistralai/mixtral-8x7b-chat": {"score": 0.0, "cost_usd": 0.001},
    }
    write_rows(tmp_path / "routellm_mmlu.jsonl.gz", rows)
    write_rows(tmp_path / "routellm_gsm8k.jsonl.gz", rows)
    write_rows(tmp_path / "routerbench_0shot_subset.jsonl.gz", [{"id": "a", "query": "q", "models": models}])

    mmlu, gsm8k, routerbench = public_sets(tmp_path)

    assert [case.id for case in mmlu.cases] == [case.id for case in gsm8k.cases] == ["0", "2"]
    assert routerbench.cases[0].strong_cost == pytest.approx(5)
    assert routerbench.models["gpt-4-1106-preview"] == pytest.approx((5, 1))


async def test_a_file_of_ones_own_is_measured_under_its_stem(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "own.jsonl.gz", own_rows(60))

    figures = await run("--data", str(path), "--labels", "30")

    own = figures["sets"]["own"]
    assert own["splits"] == 5
    assert own["labels"] == 30
    assert own["apgr"] > 0.7
    assert own["p95_ms"] > 0
    assert 0 <= own["calibration"] <= 100
    assert json.loads(json.dumps(figures))["sets"]["own"]["apgr"] == own["apgr"]
    routing.show(figures)


async def test_with_no_labels_the_untaught_router_is_measured(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "own.jsonl", own_rows(20))

    figures = await run("--data", str(path))

    assert figures["sets"]["own"]["labels"] == 0
    assert 0 < figures["sets"]["own"]["apgr"] < 1
    assert figures["sets"]["own"]["calibration"] is None
    routing.show(figures)
