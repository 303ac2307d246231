"""The telemetry files of other programs, read on from where reading stopped."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import anyio.to_thread

from hybrid_coordinator.backends.telemetry.bookmarks import Bookmarks
from hybrid_coordinator.backends.telemetry.dead_letters import DeadLetterFile
from hybrid_coordinator.backends.telemetry.finding import FoundTelemetry, Whereabouts, others
from hybrid_coordinator.backends.telemetry.reading import UnreadableTelemetry
from hybrid_coordinator.domain.telemetry import DeadLetter, FilePosition
from hybrid_coordinator.logic.telemetry_places import TailingPolicy
from hybrid_coordinator.ports import TelemetryBatch, TelemetryLine

MOST_BYTES = 8 << 20
"""So much is read for one batch, and little more."""

LEAST_SHARE = 50
"""A file that has its turn gives at least so many lines, if it has them."""

_Key = tuple[int, int]


@dataclass(slots=True)
class _Reading:
    """A batch as it comes together: how far each file is read, with and without it."""

    reached: dict[_Key, FilePosition]
    troubles: dict[str, str]
    moved: set[_Key] = field(default_factory=set)
    lines: list[TelemetryLine] = field(default_factory=list)
    bytes_left: int = MOST_BYTES


class TailedFiles:
    """Reads blocks in a thread."""

    def __init__(self, whereabouts: Whereabouts, dead_letters: Path, policy: TailingPolicy) -> None:
        self._whereabouts = whereabouts
        self._dead_letters = DeadLetterFile(dead_letters, policy.dead_letter_bytes)
        self._patience_s = policy.patience_s
        self._bookmarks = Bookmarks()
        self._served_last = ""

    async def read_on(self, positions: Sequence[FilePosition], now: datetime, *, most: int) -> TelemetryBatch:
        return await anyio.to_thread.run_sync(self._read_on, positions, now, most)

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        await anyio.to_thread.run_sync(self._dead_letters.write, letters)

    async def aclose(self) -> None:
        """Let go of what is open. Idempotent."""
        self._bookmarks.forget_all_but(())

    # In the thread

    def _read_on(self, positions: Sequence[FilePosition], now: datetime, most: int) -> TelemetryBatch:
        files, troubles = self._whereabouts.look()
        known = {(position.device, position.inode): position for position in positions}
        there = {file.key for file in files}
        self._bookmarks.forget_all_but(there)
        reading = _Reading(dict(known), troubles)
        waiting = deque(self._in_turn([file for file in others(files) if self._is_unread(file, reading)]))
        share = max(LEAST_SHARE, most // max(1, len(waiting)))
        while waiting and len(reading.lines) < most and reading.bytes_left > 0:
            file = waiting.popleft()
            self._served_last = file.path
            if self._serve(file, reading, min(share, most - len(reading.lines)), now):
                waiting.append(file)
        gone = [position for key, position in known.items() if key not in there and _is_gone(position.path)]
        moved = [reading.reached[key] for key in sorted(reading.moved)]
        return TelemetryBatch(reading.lines, moved, gone, bool(waiting), reading.troubles)

    def _in_turn(self, files: Sequence[FoundTelemetry]) -> Iterator[FoundTelemetry]:
        """By path, beginning behind the file that was served last."""
        yield from (file for file in files if file.path > self._served_last)
        yield from (file for file in files if file.path <= self._served_last)

    def _is_unread(self, file: FoundTelemetry, reading: _Reading) -> bool:
        if not self._bookmarks.is_finished(file, reading.reached.get(file.key)):
            return True
        if trouble := self._bookmarks.trouble(file):
            reading.troubles[file.path] = trouble
        return False

    def _serve(self, file: FoundTelemetry, reading: _Reading, share: int, now: datetime) -> bool:
        """Read a file's share; whether it has more."""
        before = reading.reached.get(file.key)
        try:
            opened = self._bookmarks.open(file, before)
        except FileNotFoundError:
            return False
        except (OSError, UnreadableTelemetry) as error:
            reading.troubles[file.path] = getattr(error, "strerror", None) or str(error)
            return False
        start = opened.offset
        reading.lines += opened.take(share, reading.bytes_left, flush=self._is_old(file, now))
        reading.bytes_left -= opened.offset - start
        if opened.offset and opened.position != before:
            reading.reached[file.key] = opened.position
            reading.moved.add(file.key)
        if opened.trouble:
            reading.troubles[file.path] = opened.trouble
        self._bookmarks.put_back(opened)
        return not opened.ended

    def _is_old(self, file: FoundTelemetry, now: datetime) -> bool:
        """Whether nobody is about to end a line. When the clock has gone back, somebody may be."""
        return now.timestamp() - file.modified_ns / 1e9 > self._patience_s


def _is_gone(path: str) -> bool:
    """Not merely out of sight, as when its disk is not mounted."""
    return Path(path).parent.is_dir()
