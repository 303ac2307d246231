"""A telemetry file that is open: its lines one after the other, plain or unpacked, in bounded memory.

A place whose byte before is no line end lies inside a line that was given up, because it is too long or was never
ended; what is left of that line is passed over.
"""

import gzip
import os
import stat
import zlib
from datetime import UTC, datetime
from hashlib import blake2b
from typing import BinaryIO, cast

from hybrid_coordinator.backends.telemetry.finding import FoundTelemetry
from hybrid_coordinator.domain.telemetry import FilePosition
from hybrid_coordinator.ports import TelemetryLine
from hybrid_coordinator.wire.telemetry import MOST_BYTES

HEAD_BYTES = 1024
"""By so many of its first bytes a file is told from another that got its inode."""

_LIMIT = MOST_BYTES + 2
"""The longest line with its end, `\\r\\n`."""
_BLOCK = 1 << 18
GZIP = b"\x1f\x8b"


class UnreadableTelemetry(Exception):
    """This file cannot be read as it is."""


def hash_head(head: bytes) -> str:
    """What the first bytes of a file are remembered by."""
    return blake2b(head, digest_size=8).hexdigest()


class OpenTelemetry:
    """A file and the place reached in it. `ended` says that nothing more can be read now, `waiting` that a line stands
    there without its end."""

    def __init__(self, found: FoundTelemetry) -> None:
        """Raises OSError or UnreadableTelemetry."""
        self.found = found
        self.offset = 0
        self.number = 0
        self.ended = False
        self.waiting = False
        self.trouble = ""
        self._file = _open(found)
        try:
            self.packed = _is_packed(self._file, found)
            self._stream = cast(BinaryIO, gzip.GzipFile(fileobj=self._file)) if self.packed else self._file
            self._head = self._stream.read(HEAD_BYTES)
            self._stream.seek(0)
        except (UnreadableTelemetry, EOFError, zlib.error, OSError) as error:
            self._file.close()
            raise UnreadableTelemetry(f"cannot be read, or not yet: {error}") from error
        self._mark = hash_head(self._head.partition(b"\n")[0])
        self._file_time = datetime.fromtimestamp(found.modified_ns // 1_000_000_000, UTC)
        self._inside = False

    def resume(self, position: FilePosition | None) -> None:
        """Go on where reading stopped, if that was in this file; else it is read from its beginning."""
        if position is None or position.offset == 0 or not self._is_of(position):
            return
        self.offset, self.number = position.offset, position.line
        try:
            self._stream.seek(self.offset - 1)
            self._inside = self._stream.read(1) != b"\n"
        except (EOFError, zlib.error, OSError) as error:
            self._give_up(error)

    def _is_of(self, position: FilePosition) -> bool:
        same = (
            len(self._head) >= position.head_length and hash_head(self._head[: position.head_length]) == position.head
        )
        return same and (self.packed or os.fstat(self._file.fileno()).st_size >= position.offset)

    @property
    def position(self) -> FilePosition:
        """How far it is read."""
        found = self.found
        head = hash_head(self._head)
        return FilePosition(found.path, *found.key, head, len(self._head), self.offset, self.number)

    def take(self, most: int, most_bytes: int, *, flush: bool) -> list[TelemetryLine]:
        """At most so many lines, out of little more than so many bytes. With `flush` a last line needs no end."""
        lines: list[TelemetryLine] = []
        stop = self.offset + most_bytes
        while not self.ended and len(lines) < most and self.offset < stop:
            start, number = self.offset, self.number + 1
            content = self._next(flush=flush or self.packed)
            if content.strip():
                lines.append(self._line(start, number, content))
        return lines

    def _line(self, start: int, number: int, content: bytes) -> TelemetryLine:
        found = self.found
        return TelemetryLine(found.path, found.source, start, number, content, self._mark, self._file_time)

    def _next(self, *, flush: bool) -> bytes:
        """The next line, or nothing: at the end, before half a line, and inside a line that was given up."""
        try:
            raw = self._stream.readline(_LIMIT)
        except (EOFError, zlib.error, OSError) as error:
            self._give_up(error)
            return b""
        whole = raw.endswith(b"\n")
        if not whole and len(raw) < _LIMIT and not flush:
            self.ended = True
            self.waiting = bool(raw) and not self._inside
            if self.waiting:
                return b""
        self.ended |= not raw
        self.offset += len(raw)
        self.number += whole
        given_up, self._inside = self._inside, bool(raw) and not whole
        return b"" if given_up else raw.rstrip(b"\r\n")

    def _give_up(self, error: Exception) -> None:
        """A gzip that is still written looks like a damaged one: what could be read of it stays read."""
        self.trouble = f"cannot be read to its end, or not yet: {error}"
        self.ended = True

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()
        self._file.close()


def _open(found: FoundTelemetry) -> BinaryIO:
    """Never waits for what is no plain file, and opens nothing else than what was found."""
    descriptor = os.open(found.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or (status.st_dev, status.st_ino) != found.key:
        os.close(descriptor)
        raise UnreadableTelemetry("was just replaced by another file")
    return os.fdopen(descriptor, "rb", buffering=_BLOCK)


def _is_packed(file: BinaryIO, found: FoundTelemetry) -> bool:
    magic = file.read(len(GZIP))
    file.seek(0)
    if found.path.endswith(".gz") and magic != GZIP:
        raise UnreadableTelemetry("it is no gzip")
    return magic == GZIP
