"""Telemetry when processes are killed, disks are full and files are monstrous. Everything here is real."""

import gzip
import json
import os
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Timer

import anyio
import pytest

from hybrid_coordinator.backends.clock import SystemClock
from hybrid_coordinator.backends.ledger.database import Database
from hybrid_coordinator.backends.ledger.event_log import SqlEventLog
from hybrid_coordinator.backends.telemetry.dead_letters import DeadLetterFile
from hybrid_coordinator.backends.telemetry.finding import Whereabouts
from hybrid_coordinator.backends.telemetry.own_file import OwnTelemetryFile
from hybrid_coordinator.backends.telemetry.tailing import TailedFiles
from hybrid_coordinator.domain.telemetry import DeadLetter
from hybrid_coordinator.errors import StorageFull
from hybrid_coordinator.flows.journal import Journal, JournalWriter
from hybrid_coordinator.flows.telemetry import Intake
from hybrid_coordinator.logic.telemetry_places import TailingPolicy, TelemetryPlace
from hybrid_coordinator.testing import ManualClock, MemoryEventLog

EVENTS = 12_000
MALFORMED_EVERY = 100
MB = 1 << 20
DEADLINE_S = 240.0
MOST_GROWN_MB = 32

TAKE_IN = """
import sys
from pathlib import Path

import anyio

from faults.test_telemetry_faults import opened


async def main():
    async with opened(Path(sys.argv[1])) as (intake, _):
        while (await intake.work()).more:
            print("batch", flush=True)
    print("done", flush=True)


anyio.run(main)
"""

SWALLOW = """
import json
import resource
import sys
from collections import Counter
from pathlib import Path

import anyio

from faults.test_telemetry_faults import opened


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def main():
    async with opened(Path(sys.argv[1])) as (intake, _):
        figures, more, before = Counter(), True, peak_mb()
        while more:
            worked = await intake.work()
            figures.update(worked.counts)
            more = worked.more
        print(json.dumps({**figures, "grown_mb": peak_mb() - before}), flush=True)


anyio.run(main)
"""

WRITE_JOURNAL = """
import sys
from pathlib import Path

import anyio

from hybrid_coordinator.backends.clock import SystemClock
from hybrid_coordinator.backends.telemetry.own_file import OwnTelemetryFile
from hybrid_coordinator.flows.journal import Journal, JournalWriter
from faults.test_telemetry_faults import opened


async def main():
    async with opened(Path(sys.argv[1])) as (_, log):
        writer = JournalWriter(log, OwnTelemetryFile(Path(sys.argv[1]) / "own"), SystemClock())
        journal = Journal(log, SystemClock())
        for number in range(int(sys.argv[2]), int(sys.argv[2]) + 1_000):
            await journal.note("pattern_stored", number=number)
            if number % 2:
                await writer.work()
                print("written", flush=True)


anyio.run(main)
"""


class opened:  # noqa: N801
    """An intake of everything in a folder into the ledger there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def __aenter__(self) -> tuple[Intake, SqlEventLog]:
        self._database = await Database.open(f"sqlite:///{self._folder / 'ledger.sqlite'}", busy_timeout_s=30.0)
        self._files = tailed(self._folder, self._folder / "dead" / "letters.jsonl")
        log = SqlEventLog(self._database)
        return Intake(self._files, log, SystemClock()), log

    async def __aexit__(self, *_: object) -> None:
        await self._files.aclose()
        await self._database.aclose()


def tailed(folder: Path, dead_letters: Path) -> TailedFiles:
    places = [TelemetryPlace(str(folder / "telemetry"))]
    return TailedFiles(Whereabouts(places, folder / "own" / "hybrid-events.jsonl"), dead_letters, TailingPolicy())


def line(number: int) -> bytes:
    told = {"event": "task_completed", "prompt": f"Question {number}?", "output": f"Answer {number}. " * 20}
    return json.dumps({**told, "timestamp": 1_767_954_600 + number}).encode() + b"\n"


@contextmanager
def running(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process of its own, killed at the end, or when it takes too long."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", program, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        deadline = Timer(DEADLINE_S, process.kill)
        deadline.start()
        try:
            yield process
        finally:
            deadline.cancel()
            process.kill()


def run_until(process: "subprocess.Popen[str]", most_lines: int) -> str:
    """The last line a process prints, of so many at most."""
    assert process.stdout is not None
    last = ""
    for _ in range(most_lines):
        last = process.stdout.readline().strip() or last
    return last


def kept(folder: Path, statement: str) -> Counter[str]:
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as connection:
        return Counter(row[0] for row in connection.execute(statement))


def write_telemetry(folder: Path) -> int:
    """Two files with all the events and a line between some that is none; how many of those."""
    (folder / "telemetry").mkdir()
    for half in range(2):
        with (folder / "telemetry" / f"ralph-events.jsonl.{half}").open("wb") as file:
            for number in range(half, EVENTS, 2):
                file.write(line(number))
                if number % MALFORMED_EVERY == half:
                    file.write(b"rubbish %d\n" % number)
    return EVENTS // MALFORMED_EVERY * 2


async def test_an_intake_that_is_killed_again_and_again_takes_in_every_event_once(tmp_path: Path) -> None:
    malformed = write_telemetry(tmp_path)
    chance = random.Random(7)
    kills, last = 0, ""

    while last != "done":
        with running(TAKE_IN, str(tmp_path)) as process:
            last = run_until(process, chance.randint(1, 4))
        kills += last != "done"

    told = kept(tmp_path, "SELECT query FROM interactions")
    letters = Counter(
        json.loads(each)["beginning"] for each in (tmp_path / "dead" / "letters.jsonl").read_bytes().splitlines()
    )
    assert kills >= 3
    assert told == Counter(f"Question {number}?" for number in range(EVENTS))
    assert len(kept(tmp_path, "SELECT id FROM event_records")) == EVENTS
    assert letters.total() == len(letters) == malformed


async def test_two_tailers_on_one_ledger_take_in_every_event_once(tmp_path: Path) -> None:
    write_telemetry(tmp_path)

    with running(TAKE_IN, str(tmp_path)) as first, running(TAKE_IN, str(tmp_path)) as second:
        lasts = [run_until(process, EVENTS) for process in (first, second)]

    assert lasts == ["done", "done"]
    assert kept(tmp_path, "SELECT query FROM interactions") == Counter(f"Question {n}?" for n in range(EVENTS))


async def test_a_journal_that_is_killed_again_and_again_is_written_once(tmp_path: Path) -> None:
    (tmp_path / "telemetry").mkdir()
    chance = random.Random(7)

    for start in range(0, 5_000, 1_000):
        with running(WRITE_JOURNAL, str(tmp_path), str(start)) as process:
            assert run_until(process, chance.randint(1, 40)) == "written"
    async with opened(tmp_path) as (_, log):
        writer = JournalWriter(log, OwnTelemetryFile(tmp_path / "own"), SystemClock())
        while (await writer.work()).more:
            pass

    written = [json.loads(each) for each in (tmp_path / "own" / "hybrid-events.jsonl").read_bytes().splitlines()]
    noted = kept(tmp_path, "SELECT fields FROM event_records WHERE own ORDER BY place")
    assert Counter(each["number"] for each in written) == Counter(json.loads(each)["number"] for each in noted)
    assert len(noted) == len(written) > 0


async def test_files_that_are_rotated_while_they_are_read_lose_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "telemetry"
    folder.mkdir()
    current = folder / "ralph-events.jsonl"
    rotations = 8

    async def write() -> None:
        for rotation in range(rotations):
            with current.open("ab") as file:
                for number in range(rotation * 500, rotation * 500 + 500):
                    file.write(line(number))
                    if number % 50 == 0:
                        file.flush()
                        await anyio.lowlevel.checkpoint()
                current.rename(folder / f"ralph-events.jsonl.{rotation}")
                file.write(line(10_000 + rotation))  # by a program that has not noticed yet

    async with opened(tmp_path) as (intake, _):
        async with anyio.create_task_group() as group:
            group.start_soon(write)
            for _ in range(rotations):
                await intake.work()
        while (await intake.work()).more:
            pass

    numbers = [*range(rotations * 500), *(10_000 + rotation for rotation in range(rotations))]
    assert kept(tmp_path, "SELECT query FROM interactions") == Counter(f"Question {n}?" for n in numbers)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "full"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"mounting a small disk is not permitted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_disk_holds_the_intake_up_and_no_dead_letter_is_lost(tmp_path: Path, full_disk: Path) -> None:
    (tmp_path / "telemetry").mkdir()
    (tmp_path / "telemetry" / "ralph-events.jsonl").write_bytes(b"".join(b"rubbish %d\n" % n for n in range(900)))
    ballast = full_disk / "ballast"
    ballast.write_bytes(b"x" * 40_000)
    log, dead_letters = MemoryEventLog(), full_disk / "letters.jsonl"
    intake = Intake(tailed(tmp_path, dead_letters), log, SystemClock())

    with pytest.raises(StorageFull, match="free some space"):
        await intake.work()
    assert await log.positions() == []
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=1m", str(full_disk)], check=True)
    await intake.work()

    letters = [json.loads(each)["beginning"] for each in dead_letters.read_bytes().splitlines()]
    assert letters == [f"rubbish {number}" for number in range(900)]


async def test_a_full_disk_leaves_the_own_file_whole(full_disk: Path) -> None:
    log, clock, own = MemoryEventLog(), ManualClock(), OwnTelemetryFile(full_disk)
    journal, writer = Journal(log, clock), JournalWriter(log, own, clock)
    await journal.note("pattern_stored", number=0)
    await writer.work()
    await journal.note("pattern_stored", text="x" * 100_000)

    with pytest.raises(StorageFull):
        await writer.work()

    assert [json.loads(each)["number"] for each in own.path.read_bytes().splitlines()] == [0]
    subprocess.run(["mount", "-o", "remount,size=1m", str(full_disk)], check=True)
    assert (await writer.work()).done == 1
    assert len(own.path.read_bytes().splitlines()) == 2


def swallow(folder: Path) -> dict[str, float]:
    """What a process of its own takes in, and by how many MB that makes it grow."""
    with running(SWALLOW, str(folder)) as process:
        figures: dict[str, float] = json.loads(run_until(process, 1))
    return figures


async def test_lines_of_ten_megabytes_are_given_up_and_those_between_are_read(tmp_path: Path) -> None:
    (tmp_path / "telemetry").mkdir()
    with (tmp_path / "telemetry" / "ralph-events.jsonl").open("wb") as file:
        for number in range(8):
            file.write(b'{"event": "task_completed", "prompt": "')
            for _ in range(10):
                file.write(b"x" * MB)
            file.write(b'"}\n' + line(number))

    figures = swallow(tmp_path)

    assert (figures["events"], figures["dead_letters"]) == (8, 8)
    assert figures["grown_mb"] < MOST_GROWN_MB


async def test_half_a_gigabyte_without_a_line_end_are_given_up_and_what_follows_is_read(tmp_path: Path) -> None:
    (tmp_path / "telemetry").mkdir()
    with (tmp_path / "telemetry" / "ralph-events.jsonl").open("wb") as file:
        file.write(line(0))
        file.truncate(512 * MB)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + line(1))

    figures = swallow(tmp_path)

    assert (figures["events"], figures["dead_letters"]) == (2, 1)
    assert figures["grown_mb"] < MOST_GROWN_MB


async def test_a_gzip_that_unpacks_to_a_thousand_times_its_size_keeps_memory_flat(tmp_path: Path) -> None:
    (tmp_path / "telemetry").mkdir()
    with gzip.open(tmp_path / "telemetry" / "ralph-events.jsonl.1.gz", "wb", compresslevel=1) as file:
        for _ in range(256):
            file.write((b" " * 1023 + b"\n") * 1024)
        file.write(line(0))

    figures = swallow(tmp_path)

    assert (figures["events"], figures["dead_letters"]) == (1, 0)
    assert figures["grown_mb"] < MOST_GROWN_MB


def test_what_two_processes_find_at_a_time_is_kept_once(tmp_path: Path) -> None:
    file = tmp_path / "dead-letters.jsonl"
    letters = [DeadLetter("events.jsonl", number * 100, number, "no JSON", b"half a line") for number in range(200)]
    writers = [DeadLetterFile(file, 1_000_000) for _ in range(4)]

    def write(writer: DeadLetterFile) -> None:
        for start in range(0, 200, 10):
            writer.write(letters[start : start + 10])

    with ThreadPoolExecutor(len(writers)) as threads:
        list(threads.map(write, writers))

    kept = [json.loads(line)["line"] for line in file.read_text().splitlines()]
    assert sorted(kept) == list(range(200))
