"""Telemetry files as things that take up room: packed and thrown away, so that a kill loses none."""

import gzip
import os
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

import anyio.to_thread

from hybrid_coordinator.backends.telemetry.disk import writing
from hybrid_coordinator.backends.telemetry.finding import FoundTelemetry, Whereabouts
from hybrid_coordinator.backends.telemetry.reading import GZIP, HEAD_BYTES, hash_head
from hybrid_coordinator.domain.telemetry import FilePosition
from hybrid_coordinator.logic.retention import TelemetryFile

T = TypeVar("T")

_BLOCK = 1 << 20
_GZIP_LENGTH = 2**32
_PUT_ASIDE = re.compile(r"\.jsonl[.-]")
"""What is in a name that nobody writes to any more."""


class TelemetryFolders:
    """A packed copy is whole on disk before it gets its name, and has it before the file it was made of goes."""

    def __init__(self, whereabouts: Whereabouts) -> None:
        self._whereabouts = whereabouts

    async def files(self) -> list[TelemetryFile]:
        return await anyio.to_thread.run_sync(self._files)

    async def pack(self, file: TelemetryFile) -> FilePosition | None:
        return await anyio.to_thread.run_sync(_if_unchanged, file, _pack)

    async def swap(self, file: TelemetryFile) -> bool:
        return await anyio.to_thread.run_sync(_if_unchanged, file, _swap) or False

    async def remove(self, file: TelemetryFile) -> bool:
        return await anyio.to_thread.run_sync(_if_unchanged, file, _remove) or False

    def _files(self) -> list[TelemetryFile]:
        found, _ = self._whereabouts.look()
        return [file for each in found if (file := _describe(each)) is not None]


def _describe(found: FoundTelemetry) -> TelemetryFile | None:
    """None for a file that cannot be opened: it is left alone."""
    try:
        with Path(found.path).open("rb") as file:
            packed = file.read(len(GZIP)) == GZIP
            length = _unpacked_length(file) if packed else found.size
    except OSError:
        return None
    return TelemetryFile(
        path=found.path,
        device=found.device,
        inode=found.inode,
        size=found.size,
        length=length,
        modified=_time(found.modified_ns),
        packed=packed,
        own=found.own,
        active=_PUT_ASIDE.search(Path(found.path).name) is None,
    )


def _unpacked_length(file: BinaryIO) -> int:
    """What a gzip says of its length, up to a multiple of 4 GiB."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 4))
    return int.from_bytes(file.read(4), "little")


def _time(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)


def _if_unchanged(file: TelemetryFile, work: Callable[[Path], T]) -> T | None:
    path = Path(file.path)
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    as_planned = (status.st_dev, status.st_ino, status.st_size, _time(status.st_mtime_ns))
    if as_planned != (file.device, file.inode, file.size, file.modified):
        return None
    with writing(path):
        return work(path)


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.gz.part")


def _pack(path: Path) -> FilePosition:
    part, status = _part(path), path.stat()
    try:
        with path.open("rb") as plain, part.open("wb") as raw:
            head = plain.read(HEAD_BYTES)
            plain.seek(0)
            with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=status.st_mtime) as packed:
                shutil.copyfileobj(plain, packed, _BLOCK)
            raw.flush()
            os.fsync(raw.fileno())
    except OSError:
        part.unlink(missing_ok=True)
        raise
    os.utime(part, ns=(status.st_atime_ns, status.st_mtime_ns))
    there = part.stat()
    name = str(path.with_name(f"{path.name}.gz"))
    return FilePosition(name, there.st_dev, there.st_ino, hash_head(head), len(head), status.st_size)


def _swap(path: Path) -> bool:
    """Somebody else's gzip of the same name stays; one of our own, left by a kill, is replaced."""
    part, packed, length = _part(path), path.with_name(f"{path.name}.gz"), path.stat().st_size
    if packed.exists():
        with packed.open("rb") as file:
            if _unpacked_length(file) != length % _GZIP_LENGTH:
                part.unlink(missing_ok=True)
                return False
    part.replace(packed)
    path.unlink()
    return True


def _remove(path: Path) -> bool:
    path.unlink()
    return True
