"""Telemetry files are packed and thrown away: which, and that nothing is lost by it."""

import gzip
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hybrid_coordinator.backends.telemetry.finding import Whereabouts
from hybrid_coordinator.backends.telemetry.shelf import TelemetryFolders
from hybrid_coordinator.backends.telemetry.tailing import TailedFiles
from hybrid_coordinator.domain.telemetry import FilePosition
from hybrid_coordinator.flows.telemetry import Intake, Retention
from hybrid_coordinator.logic.retention import Chore, RetentionPolicy, TelemetryFile, plan_retention
from hybrid_coordinator.logic.telemetry_places import TailingPolicy, TelemetryPlace
from hybrid_coordinator.testing import ManualClock, MemoryEventLog

NOW = datetime(2026, 1, 31, tzinfo=UTC)
OTHERS = RetentionPolicy(compress_after_days=7, keep_days=30, most_bytes=1_000_000, touch_others=True)
FILE = TelemetryFile("a.jsonl.1", 1, 1, 100, 100, NOW - timedelta(days=8))
LINE = b'{"event": "iteration_started", "timestamp": "2026-01-09T10:30:00Z"}\n'


def read_to(offset: int) -> list[FilePosition]:
    return [FilePosition("a", 1, 1, "", 0, offset)]


def plan(file: TelemetryFile, policy: RetentionPolicy = OTHERS, offset: int = 100) -> list[Chore]:
    return [chore for chore, _ in plan_retention([file], read_to(offset), policy, NOW)]


def test_a_file_of_eight_days_is_packed_and_one_of_a_month_is_removed() -> None:
    assert plan(FILE) == [Chore.PACK]
    assert plan(replace(FILE, modified=NOW - timedelta(days=6))) == []
    assert plan(replace(FILE, modified=NOW - timedelta(days=31))) == [Chore.REMOVE]
    assert plan(replace(FILE, packed=True)) == []


@pytest.mark.parametrize("days", [8, 31])
def test_what_is_unread_written_to_or_somebody_elses_is_spared(days: int) -> None:
    old = replace(FILE, modified=NOW - timedelta(days=days))

    assert plan(old, offset=99) == []
    assert plan_retention([old], [], OTHERS, NOW) == []
    assert plan(replace(old, active=True)) == []
    assert plan(old, replace(OTHERS, touch_others=False)) == []
    assert plan(replace(old, own=True), replace(OTHERS, touch_others=False), offset=0) != []
    assert plan(replace(old, own=True, active=True)) == []


def test_a_long_gzip_is_read_when_its_length_agrees_but_for_multiples_of_four_gibibytes() -> None:
    packed = replace(FILE, packed=True, size=50, length=10, modified=NOW - timedelta(days=31))

    assert plan(packed, offset=2**32 + 10) == [Chore.REMOVE]
    assert plan(packed, offset=2**32 + 9) == []


def test_when_there_is_no_room_the_oldest_go_first_and_no_more_than_needed() -> None:
    files = [
        replace(FILE, path=str(age), inode=age, own=True, size=400_000, modified=NOW - timedelta(days=age))
        for age in (1, 2, 3, 4)
    ]

    chores = plan_retention(files, [], OTHERS, NOW)

    assert [(chore, file.path) for chore, file in chores] == [(Chore.REMOVE, "4"), (Chore.REMOVE, "3")]


def test_a_clock_that_went_back_makes_all_files_young() -> None:
    assert plan_retention([FILE], read_to(100), OTHERS, NOW - timedelta(days=400)) == []


class Room:
    """A folder of telemetry that is read and kept within bounds."""

    def __init__(self, folder: Path, policy: RetentionPolicy) -> None:
        self.folder = folder / "telemetry"
        self.folder.mkdir()
        self.log, self.clock = MemoryEventLog(), ManualClock(NOW)
        self.whereabouts = Whereabouts([TelemetryPlace(str(self.folder))], self.folder / "hybrid-events.jsonl")
        files = TailedFiles(self.whereabouts, folder / "letters.jsonl", TailingPolicy())
        self.shelf = TelemetryFolders(self.whereabouts)
        self.intake = Intake(files, self.log, self.clock)
        self.retention = Retention(self.shelf, self.log, self.clock, policy)

    def put(self, name: str, content: bytes, days: float) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        at = (NOW - timedelta(days=days)).timestamp()
        os.utime(path, (at, at))
        return path

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path, OTHERS)


async def test_a_read_file_is_packed_and_not_read_again(room: Room) -> None:
    path = room.put("ralph-events.jsonl.1", LINE, 8)
    assert (await room.retention.work()).done == 0
    await room.intake.work()

    worked = await room.retention.work()
    after = await room.intake.work()

    assert worked.counts == {"packed": 1, "removed": 0}
    assert room.names() == ["ralph-events.jsonl.1.gz"]
    packed = path.with_name("ralph-events.jsonl.1.gz")
    assert gzip.decompress(packed.read_bytes()) == LINE
    assert packed.stat().st_mtime == (NOW - timedelta(days=8)).timestamp()
    assert after.counts == {"events": 0, "known": 0, "dead_letters": 0}


async def test_own_files_of_earlier_months_are_packed_and_the_current_one_stays(room: Room) -> None:
    room.put("hybrid-events.jsonl", LINE, 8)
    room.put("hybrid-events.jsonl.2025-12", LINE, 8)
    room.put("hybrid-events.jsonl.2025-11", LINE, 50)

    worked = await room.retention.work()

    assert worked.counts == {"packed": 1, "removed": 1}
    assert room.names() == ["hybrid-events.jsonl", "hybrid-events.jsonl.2025-12.gz"]


async def test_a_file_that_has_changed_since_the_plan_is_left_alone(room: Room) -> None:
    path = room.put("ralph-events.jsonl.1", LINE, 8)
    [file] = await room.shelf.files()
    assert await room.shelf.pack(file) is not None
    path.write_bytes(LINE * 2)

    assert await room.shelf.pack(file) is None
    assert not await room.shelf.swap(file)
    assert not await room.shelf.remove(file)
    assert path.read_bytes() == LINE * 2


async def test_a_kill_between_any_two_steps_of_packing_loses_nothing(room: Room) -> None:
    path = room.put("ralph-events.jsonl.1", LINE, 8)
    await room.intake.work()
    [file] = await room.shelf.files()
    await room.shelf.pack(file)  # and a kill: the part stays
    part = path.with_name("ralph-events.jsonl.1.gz.part")
    packed = path.with_name("ralph-events.jsonl.1.gz")
    packed.write_bytes(part.read_bytes())  # and another, after the copy got its name

    await room.intake.work()
    await room.retention.work()

    assert room.names() == ["ralph-events.jsonl.1.gz"]
    assert gzip.decompress(packed.read_bytes()) == LINE
    assert await room.log.tally(None) == {("ralph-events", "iteration_started"): 1}


async def test_somebody_elses_gzip_of_the_same_name_is_not_replaced(room: Room) -> None:
    room.put("ralph-events.jsonl.1", LINE, 8)
    other = room.put("ralph-events.jsonl.1.gz", gzip.compress(LINE * 3), 1)
    before = other.read_bytes()
    await room.intake.work()

    await room.retention.work()

    assert other.read_bytes() == before
    assert room.names() == ["ralph-events.jsonl.1", "ralph-events.jsonl.1.gz"]
