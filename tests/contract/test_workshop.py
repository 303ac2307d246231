"""What every workshop promises, and what the folders of one on disk withstand."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from hybrid_coordinator.backends.trainers.run_folder import RunFolder
from hybrid_coordinator.backends.trainers.workshop import FolderWorkshop
from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.domain.training import BaseWeights, Recipe, Run, RunState, Teaching
from hybrid_coordinator.errors import Conflict, Damaged, NotFound, StorageFull, Unavailable
from hybrid_coordinator.ports import Material, Workshop
from hybrid_coordinator.testing import MemoryWorkshop

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
BASE = BaseWeights("tiny", "0" * 64, "tiny.gguf")

Finish = Callable[[str, Mapping[str, bytes]], None]


def run_of(run_id: str = "run-1") -> Run:
    return Run(run_id, NOON, NOON, RunState.WAITING, "local", Teaching.LORA, BASE, Recipe())


def row(text: str) -> Payload:
    return {"messages": [{"role": "user", "content": text}], "metadata": {"row_id": text, "value_score": 0.1 + 0.2}}


MATERIAL = Material(
    train=[row("lone \ud800"), row("nul \x00, line\u2028separator, next\x85line, 🕰")],
    validation=[row("b")],
    held_out=[row("c")],
    pairs=[{"prompt": "p", "chosen": "a", "rejected": "b"}],
    keep=[{"messages": [{"role": "user", "content": "List it."}, {"role": "assistant", "content": "[]"}]}],
    replay=["Who are you?"],
    regression=["Name a\ncolour."],
    documents=["plain \ud800 text"],
)


class WorkshopContract:
    """The promises of the port."""

    async def test_material_comes_back_as_it_was_frozen(self, workshop: Workshop) -> None:
        await workshop.freeze(run_of(), MATERIAL)

        assert await workshop.material("run-1") == MATERIAL

    async def test_freezing_the_same_again_changes_nothing(self, workshop: Workshop) -> None:
        await workshop.freeze(run_of(), MATERIAL)
        await workshop.freeze(run_of(), MATERIAL)

        assert await workshop.material("run-1") == MATERIAL

    async def test_other_material_for_the_same_run_is_refused(self, workshop: Workshop) -> None:
        await workshop.freeze(run_of(), MATERIAL)

        with pytest.raises(Conflict, match=r"'run-1'.*new run"):
            await workshop.freeze(run_of(), Material(train=[row("other")]))

        assert await workshop.material("run-1") == MATERIAL

    async def test_a_run_without_material_is_not_found(self, workshop: Workshop) -> None:
        with pytest.raises(NotFound, match="'run-1'"):
            await workshop.material("run-1")

    async def test_a_run_that_is_not_whole_has_no_manifest(self, workshop: Workshop) -> None:
        await workshop.freeze(run_of(), MATERIAL)

        assert await workshop.manifest("run-1") is None

    async def test_a_finished_run_tells_of_its_files(self, workshop: Workshop, finish: Finish) -> None:
        await workshop.freeze(run_of(), MATERIAL)
        finish("run-1", {"adapter.gguf": b"weights", "empty": b""})

        manifest = await workshop.manifest("run-1")

        assert manifest is not None
        assert manifest["run_id"] == "run-1"
        assert manifest["files"]["adapter.gguf"] == {"bytes": 7, "sha256": sha256(b"weights").hexdigest()}

    async def test_what_is_removed_is_gone_and_takes_no_room(self, workshop: Workshop, finish: Finish) -> None:
        for run_id in ("run-1", "run-2"):
            await workshop.freeze(run_of(run_id), MATERIAL)
        finish("run-1", {"adapter.gguf": b"weights"})
        before = await workshop.size("run-1")

        await workshop.remove("run-1")
        await workshop.remove("run-1")

        assert before > 7
        assert await workshop.size("run-1") == 0
        assert await workshop.manifest("run-1") is None
        assert await workshop.material("run-2") == MATERIAL
        with pytest.raises(NotFound):
            await workshop.material("run-1")


class TestMemoryWorkshop(WorkshopContract):
    @pytest.fixture
    def workshop(self) -> MemoryWorkshop:
        return MemoryWorkshop()

    @pytest.fixture
    def finish(self, workshop: MemoryWorkshop) -> Finish:
        return lambda run_id, files: workshop.finish({"run_id": run_id}, files)

    async def test_a_file_that_is_gone_is_damage(self, workshop: MemoryWorkshop, finish: Finish) -> None:
        finish("run-1", {"adapter.gguf": b"weights"})
        workshop.files["run-1"].clear()

        with pytest.raises(Damaged):
            await workshop.manifest("run-1")


def finish_in(folder: Path, files: Mapping[str, bytes]) -> None:
    """Do what a trainer's process does at its end."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    told = {name: {"bytes": len(made), "sha256": sha256(made).hexdigest()} for name, made in files.items()}
    (folder / "manifest.json").write_text(json.dumps({"run_id": folder.name, "files": told}))


class TestFolderWorkshop(WorkshopContract):
    @pytest.fixture
    def workshop(self, tmp_path: Path) -> FolderWorkshop:
        return FolderWorkshop(tmp_path / "training" / "runs")

    @pytest.fixture
    def finish(self, workshop: FolderWorkshop) -> Finish:
        return lambda run_id, files: finish_in(workshop.folder(run_id), files)

    @pytest.mark.parametrize("name", ["", ".", "..", "../up", "a/b", "/etc", ".hidden", "a\x00b", "x" * 200, "a\n"])
    async def test_a_name_that_leads_elsewhere_is_no_run(self, workshop: FolderWorkshop, name: str) -> None:
        for ask in (workshop.material, workshop.manifest, workshop.size, workshop.remove):
            with pytest.raises(NotFound, match="there is no run"):
                await ask(name)

    @pytest.mark.parametrize("name", ["train.jsonl", "held_out.jsonl", "prompts.json", "seal.json"])
    @pytest.mark.parametrize("content", [None, b"", b"[]", b"\xff"])
    async def test_material_that_was_changed_is_damaged(
        self, workshop: FolderWorkshop, name: str, content: bytes | None
    ) -> None:
        await workshop.freeze(run_of(), MATERIAL)
        file = workshop.folder("run-1") / "material" / name
        file.unlink() if content is None else file.write_bytes(content)

        with pytest.raises(Damaged, match=name):
            await workshop.material("run-1")

    @pytest.mark.parametrize("content", [None, b"weight", b"Weights", b"weights and more"])
    async def test_an_adapter_that_is_not_what_it_was_is_damaged(
        self, workshop: FolderWorkshop, finish: Finish, content: bytes | None
    ) -> None:
        await workshop.freeze(run_of(), MATERIAL)
        finish("run-1", {"adapter.gguf": b"weights"})
        file = workshop.folder("run-1") / "adapter.gguf"
        file.unlink() if content is None else file.write_bytes(content)

        with pytest.raises(Damaged, match=r"adapter\.gguf.*train again"):
            await workshop.manifest("run-1")

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{",
            b"[]",
            b"\xff",
            b'{"run_id": "run-1"}',
            b'{"run_id": "run-2", "files": {}}',
            b'{"run_id": "run-1", "files": {"../run-2/adapter.gguf": {"bytes": 1, "sha256": ""}}}',
            b'{"run_id": "run-1", "files": {"adapter.gguf": "whole"}}',
            b'{"run_id": "run-1", "files": {"a\\u0000b": {"bytes": 1, "sha256": ""}}}',
        ],
    )
    async def test_a_manifest_that_makes_no_sense_is_damaged(self, workshop: FolderWorkshop, content: bytes) -> None:
        await workshop.freeze(run_of(), MATERIAL)
        (workshop.folder("run-1") / "adapter.gguf").write_bytes(b"weights")
        (workshop.folder("run-1") / "manifest.json").write_bytes(content)

        with pytest.raises(Damaged):
            await workshop.manifest("run-1")

    async def test_nobody_else_may_read_what_was_asked(self, workshop: FolderWorkshop) -> None:
        await workshop.freeze(run_of(), MATERIAL)

        folder = workshop.folder("run-1")
        assert {file.stat().st_mode & 0o777 for file in (folder / "material").iterdir()} == {0o600}
        assert (folder / "material").stat().st_mode & 0o777 == 0o700

    async def test_what_a_kill_left_half_written_is_written_anew(self, workshop: FolderWorkshop) -> None:
        making = RunFolder(workshop.folder("run-1")).making
        making.mkdir(parents=True)
        (making / "train.jsonl").write_text("{")

        with pytest.raises(NotFound):
            await workshop.material("run-1")
        await workshop.freeze(run_of(), MATERIAL)

        assert await workshop.material("run-1") == MATERIAL
        assert not making.exists()

    async def test_what_a_kill_left_of_a_removal_goes_with_the_next(self, workshop: FolderWorkshop) -> None:
        for run_id in ("run-1", "run-2"):
            await workshop.freeze(run_of(run_id), MATERIAL)
        root = workshop.folder("run-1").parent
        workshop.folder("run-1").rename(root / ".going-run-1")

        await workshop.remove("run-2")

        assert not list(root.iterdir())

    async def test_a_place_that_cannot_be_used_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")

        with pytest.raises(Unavailable, match="run-1"):
            await FolderWorkshop(tmp_path / "file").freeze(run_of(), MATERIAL)


FREEZE_AND_DIE = """
import asyncio, os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from hybrid_coordinator.backends.trainers.workshop import FolderWorkshop
from hybrid_coordinator.domain.training import BaseWeights, Recipe, Run, RunState, Teaching
from hybrid_coordinator.ports import Material

left = int(sys.argv[2])

def count_down(event, arguments):
    global left
    if event in ("open", "os.rename", "os.mkdir") and sys.argv[1] in str(arguments[0]):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

now = datetime(2026, 3, 4, tzinfo=UTC)
run = Run("run-1", now, now, RunState.WAITING, "local", Teaching.LORA, BaseWeights("tiny", ""), Recipe())
rows = [{"messages": [{"role": "user", "content": f"question {number}"}]} for number in range(100)]
sys.addaudithook(count_down)
asyncio.run(FolderWorkshop(Path(sys.argv[1])).freeze(run, Material(train=rows)))
"""


async def test_a_kill_at_any_moment_leaves_the_material_whole_or_not_there(tmp_path: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": f"question {number}"}]} for number in range(100)]
    seen = set()
    for moment in range(0, 17):
        root = tmp_path / str(moment)
        command = [sys.executable, "-c", FREEZE_AND_DIE, str(root), str(moment)]
        ended = subprocess.run(command, check=False, env={**os.environ}).returncode
        workshop = FolderWorkshop(root)
        whole = (workshop.folder("run-1") / "material").exists()
        if whole:
            assert (await workshop.material("run-1")).train == rows
        await workshop.freeze(run_of(), Material(train=rows))
        assert (await workshop.material("run-1")).train == rows
        seen.add((ended, whole))

    assert {(-signal.SIGKILL, False), (-signal.SIGKILL, True), (0, True)} == seen


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


async def test_a_full_disk_leaves_no_rest_and_what_was_frozen_before_whole(small_disk: Path) -> None:
    workshop = FolderWorkshop(small_disk / "runs")
    await workshop.freeze(run_of("run-1"), MATERIAL)

    with pytest.raises(StorageFull, match=r"'.*run-2'.*free some space"):
        await workshop.freeze(run_of("run-2"), Material(train=[row("x" * 1_000)] * 400))

    assert not workshop.folder("run-2").exists()
    assert await workshop.material("run-1") == MATERIAL
    await workshop.freeze(run_of("run-2"), MATERIAL)
