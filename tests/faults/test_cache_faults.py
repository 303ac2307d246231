"""The cache when files, disks and processes go wrong. Everything here is real."""

import logging
import math
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from threading import Timer

import pytest

from hybrid_coordinator.backends.cache.sqlite import SqliteCache
from hybrid_coordinator.domain.caching import CachedAnswer, CacheEntry, CacheKey
from hybrid_coordinator.domain.knowledge import EmbedderIdentity, Vector
from hybrid_coordinator.errors import SettingError, StorageFull
from hybrid_coordinator.flows.caching import CachePolicy, SemanticCache
from hybrid_coordinator.testing import HashEmbedder, ManualClock

DEADLINE_S = 30.0

EMBEDDER = EmbedderIdentity("two-dimensional", 2)
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)

PUT_FOR_EVER = """
import sys
from itertools import count
from pathlib import Path

import anyio

from faults.test_cache_faults import EMBEDDER, entry, vector
from hybrid_coordinator.backends.cache.sqlite import SqliteCache


async def main():
    cache = await SqliteCache.open(Path(sys.argv[1]), EMBEDDER)
    for number in count():
        await cache.put(entry(str(number)), vector(number))
        print(number, flush=True)


anyio.run(main)
"""


def vector(angle: float) -> Vector:
    return [math.cos(angle), math.sin(angle)]


def entry(id: str) -> CacheEntry:
    return CacheEntry(id, CacheKey(f"question {id}"), CachedAnswer("yes " * 100, {}), NOW, NOW + timedelta(hours=1))


async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", PUT_FOR_EVER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        deadline = Timer(DEADLINE_S, process.kill)
        deadline.start()
        assert process.stdout is not None
        told = [line.strip() for line in islice(process.stdout, 50)]
        process.kill()
        deadline.cancel()

    cache = await SqliteCache.open(path, EMBEDDER)
    kept = [await cache.find(name) for name in told]
    await cache.aclose()

    assert len(told) == 50
    assert None not in kept


@pytest.mark.parametrize("damage", ["noise", "truncated", "torn page", "newer form"])
async def test_a_damaged_file_is_kept_beside_and_an_empty_cache_begun(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "cache.sqlite"
    await _fill(path)
    _spoil(path, damage)

    with caplog.at_level(logging.WARNING):
        cache = await SqliteCache.open(path, EMBEDDER)
    size = await cache.size()
    await cache.put(entry("fresh"), vector(0))
    await cache.aclose()

    assert size == 0
    assert (tmp_path / "cache.sqlite.damaged-1").exists()
    assert "starts empty" in caplog.text


async def _fill(path: Path) -> None:
    cache = await SqliteCache.open(path, EMBEDDER)
    for number in range(200):
        await cache.put(entry(str(number)), vector(number))
    await cache.aclose()


def _spoil(path: Path, damage: str) -> None:
    whole = path.read_bytes()
    match damage:
        case "noise":
            path.write_bytes(b"no database " * 1000)
        case "truncated":
            path.write_bytes(whole[: len(whole) // 2])
        case "torn page":
            path.write_bytes(whole[:4096] + b"\xff" * 8192 + whole[12288:])
        case "newer form":
            _execute(path, "PRAGMA user_version = 99")


def _execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)


@pytest.mark.parametrize("row", ["{}", "no JSON", '{"id": 1}', "[]"])
async def test_an_entry_that_cannot_be_read_is_lost_alone(
    tmp_path: Path, row: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "cache.sqlite"
    await _fill(path)
    _execute(path, f"UPDATE entries SET entry = '{row}' WHERE id = '7'")

    with caplog.at_level(logging.WARNING):
        size = await _size(path)

    assert size == 199
    assert "cannot be read" in caplog.text
    assert await _size(path) == 199


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one mebibyte, half of it taken by a file named `ballast`."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    (folder / "ballast").write_bytes(b"x" * 512 * 1024)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_a_full_disk_costs_the_entry_and_nothing_else(small_disk: Path) -> None:
    path = small_disk / "cache.sqlite"
    cache = await SqliteCache.open(path, EMBEDDER)
    await cache.put(entry("kept"), vector(0))

    with pytest.raises(StorageFull, match="free some space"):
        for number in range(2000):
            await cache.put(entry(str(number)), vector(number))
    kept = await cache.find("kept")
    size = await cache.size()
    await cache.aclose()
    (small_disk / "ballast").unlink()

    assert kept == entry("kept")
    assert await _size(path) == size


async def _size(path: Path) -> int:
    cache = await SqliteCache.open(path, EMBEDDER)
    size = await cache.size()
    await cache.aclose()
    return size


async def test_an_answer_that_cannot_be_kept_is_still_an_answer(small_disk: Path) -> None:
    embedder = HashEmbedder()
    stored = await SqliteCache.open(small_disk / "cache.sqlite", embedder.identity)
    cache = SemanticCache(stored, embedder, ManualClock(), CachePolicy())

    kept = [await cache.store(CacheKey(f"question {n}"), CachedAnswer("x" * 40_000, {})) for n in range(40)]
    await stored.aclose()

    assert kept[0] is not None
    assert kept[-1] is None


async def test_a_file_that_may_not_be_written_says_what_to_correct(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="correct its path"):
        await SqliteCache.open(tmp_path / "no such folder" / "cache.sqlite", EMBEDDER)
