"""What becomes of files and folders that are read into the collections."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hybrid_coordinator.domain.knowledge import Collection


class SkipReason(StrEnum):
    """Why a file or folder was not read, in the words a summary shows."""

    IGNORED = "ignored"
    SYMLINK = "symbolic link"
    SPECIAL = "special file"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too large"
    EMPTY = "empty"
    BINARY = "binary"
    NOT_UTF8 = "not UTF-8"
    GENERATED = "generated"
    MINIFIED = "minified"
    LOCK_FILE = "lock file"
    DATA = "data"
    KEY_FILE = "key file"


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a root that is to be indexed: all of it, or what lies at or below `under` (relative, with slashes)."""

    root: str
    under: str = ""
    missing: bool = False


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A plain file that may be read. `path` is relative to its root, with slashes."""

    root: str
    path: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file, or a folder whose path ends with a slash, that was not read."""

    root: str
    path: str
    reason: SkipReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Walked:
    """First: how many files there are to read."""

    files: int


@dataclass(frozen=True, slots=True)
class Indexed:
    """The file's passages are stored."""

    root: str
    path: str
    passages: int


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The file holds what it held last time."""

    root: str
    path: str


@dataclass(frozen=True, slots=True)
class Removed:
    """The file is gone, and so are its passages."""

    root: str
    path: str


@dataclass(frozen=True, slots=True)
class SkipTally:
    """How many were skipped for one reason, and the first of them."""

    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IndexSummary:
    """Last: the whole run in figures. `passages` counts those of the files indexed now; `redacted` is by kind."""

    roots: tuple[str, ...]
    seen: int
    indexed: int
    unchanged: int
    removed: int
    skipped: Mapping[SkipReason, SkipTally] = field(default_factory=dict)
    passages: Mapping[Collection, int] = field(default_factory=dict)
    redacted: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0


IndexEvent = Walked | Indexed | Unchanged | Skipped | Removed | IndexSummary


@dataclass(frozen=True, slots=True)
class Malformed:
    """A row of a file of questions and answers that cannot be used, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Imported:
    """That many rows were read so far, good and bad."""

    rows: int


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """Last: what came of the rows. A row asked before is `replaced` when its answer is new, else `unchanged`."""

    path: str
    rows: int
    added: int
    replaced: int
    unchanged: int
    malformed: tuple[Malformed, ...] = ()
    malformed_count: int = 0
    passages: Mapping[Collection, int] = field(default_factory=dict)
    redacted: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0


ImportEvent = Malformed | Imported | ImportSummary
