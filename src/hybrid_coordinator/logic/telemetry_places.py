"""Where telemetry lies, and which of the four sources a file belongs to."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from hybrid_coordinator.domain.telemetry import TelemetrySource
from hybrid_coordinator.errors import SettingError

_NAME = re.compile(r"(?P<source>.+-events)\.jsonl(?:[.-].*)?", re.DOTALL)
_UNREADABLE = (".part", ".tmp", ".swp", ".lock", "~", ".zst", ".bz2", ".xz", ".lz4", ".zip")
"""What is still being written, and what is packed in a way that is not read."""
_SOURCES = {source.value: source for source in TelemetrySource}


@dataclass(frozen=True, slots=True)
class TailingPolicy:
    """Which files are read, and how.

    `paths` holds folders and files with commas between them; `=SOURCE` behind one says what its files are where their
    names do not. A last line without its end is waited for until its file is `patience_s` old. Lines that are no
    events are kept in files of at most `dead_letter_bytes` together.
    """

    paths: str = ""
    patience_s: float = 300.0
    dead_letter_bytes: int = 16_000_000


@dataclass(frozen=True, slots=True)
class TelemetryPlace:
    """A folder of telemetry, or one file with its rotated copies. `source` is that of files whose names say none."""

    path: str
    source: TelemetrySource | None = None


def read_places(paths: str) -> Sequence[TelemetryPlace]:
    """The places a setting names. Raises SettingError for a source there is not."""
    return tuple(_read_place(item.strip()) for item in paths.split(",") if item.strip())


def _read_place(item: str) -> TelemetryPlace:
    path, sign, source = item.rpartition("=")
    if not sign:
        return TelemetryPlace(item)
    if source not in _SOURCES:
        raise SettingError(
            f"{item!r}: {source!r} is no telemetry source; write PATH={' or PATH='.join(TelemetrySource)}"
        )
    return TelemetryPlace(path, _SOURCES[source])


def source_of(name: str, otherwise: TelemetrySource | None = None) -> TelemetrySource | None:
    """The source that a file's name tells, else `otherwise`. `ralph-events.jsonl.2.gz` belongs to `ralph-events`."""
    match = _NAME.fullmatch(PurePath(name).name)
    return _SOURCES.get(match["source"], otherwise) if match else otherwise


def is_telemetry(name: str) -> bool:
    """Whether a file in a folder is meant to be read: `*-events.jsonl`, or a rotated or gzipped copy of one."""
    return _NAME.fullmatch(name) is not None and is_readable(name)


def is_readable(name: str) -> bool:
    """Not half written by somebody, and packed with nothing but gzip."""
    return not name.endswith(_UNREADABLE)


def is_copy(name: str, of: str) -> bool:
    """Whether a name is that of a file or of its rotated copies: `x.jsonl`, `x.jsonl.1`, `x.jsonl-20260131.gz`."""
    return name == of or name.startswith((f"{of}.", f"{of}-"))
