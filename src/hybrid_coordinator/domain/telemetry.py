"""What other programs, and this one, wrote down of what happened: lines of the users' four JSONL files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from hybrid_coordinator.domain.interaction import Interaction


class TelemetrySource(StrEnum):
    """The four sources of the users' documents, named after their files."""

    RALPH = "ralph-events"
    AIDB = "aidb-events"
    HYBRID = "hybrid-events"
    VSCODE = "vscode-events"


@dataclass(frozen=True, slots=True)
class Event:
    """One line. `id` is the same for the same line, wherever and however often it is read.

    `kind` is the value of its `event` or `event_type`; `fields` are its fields as they came. `interaction` is what it
    says happened, when it holds a question: that is recorded along with it. `own` marks an event of this coordinator.
    """

    id: str
    source: TelemetrySource
    kind: str
    at: datetime
    fields: Mapping[str, Any] = field(default_factory=dict)
    interaction: Interaction | None = None
    own: bool = False


@dataclass(frozen=True, slots=True)
class FilePosition:
    """How far a file was read. A file is known by device and inode, and by `head`, a hash of its first bytes (the
    first `head_length` of them), since inodes are used again. `offset` is in bytes of the uncompressed content."""

    path: str
    device: int
    inode: int
    head: str
    head_length: int
    offset: int
    line: int = 0


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A line that is no event: where it stands, why, and its beginning."""

    path: str
    offset: int
    line: int
    reason: str
    beginning: bytes
