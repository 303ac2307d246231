"""The coordinator's own events as a file that other programs may read."""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import BinaryIO

import anyio.to_thread

from hybrid_coordinator.backends.telemetry.disk import writing

OWN_FILE = "hybrid-events.jsonl"


class OwnTelemetryFile:
    """`hybrid-events.jsonl` in a folder; of earlier months `hybrid-events.jsonl.2026-01`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / OWN_FILE

    async def write(self, lines: Sequence[bytes], now: datetime, *, file: str, size: int) -> tuple[str, int]:
        known = size if file == str(self.path) else None
        return str(self.path), await anyio.to_thread.run_sync(self._write, b"".join(lines), now, known)

    def _write(self, content: bytes, now: datetime, known: int | None) -> int:
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._cut(content, known):
                self._turn_over(now)
            with self.path.open("ab") as file:
                start = file.seek(0, os.SEEK_END)
                try:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    os.truncate(self.path, start)
                    raise
                return file.tell()

    def _cut(self, content: bytes, known: int | None) -> int:
        """Cut off what a kill left behind the known size; how many bytes stay. When it was last written to stays too.

        A kill after a month's first write leaves nothing but what is to be written now. A file that was here before us,
        or that somebody shortened, is only added to.
        """
        if not self.path.exists():
            return 0
        status = self.path.stat()
        with self.path.open("rb+") as file:
            stays = status.st_size if known is None else min(status.st_size, known)
            if _holds_only(file, status.st_size, content):
                stays = 0
            file.truncate(stays)
        os.utime(self.path, ns=(status.st_atime_ns, status.st_mtime_ns))
        return stays

    def _turn_over(self, now: datetime) -> None:
        """Put a file of an earlier month aside; a clock that went back puts none."""
        month = _month(datetime.fromtimestamp(self.path.stat().st_mtime, UTC))
        if month < _month(now):
            self.path.rename(next(path for path in self._names(month) if not path.exists()))

    def _names(self, month: str) -> Iterator[Path]:
        """What a month's file may be called: a clock may bring a month back."""
        yield self.path.with_name(f"{OWN_FILE}.{month}")
        for number in count(2):
            yield self.path.with_name(f"{OWN_FILE}.{month}.{number}")


def _holds_only(file: BinaryIO, size: int, content: bytes) -> bool:
    """Whether a file holds the beginning of this content and nothing else."""
    return size <= len(content) and content.startswith(file.read(size))


def _month(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m}"
