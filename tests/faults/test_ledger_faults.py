"""The ledger when files, disks, locks and processes go wrong. Everything here is real."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Timer

import anyio
import pytest

from hybrid_coordinator.backends.ledger.engines import open_store
from hybrid_coordinator.backends.ledger.records import Records
from hybrid_coordinator.backends.ledger.sql import SqlLedger
from hybrid_coordinator.backends.ledger.writer import Writer
from hybrid_coordinator.domain.interaction import AgentType, Interaction
from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.domain.learning import Learned, Stage
from hybrid_coordinator.domain.telemetry import Event, FilePosition, TelemetrySource
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.errors import Damaged, SettingError, StorageFull, StoreBusy

ONE = Interaction(
    id="one",
    created_at=datetime(2026, 3, 4, 12, tzinfo=UTC),
    query="How is nginx configured?",
    response="In nixos/nginx.nix. " * 50,
    agent_type=AgentType.LOCAL,
    model_used="small",
)

ITEM = Learned(
    id="s",
    stage=Stage.CANDIDATE,
    draft=Draft("s", Collection.SKILLS, "how to", "do", {"skill_name": "s"}),
    origin=Origin.DIRECT_USER,
    learned_from=("one",),
    strategy="extractive",
    created_at=ONE.created_at,
    changed_at=ONE.created_at,
)
POSITION = FilePosition("/logs/a.jsonl", 1, 2, "abc", 64, 0)


def event(name: str) -> Event:
    """One that holds an interaction."""
    return Event(name, TelemetrySource.RALPH, "task_completed", ONE.created_at, {}, replace(ONE, id=name))


DEADLINE_S = 30.0

APPEND_FOR_EVER = """
import sys
from dataclasses import replace

import anyio

from hybrid_coordinator.backends.ledger.sql import SqlLedger
from faults.test_ledger_faults import ONE


async def append_one_by_one(ledger, writer, most):
    for number in range(most):
        name = f"{sys.argv[2]}-{writer}-{number}"
        await ledger.append(replace(ONE, id=name), patient=writer % 2 == 0)
        print(name, flush=True)


async def main():
    ledger = await SqlLedger.open(sys.argv[1])
    async with anyio.create_task_group() as group:
        for writer in range(4):
            group.start_soon(append_one_by_one, ledger, writer, int(sys.argv[3]))
    await ledger.aclose()


anyio.run(main)
"""

LEARN_FOR_EVER = """
import sys
from dataclasses import replace
from itertools import count

import anyio

from hybrid_coordinator.backends.ledger.records import Records
from hybrid_coordinator.domain.learning import Change
from faults.test_ledger_faults import ITEM, POSITION, ONE, event


async def main():
    records = await Records.open(sys.argv[1])
    for number in count():
        item = replace(ITEM, id=f"s{number}", draft=replace(ITEM.draft, id=f"s{number}"))
        events = [event(f"{number}-{n}") for n in range(20)]
        await records.events.take_in(events, [replace(POSITION, offset=20 * number + 20)])
        await records.catalog.apply([Change(item.id, "learn", None, item, "extract")], ONE.created_at)
        print(item.id, flush=True)


anyio.run(main)
"""

HOLD_THE_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def running(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process of its own, killed at the end, or when it takes too long."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", program, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        deadline = Timer(DEADLINE_S, process.kill)
        deadline.start()
        try:
            yield process
        finally:
            deadline.cancel()
            process.kill()


def read_lines(process: subprocess.Popen[str], most: int) -> list[str]:
    assert process.stdout is not None
    return [line.strip() for line in islice(process.stdout, most)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
async def ledger(path: Path) -> AsyncIterator[SqlLedger]:
    ledger = await SqlLedger.open(f"sqlite:///{path}", busy_timeout_s=0.2)
    yield ledger
    await ledger.aclose()


async def fill(path: Path, interactions: int) -> None:
    """A ledger that was closed in order."""
    ledger = await SqlLedger.open(f"sqlite:///{path}")
    async with anyio.create_task_group() as group:
        for number in range(interactions):
            group.start_soon(ledger.append, replace(ONE, id=f"i{number}"))
    await ledger.aclose()


async def read_all(path: Path) -> list[Interaction]:
    ledger = await SqlLedger.open(f"sqlite:///{path}")
    try:
        return await ledger.recent(limit=1_000_000)
    finally:
        await ledger.aclose()


# Damaged files


async def test_a_file_that_is_no_database_is_damaged_and_left_untouched(path: Path) -> None:
    path.write_bytes(b"these are not the records you are looking for" * 100)
    before = path.read_bytes()

    with pytest.raises(Damaged, match=r"ledger\.sqlite.*restore a backup"):
        await read_all(path)

    assert path.read_bytes() == before


async def test_a_ledger_with_a_torn_middle_is_damaged_and_left_untouched(path: Path) -> None:
    await fill(path, 300)
    whole = path.read_bytes()
    torn = whole[: len(whole) // 4] + b"\xa5" * (len(whole) // 2) + whole[-len(whole) // 4 :]
    path.write_bytes(torn)

    with pytest.raises(Damaged, match=r"ledger\.sqlite"):
        await read_all(path)

    assert path.read_bytes() == torn


async def test_a_ledger_cut_short_is_damaged_and_left_untouched(path: Path) -> None:
    await fill(path, 300)
    cut = path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(cut)

    with pytest.raises(Damaged, match=r"ledger\.sqlite"):
        await read_all(path)

    assert path.read_bytes() == cut


async def test_sql_over_a_torn_ledger_says_damaged_and_blames_no_statement(path: Path) -> None:
    await fill(path, 300)
    ledger = await SqlLedger.open(f"sqlite:///{path}")
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 4)
        file.write(b"\xa5" * (path.stat().st_size // 2))

    with pytest.raises(Damaged, match=r"ledger\.sqlite"):
        await ledger.read("SELECT max(response) FROM interactions", limit=9, timeout_s=5)

    await ledger.aclose()


async def test_a_folder_that_is_not_there_is_a_setting_error(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="correct its address"):
        await read_all(tmp_path / "nowhere" / "ledger.sqlite")


async def test_a_folder_in_place_of_the_file_is_a_setting_error(path: Path) -> None:
    path.mkdir()

    with pytest.raises(SettingError, match="correct its address"):
        await read_all(path)


# Locks


async def test_a_lock_held_too_long_is_store_busy_and_passes(ledger: SqlLedger, path: Path) -> None:
    await ledger.append(ONE)
    with running(HOLD_THE_LOCK, str(path)) as holder:
        read_lines(holder, 1)

        with pytest.raises(StoreBusy, match="held by another process") as caught:
            await ledger.append(replace(ONE, id="two"))
        while_locked = await ledger.get("one")

    await ledger.append(replace(ONE, id="three"))
    assert caught.value.retry_after_s is not None
    assert while_locked == ONE
    assert [one.id for one in await ledger.recent(limit=9)] == ["three", "one"]


async def test_many_that_wait_for_one_lock_fail_together(ledger: SqlLedger, path: Path) -> None:
    busy: list[StoreBusy] = []

    async def append(number: int) -> None:
        try:
            await ledger.append(replace(ONE, id=f"i{number}"))
        except StoreBusy as error:
            busy.append(error)

    with running(HOLD_THE_LOCK, str(path)) as holder:
        read_lines(holder, 1)
        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                for number in range(50):
                    group.start_soon(append, number)

    assert len(busy) == 50


async def test_opening_a_locked_ledger_is_store_busy(path: Path) -> None:
    await fill(path, 1)

    with running(HOLD_THE_LOCK, str(path)) as holder:
        read_lines(holder, 1)
        with pytest.raises(StoreBusy, match="held by another process"):
            await SqlLedger.open(f"sqlite:///{path}", busy_timeout_s=0.2)


async def test_a_slow_reader_in_another_process_keeps_nobody_from_writing(ledger: SqlLedger, path: Path) -> None:
    await ledger.append(ONE)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM interactions").fetchall()

        await ledger.append(replace(ONE, id="two"))

        assert reader.execute("SELECT count(*) FROM interactions").fetchall() == [(1,)]
    assert len(await ledger.recent(limit=9)) == 2


# Full disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one mebibyte, half of it taken by a file named `ballast`."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"mounting a small disk is not permitted here: {mounted.stderr.decode().strip()}")
    (folder / "ballast").write_bytes(b"x" * 512 * 1024)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def append_until_full(ledger: SqlLedger) -> list[str]:
    kept = []
    with pytest.raises(StorageFull, match="free some space"):
        for number in range(10_000):
            await ledger.append(replace(ONE, id=f"i{number}"))
            kept.append(f"i{number}")
    return kept


async def test_a_full_disk_loses_nothing_that_was_acknowledged(small_disk: Path) -> None:
    path = small_disk / "ledger.sqlite"
    ledger = await SqlLedger.open(f"sqlite:///{path}")

    kept = await append_until_full(ledger)
    while_full = [one.id for one in await ledger.recent(limit=10_000)]
    (small_disk / "ballast").unlink()
    await ledger.append(replace(ONE, id="with space again"))
    await ledger.aclose()

    assert kept
    assert while_full == kept[::-1]
    assert [one.id for one in await read_all(path)] == ["with space again", *kept[::-1]]


async def test_opening_on_a_full_disk_is_storage_full(small_disk: Path) -> None:
    with (small_disk / "more ballast").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(b"x" * 4096)

    with pytest.raises(StorageFull, match="free some space"):
        await read_all(small_disk / "ledger.sqlite")


# Processes


async def test_every_acknowledged_record_survives_a_kill(path: Path) -> None:
    with running(APPEND_FOR_EVER, f"sqlite:///{path}", "w", "1000000") as writer:
        acknowledged = read_lines(writer, 500)
        writer.kill()
        acknowledged += read_lines(writer, 1_000_000)

    kept = {one.id: one for one in await read_all(path)}

    assert len(acknowledged) >= 500
    assert set(acknowledged) <= set(kept)
    assert all(replace(one, id="one") == ONE for one in kept.values())


async def test_a_kill_leaves_events_positions_and_the_chain_of_changes_in_step(path: Path) -> None:
    with running(LEARN_FOR_EVER, f"sqlite:///{path}") as learner:
        acknowledged = read_lines(learner, 40)
        learner.kill()
        acknowledged += read_lines(learner, 1_000_000)

    records = await Records.open(f"sqlite:///{path}")
    position = (await records.events.positions())[0].offset
    tally = await records.events.tally(None)
    kept = await records.catalog.browse(limit=1_000_000)
    broken = await records.catalog.check_log()
    interactions = await records.ledger.recent(limit=1_000_000)
    log = await records.catalog.log(limit=1_000_000)
    await records.aclose()

    assert len(acknowledged) >= 40
    assert set(acknowledged) <= {item.id for item in kept}
    assert sum(tally.values()) == position == len(interactions)
    assert (broken, len(log)) == (None, len(kept))


async def test_two_processes_append_to_one_ledger(path: Path) -> None:
    with (
        running(APPEND_FOR_EVER, f"sqlite:///{path}", "a", "100") as one,
        running(APPEND_FOR_EVER, f"sqlite:///{path}", "b", "100") as other,
    ):
        acknowledged = read_lines(one, 400) + read_lines(other, 400)

    assert len(acknowledged) == 800
    assert {kept.id for kept in await read_all(path)} == set(acknowledged)


@pytest.mark.parametrize("patient", [False, True])
async def test_an_append_whose_caller_left_is_kept_and_disturbs_nobody(ledger: SqlLedger, *, patient: bool) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(partial(ledger.append, ONE, patient=patient))
        await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()

    await ledger.append(replace(ONE, id="two"))

    assert [one.id for one in await ledger.recent(limit=9)] == ["two", "one"]


async def test_a_task_that_was_killed_while_it_waited_disturbs_nobody(ledger: SqlLedger) -> None:
    tasks = [asyncio.create_task(ledger.append(replace(ONE, id=f"i{number}"), patient=True)) for number in range(9)]
    await anyio.lowlevel.checkpoint()
    tasks[4].cancel()

    ended = await asyncio.gather(*tasks, return_exceptions=True)

    assert [isinstance(one, asyncio.CancelledError) for one in ended] == [number == 4 for number in range(9)]
    assert len(await ledger.recent(limit=99)) == 9


async def test_work_that_breaks_in_an_unforeseen_way_tells_its_caller_and_stops_nobody(path: Path) -> None:
    store = open_store(f"sqlite:///{path}", {}, 1.0)
    writer = Writer(store)

    with pytest.raises(ZeroDivisionError):
        await writer.write(lambda connection: 1 / 0)
    answer = await writer.write(lambda connection: connection.exec_driver_sql("SELECT 42").scalar())

    await writer.aclose()
    store.dispose()
    assert answer == 42
