"""The dataset when disks, processes and files go wrong. Everything here is real."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from hashlib import sha256
from pathlib import Path

import pytest

from hybrid_coordinator.backends.datasets.jsonl import JsonlDataset
from hybrid_coordinator.backends.datasets.switching import Layout
from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.errors import BadInput, Conflict, Damaged, StorageFull
from teaching import Classroom, answered, open_classroom

NAMES = [f"{first}{second}" for first in ("amber", "birch", "cedar", "delta") for second in "abcdefghij"]
FILES = 7

EXPORT = """
import asyncio, sys
from pathlib import Path
from teaching import open_classroom

async def main():
    async with open_classroom(Path(sys.argv[1])) as classroom:
        print("ready", flush=True)
        sys.stdin.readline()
        await classroom.exporter().export()
        print("done", flush=True)

asyncio.run(main())
"""

SWITCH_AND_DIE = """
import os, signal, sys
from pathlib import Path
from hybrid_coordinator.backends.datasets.switching import Layout, switch

left = int(sys.argv[2])

def count_down(event, arguments):
    global left
    if event == "os.rename":
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count_down)
switch(Layout(Path(sys.argv[1])))
"""


@pytest.fixture
async def classroom(tmp_path: Path) -> AsyncGenerator[Classroom]:
    async with open_classroom(tmp_path) as opened:
        await opened.record(
            *(answered(n, f"How do I mount the {w} volume?", f"mount {w}") for n, w in enumerate(NAMES))
        )
        yield opened


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A file system of 200 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    mounted = subprocess.run(mounting, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def contents_of(folder: Path) -> dict[str, bytes]:
    """Every file in a folder but the ledger's, hidden ones too."""
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file() and "ledger" not in file.name}


def is_whole(folder: Path) -> bool:
    """Whether every file is the one that the card describes."""
    files = json.loads((folder / "dataset.card.json").read_text())["files"]
    return all(sha256((folder / name).read_bytes()).hexdigest() == file["sha256"] for name, file in files.items())


async def publish(dataset: JsonlDataset, rows: list[Payload]) -> None:
    async with dataset.draft() as draft:
        await draft.write("", rows)
        await draft.write("train", rows)
        await draft.publish({"made_at": "now", "rows": len(rows)}, "# Page")


async def test_a_full_disk_leaves_every_old_file_whole_and_no_rest(small_disk: Path) -> None:
    dataset = JsonlDataset(small_disk / "dataset.jsonl")
    await publish(dataset, [{"number": number} for number in range(10)])
    before = contents_of(small_disk)

    with pytest.raises(StorageFull, match="as it was; free some space"):
        await publish(dataset, [{"number": number, "text": "x" * 1_000} for number in range(200)])

    assert contents_of(small_disk) == before
    assert is_whole(small_disk)
    await publish(dataset, [{"number": 1}])
    assert (small_disk / "dataset.jsonl").read_text() == '{"number": 1}\n'


async def test_a_disk_that_fills_while_rows_are_set_aside_is_storage_full(small_disk: Path) -> None:
    dataset = JsonlDataset(small_disk / "dataset.jsonl")

    with pytest.raises(StorageFull):
        async with dataset.draft() as draft:
            await draft.set_aside([{"text": "x" * 1_000}] * 400)
            await draft.recall([399])

    assert not any(small_disk.glob("*.jsonl"))
    assert not Layout(small_disk / "dataset.jsonl").making.exists()


@pytest.mark.parametrize("moved", range(FILES + 1))
async def test_a_kill_while_files_change_places_is_mended_by_whoever_looks_next(tmp_path: Path, moved: int) -> None:
    dataset, layout = JsonlDataset(tmp_path / "dataset.jsonl"), Layout(tmp_path / "dataset.jsonl")
    await publish(dataset, [{"number": 1}])
    layout.made.mkdir()
    await publish(JsonlDataset(layout.made / "dataset.jsonl"), [{"number": 2}])
    Layout(layout.made / "dataset.jsonl").lock.unlink()
    files = len(list(layout.made.iterdir()))

    killed = subprocess.run([sys.executable, "-c", SWITCH_AND_DIE, str(layout.path), str(moved)], check=False)
    left = len(list(layout.made.iterdir())) if layout.made.exists() else 0
    card = await dataset.card()

    assert killed.returncode == (-signal.SIGKILL if moved < files else 0)
    assert left == max(files - moved, 0)
    assert card is not None
    assert card["rows"] == 1
    assert layout.path.read_text() == '{"number": 2}\n'
    assert is_whole(tmp_path)
    assert not layout.made.exists()


@pytest.mark.parametrize("seed", range(4))
async def test_a_kill_in_the_middle_of_an_export_leaves_one_whole_dataset(classroom: Classroom, seed: int) -> None:
    first = await classroom.exporter().export()
    await classroom.record(
        *(answered(100 + n, f"How do I rotate the {w} key?", f"rotate {w}") for n, w in enumerate(NAMES))
    )

    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", EXPORT, str(classroom.folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        print(file=process.stdin, flush=True)
        making = Layout(classroom.path).making
        grown = (0, 1, 20_000, 50_000)[seed]
        while process.poll() is None and size_of(making) < grown:
            pass
        process.kill()

    card = await JsonlDataset(classroom.path).card()
    assert card is not None
    assert card["rows"] in (first.rows, 2 * first.rows)
    assert is_whole(classroom.folder)
    assert (await classroom.exporter().export()).rows == 2 * first.rows
    assert not making.exists()


def size_of(folder: Path) -> int:
    """Bytes in a folder, -1 without one."""
    try:
        return sum(file.stat().st_size for file in folder.iterdir())
    except FileNotFoundError:
        return -1


async def test_two_exports_at_once_are_a_conflict_and_the_first_goes_through(tmp_path: Path) -> None:
    dataset = JsonlDataset(tmp_path / "dataset.jsonl")

    async with dataset.draft() as draft:
        await draft.write("", [{"number": 1}])
        with pytest.raises(Conflict, match="written already"):
            await publish(JsonlDataset(tmp_path / "dataset.jsonl"), [{"number": 2}])
        await draft.publish({"made_at": "now"}, "# Page")

    assert (tmp_path / "dataset.jsonl").read_text() == '{"number": 1}\n'


async def test_what_is_not_published_is_never_seen(tmp_path: Path) -> None:
    dataset = JsonlDataset(tmp_path / "dataset.jsonl")
    async with dataset.draft() as draft:
        await draft.write("", [{"number": 1}])

    assert await dataset.card() is None
    assert [file.name for file in tmp_path.iterdir()] == [".dataset.lock"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
async def test_a_card_that_cannot_be_read_is_damaged_and_an_export_replaces_it(
    classroom: Classroom, content: bytes
) -> None:
    (classroom.folder / "dataset.card.json").write_bytes(content)

    with pytest.raises(Damaged, match="export again"):
        await JsonlDataset(classroom.path).card()
    await classroom.exporter().export()

    assert is_whole(classroom.folder)


async def test_a_place_that_cannot_be_written_says_which_setting_to_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(BadInput, match="FINETUNE_DATA_PATH"):
        await publish(JsonlDataset(tmp_path / "file" / "dataset.jsonl"), [])


async def test_nobody_else_may_read_the_dataset(classroom: Classroom) -> None:
    await classroom.exporter().export()

    modes = {file.stat().st_mode & 0o777 for file in classroom.folder.glob("dataset*")}
    assert modes == {0o600}
    assert len(list(classroom.folder.glob("dataset*"))) == FILES
