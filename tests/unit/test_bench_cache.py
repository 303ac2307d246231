"""The cache benchmark, on sets small enough to know what must come out."""

import argparse
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from bench import cache
from bench.cache_sets import read_pairs, read_stream, set_name
from hybrid_coordinator.errors import BadInput

STREAM = [
    {"query": "How do I restart the nginx web server?", "class_id": "a"},
    {"query": "How can I restart the nginx web server?", "class_id": "a"},
    {"query": "How do I restart the nginx web server", "class_id": "a"},
    {"query": "What is a mutex?", "class_id": "b"},
    {"query": "what is a mutex", "class_id": "c"},
]

PAIRS = [
    {"a": "How do I enable dark mode?", "b": "How do I disable dark mode?", "label": 0},
    {"a": "How do I enable dark mode?", "b": "how do I enable dark mode", "label": 1},
]


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cache.add_arguments(parser)
    return parser.parse_args(words)


async def test_a_stream_counts_right_and_wrong_hits_over_all_requests(tmp_path: Path) -> None:
    stream = written(tmp_path / "small.jsonl.gz", STREAM)

    figures = await cache.measure(arguments("--stream", str(stream)))

    said = figures["sets"]["small"]
    assert (said["requests"], said["right"], said["wrong"], said["miss"]) == (5, 2, 1, 2)
    assert said["error_rate"] == pytest.approx(1 / 5)
    assert said["precision"] == pytest.approx(2 / 3)
    assert said["hit_p50_ms"] > 0
    cache.show(figures)


async def test_each_pair_has_a_cache_of_its_own(tmp_path: Path) -> None:
    pairs = written(tmp_path / "few.jsonl", PAIRS)

    figures = await cache.measure(arguments("--pairs", str(pairs)))

    said = figures["sets"]["few"]
    assert (said["right"], said["wrong"], said["miss"], said["recall"]) == (1, 0, 1, 1.0)
    assert said["refused"] == {"opposites": 1}


async def test_the_two_sets_of_the_folder_are_measured_when_none_is_named(tmp_path: Path) -> None:
    written(tmp_path / cache.STREAM, STREAM)
    written(tmp_path / cache.MOCK, [{"origin": "A mutex is a lock.", "similar": "a mutex is a lock"}] * 2)

    figures = await cache.measure(arguments("--data", str(tmp_path), "--limit", "1", "--feedback", "blind"))

    assert figures["sets"]["gptcache_mock_999"]["right"] == 1
    assert figures["sets"]["stream_qqp60k"]["requests"] == 1
    assert figures["failed"] == {}


@pytest.mark.parametrize("line", ["{", "[]", '{"query": 1, "class_id": "a"}', '{"query": "a"}'])
async def test_a_set_that_cannot_be_read_is_named_with_its_line(tmp_path: Path, line: str) -> None:
    stream = tmp_path / "bad.jsonl"
    stream.write_text(json.dumps(STREAM[0]) + "\n" + line + "\n")

    figures = await cache.measure(arguments("--stream", str(stream)))

    assert "line 2" in figures["failed"]["bad"]


def test_a_label_is_nought_or_one(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="label"):
        read_pairs(written(tmp_path / "pairs.jsonl", [{"a": "x", "b": "y", "label": 2}]))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_stream(tmp_path / "absent.jsonl")


def test_a_set_is_called_by_its_files_stem() -> None:
    assert set_name(Path("a/b.c.jsonl.gz")) == "b.c"


def test_the_interval_of_a_share_is_wilsons() -> None:
    low, high = cache.share_interval(5, 10)

    assert low == pytest.approx(0.2366, abs=1e-4)
    assert high == pytest.approx(0.7634, abs=1e-4)
    assert cache.share_interval(0, 0) == (0.0, 1.0)
