"""The file of lines that are no events.

A letter is on disk before the position behind it is committed, so a kill in between has it written again: it is known
by where it stood and how it begins, and kept once, also where two processes find it at a time. Two files, each at most
half of what is allowed, take turns.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

import orjson
from filelock import FileLock, Timeout

from hybrid_coordinator.backends.telemetry.disk import writing
from hybrid_coordinator.domain.telemetry import DeadLetter
from hybrid_coordinator.errors import Unavailable

_Known = tuple[str, int, str]

LOCK_WAIT_S = 30.0


class DeadLetterFile:
    """One JSON object a line: file, offset, line, reason, beginning. The file before it ends in `.1`."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._path = path
        self._older = path.with_name(f"{path.name}.1")
        self._most_bytes = most_bytes
        self._known: set[_Known] = set()
        self._size = -1

    def write(self, letters: Sequence[DeadLetter]) -> None:
        """Keep those that are new. Raises StorageFull, or another Unavailable; trying again keeps none twice."""
        with writing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._alone():
                if self._size != _size(self._path):
                    self._read()
                fresh = {_sign(letter): _line(letter) for letter in letters if _sign(letter) not in self._known}
                self._append_in_turns(fresh)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Among all processes that write to the file."""
        try:
            with FileLock(self._path.with_name(f"{self._path.name}.lock"), timeout=LOCK_WAIT_S):
                yield
        except Timeout as error:
            raise Unavailable(f"another process holds {str(self._path)!r} for {LOCK_WAIT_S:g} s; try again") from error

    def _read(self) -> None:
        """Know again what is kept; half a line, from a kill, is cut off."""
        self._known = {sign for path in (self._older, self._path) for sign in _signs(path)}
        with self._path.open("ab+") as file:
            file.seek(0)
            self._size = sum(len(line) for line in file if line.endswith(b"\n"))
            file.truncate(self._size)

    def _append_in_turns(self, fresh: Mapping[_Known, bytes]) -> None:
        portion: dict[_Known, bytes] = {}
        length = self._size
        for sign, line in fresh.items():
            length += len(line)
            if length > self._most_bytes // 2:
                self._append(portion)
                self._turn_over()
                portion, length = {}, len(line)
            portion[sign] = line
        self._append(portion)

    def _turn_over(self) -> None:
        self._path.replace(self._older)
        self._known = set(_signs(self._older))
        self._size = 0

    def _append(self, portion: Mapping[_Known, bytes]) -> None:
        content = b"".join(portion.values())
        with self._path.open("ab") as file:
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.truncate(self._path, self._size)
                raise
        self._size += len(content)
        self._known |= portion.keys()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _family(path: str) -> str:
    """A file and its rotated copies have one name."""
    return path.partition(".jsonl")[0]


def _shown(path: str) -> str:
    """A name of odd bytes in letters that JSON takes."""
    return path.encode(errors="backslashreplace").decode()


def _sign(letter: DeadLetter) -> _Known:
    return _family(_shown(letter.path)), letter.offset, blake2b(letter.beginning, digest_size=8).hexdigest()


def _line(letter: DeadLetter) -> bytes:
    row = {
        "file": _shown(letter.path),
        "offset": letter.offset,
        "line": letter.line,
        "reason": letter.reason,
        "beginning": letter.beginning.decode(errors="replace"),
        "sign": _sign(letter)[2],
    }
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def _signs(path: Path) -> Iterator[_Known]:
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                row = orjson.loads(line)
                yield _family(row["file"]), int(row["offset"]), str(row["sign"])
            except (ValueError, KeyError, TypeError):  # half a line, or somebody's own
                continue
