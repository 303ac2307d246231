"""The folders of runs on this machine's disk."""

import re
import shutil
from pathlib import Path

import anyio.to_thread

from hybrid_coordinator.backends.trainers.disk import translated
from hybrid_coordinator.backends.trainers.manifests import read_manifest
from hybrid_coordinator.backends.trainers.run_folder import RunFolder
from hybrid_coordinator.backends.trainers.sealing import open_material, seal_material, to_files
from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.domain.training import Run
from hybrid_coordinator.errors import NotFound
from hybrid_coordinator.ports import Material

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_GOING = ".going-"


class FolderWorkshop:
    """The `Workshop` port over a folder that holds one folder a run."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def folder(self, run_id: str) -> Path:
        """As the port says. Raises NotFound for what cannot be the name of a run, such as a way to elsewhere."""
        if not _NAME.fullmatch(run_id):
            raise NotFound(f"there is no run {run_id!r}; its name has letters, digits, - and _")
        return self._root / run_id

    async def freeze(self, run: Run, material: Material) -> None:
        """As the port says. Raises Conflict when the run works on other material already."""
        folder = RunFolder(self.folder(run.id))

        def work() -> None:
            with translated(folder.path):
                self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
                seal_material(folder, to_files(material))

        await anyio.to_thread.run_sync(work)

    async def material(self, run_id: str) -> Material:
        return await anyio.to_thread.run_sync(open_material, RunFolder(self.folder(run_id)))

    async def manifest(self, run_id: str) -> Payload | None:
        return await anyio.to_thread.run_sync(read_manifest, RunFolder(self.folder(run_id)))

    async def size(self, run_id: str) -> int:
        return await anyio.to_thread.run_sync(_size, self.folder(run_id))

    async def remove(self, run_id: str) -> None:
        folder = self.folder(run_id)

        def work() -> None:
            with translated(folder):
                _remove(folder)

        await anyio.to_thread.run_sync(work)


def _size(folder: Path) -> int:
    """The bytes of every file that is still there when it is looked at."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def _remove(folder: Path) -> None:
    """It loses its name first, so that a kill leaves no half of a run; the next removal takes away what is left."""
    for left in folder.parent.glob(f"{_GOING}*"):
        shutil.rmtree(left)
    if folder.exists():
        shutil.rmtree(folder.rename(folder.with_name(f"{_GOING}{folder.name}")))
