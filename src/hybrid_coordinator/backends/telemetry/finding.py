"""Which telemetry files there are."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hybrid_coordinator.domain.telemetry import TelemetrySource
from hybrid_coordinator.errors import SettingError
from hybrid_coordinator.logic.telemetry_places import TelemetryPlace, is_copy, is_readable, is_telemetry, source_of

_RIGHT_NAMES = "; call it ralph-, aidb-, hybrid- or vscode-events.jsonl, or write =SOURCE behind its place"


@dataclass(frozen=True, slots=True)
class FoundTelemetry:
    """A file of telemetry as it was a moment ago. `own` says that it is the coordinator's own, or a copy of that."""

    path: str
    source: TelemetrySource
    device: int
    inode: int
    size: int
    modified_ns: int
    own: bool = False

    @property
    def key(self) -> tuple[int, int]:
        """What stays when a file is renamed."""
        return self.device, self.inode

    @property
    def state(self) -> tuple[int, int]:
        """What changes when it is written to."""
        return self.size, self.modified_ns


@dataclass(slots=True)
class _Findings:
    """What a look around brought: files by what stays of them, and what is wrong with which paths."""

    files: dict[tuple[int, int], FoundTelemetry]
    troubles: dict[str, str]


class Whereabouts:
    """The folders and files that telemetry lies in. In folders links are not followed; a named path may be one."""

    def __init__(self, places: Sequence[TelemetryPlace], own: Path) -> None:
        """`own` is the coordinator's own file. Raises SettingError for a file of which nothing tells the source."""
        self._places = [(Path(place.path).expanduser(), place.source) for place in places]
        self._own = own
        for path, source in self._places:
            if source_of(path.name, source) is None and (path.is_file() or ".jsonl" in path.name):
                raise SettingError(f"telemetry file {str(path)!r}: its name says no source{_RIGHT_NAMES}")

    def look(self) -> tuple[list[FoundTelemetry], dict[str, str]]:
        """All files by path, each once under however many names, and why paths cannot be looked at."""
        found = _Findings({}, {})
        self._gather(self._own.parent, self._own.name, TelemetrySource.HYBRID, found)
        found.troubles.clear()  # before the first event of our own there is no folder
        for path, source in self._places:
            if path.is_dir():
                self._gather(path, None, source, found)
            else:
                self._gather(path.parent, path.name, source, found)
        return sorted(found.files.values(), key=lambda file: file.path), found.troubles

    def _gather(self, folder: Path, name: str | None, source: TelemetrySource | None, found: _Findings) -> None:
        """What a folder holds of telemetry; with a name, only that file and its rotated copies."""
        try:
            names = sorted(entry.name for entry in os.scandir(folder))
        except OSError as error:
            found.troubles[str(folder)] = error.strerror or "cannot be listed"
            return
        if name is not None and name not in names:
            found.troubles[str(folder / name)] = "is not there"
        for each in names:
            if is_telemetry(each) if name is None else is_copy(each, name) and is_readable(each):
                self._sort(folder / each, source, found, follow=each == name)

    def _sort(self, path: Path, source: TelemetrySource | None, found: _Findings, *, follow: bool) -> None:
        said = source_of(path.name, source)
        try:
            status = path.stat(follow_symlinks=follow)
        except OSError as error:
            found.troubles[str(path)] = error.strerror or "cannot be looked at"
            return
        if not stat.S_ISREG(status.st_mode):
            found.troubles[str(path)] = "is no plain file"
        elif said is None:
            found.troubles[str(path)] = f"its name says no source{_RIGHT_NAMES}"
        else:
            own = path.parent == self._own.parent and is_copy(path.name, self._own.name)
            key = status.st_dev, status.st_ino
            found.files.setdefault(key, FoundTelemetry(str(path), said, *key, status.st_size, status.st_mtime_ns, own))


def others(files: Sequence[FoundTelemetry]) -> Iterator[FoundTelemetry]:
    """Those that other programs wrote."""
    return (file for file in files if not file.own)
