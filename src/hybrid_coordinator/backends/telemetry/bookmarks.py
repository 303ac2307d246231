"""What saves opening telemetry files again: which are read to their end, and gzips that are open."""

from collections.abc import Container
from dataclasses import dataclass

from hybrid_coordinator.backends.telemetry.finding import FoundTelemetry
from hybrid_coordinator.backends.telemetry.reading import OpenTelemetry
from hybrid_coordinator.domain.telemetry import FilePosition

KEPT_OPEN = 8
"""Finding a place in a gzip means unpacking all before it, so they stay open between batches; so many at most."""


@dataclass(frozen=True, slots=True)
class _Finished:
    """How a file was when nothing more could be read of it, and why if that was not its end."""

    state: tuple[int, int]
    offset: int
    trouble: str


class Bookmarks:
    """All of it may be lost at any time: then the files are looked into again."""

    def __init__(self) -> None:
        self._finished: dict[tuple[int, int], _Finished] = {}
        self._open: dict[tuple[int, int], OpenTelemetry] = {}

    def is_finished(self, file: FoundTelemetry, position: FilePosition | None) -> bool:
        """Whether nothing has come to the file since it was read as far as this."""
        known = self._finished.get(file.key)
        offset = position.offset if position else 0
        return known is not None and known.state == file.state and known.offset == offset

    def trouble(self, file: FoundTelemetry) -> str:
        """What kept a file that is finished from being read to its end, if anything did."""
        known = self._finished.get(file.key)
        return known.trouble if known else ""

    def open(self, file: FoundTelemetry, position: FilePosition | None) -> OpenTelemetry:
        """The file, open at this place. Raises OSError or UnreadableTelemetry."""
        kept = self._open.pop(file.key, None)
        if kept is not None:
            if kept.found == file and kept.offset == (position.offset if position else 0):
                return kept
            kept.close()
        opened = OpenTelemetry(file)
        opened.resume(position)
        return opened

    def put_back(self, opened: OpenTelemetry) -> None:
        """Take a file that was read from, and close it unless it is worth keeping open."""
        file = opened.found
        if opened.ended and not opened.waiting:
            self._finished[file.key] = _Finished(file.state, opened.offset, opened.trouble)
        if opened.packed and not opened.ended and len(self._open) < KEPT_OPEN:
            self._open[file.key] = opened
        else:
            opened.close()

    def forget_all_but(self, keys: Container[tuple[int, int]]) -> None:
        """Let go of files that are there no more."""
        for key in [key for key in self._finished if key not in keys]:
            del self._finished[key]
        for key in [key for key in self._open if key not in keys]:
            self._open.pop(key).close()
