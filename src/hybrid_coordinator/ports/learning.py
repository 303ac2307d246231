"""The doors of learning: what was learned, whose turn it is, telemetry, training data."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from hybrid_coordinator.domain.knowledge import (
    Payload,
)
from hybrid_coordinator.domain.learning import Change, Learned, LoggedChange, Stage, StepState
from hybrid_coordinator.domain.measures import Stored
from hybrid_coordinator.domain.telemetry import DeadLetter, Event, FilePosition, TelemetrySource
from hybrid_coordinator.logic.retention import TelemetryFile


class Catalog(Protocol):
    """What was learned, and the log of every change of it. Everything that returned survives a kill."""

    async def apply(self, changes: Sequence[Change], at: datetime) -> list[LoggedChange]:
        """Make changes and write them to the end of the log, all or none.

        Raises Conflict when an item is not what its change says it was before: somebody else has changed it.
        """

    async def get(self, ids: Sequence[str]) -> list[Learned]:
        """The items of these ids that exist, in the order asked."""

    async def browse(
        self, stages: Sequence[Stage] | None = None, *, limit: int, after: str | None = None
    ) -> list[Learned]:
        """Items at these stages (None: at any), by id, from the one `after` this id."""

    async def learned_from(self, source_ids: Sequence[str]) -> list[Learned]:
        """Items that were made of any of these interactions or corrections."""

    async def signed(self, signature: str) -> list[Learned]:
        """Items of this signature, oldest first."""

    async def unpublished(self, *, limit: int) -> list[Learned]:
        """Items that changed since they were last published, oldest change first."""

    async def mark_published(self, items: Sequence[Learned]) -> None:
        """Say that the collections show these as they are here; one that has changed since stays unpublished."""

    async def forget_published(self) -> None:
        """Say that the collections show nothing from here."""

    async def counts(self) -> Mapping[Stage, int]:
        """How many items are at each stage."""

    async def stored(self, dimension: int) -> list[Stored]:
        """How many items there are and what they take, by kind, in no order; `dimension` is that of their vectors."""

    async def log(self, *, after: int = 0, item_id: str | None = None, limit: int) -> list[LoggedChange]:
        """Changes behind a place of the log, oldest first; with `item_id` those of one item."""

    async def check_log(self) -> int | None:
        """The place of the first entry whose hash is wrong, or None for a whole log."""


class Agenda(Protocol):
    """Whose turn it is to learn, and where each step stands. Everything that returned survives a kill."""

    async def claim(self, name: str, holder: str, now: datetime, seconds: float) -> bool:
        """Take or renew a lease; False while another holder has it.

        A lease that ends later than one taken now would is one from a clock that has gone back: it is free.
        """

    async def release(self, name: str, holder: str) -> None:
        """Give a lease back; one that somebody else holds is left alone."""

    async def holder(self, name: str, now: datetime) -> str | None:
        """Who holds a lease."""

    async def note(self, state: StepState) -> None:
        """Keep how a step stands, in place of what was kept before."""

    async def states(self) -> Mapping[str, StepState]:
        """How every step stands, by its name."""


class EventLog(Protocol):
    """Events, each exactly once, and how far the files were read. Everything that returned survives a kill."""

    async def positions(self) -> list[FilePosition]:
        """How far every file was read."""

    async def take_in(self, events: Sequence[Event], positions: Sequence[FilePosition]) -> int:
        """Keep events, the interactions they hold, and the positions, all or none; how many events were new.

        An event that is known is passed over, and so is its interaction. A position replaces that of its device and
        inode.
        """

    async def forget(self, positions: Sequence[FilePosition]) -> None:
        """Forget files that are gone."""

    async def unwritten(self, *, limit: int) -> list[tuple[int, Event]]:
        """Own events that are not yet written to their file, oldest first, each with its place."""

    async def mark_written(self, place: int, file: str, size: int) -> None:
        """Say that all own events up to a place are in a file, which has this many bytes now."""

    async def written(self) -> tuple[str, int]:
        """The file that own events were written to last, and its size then; ("", 0) at first."""

    async def tally(self, since: datetime | None) -> Mapping[tuple[str, str], int]:
        """How many events there are since then (None: ever), by source and kind."""


@dataclass(frozen=True, slots=True)
class TelemetryLine:
    """A line of a telemetry file, without its end, and where it stands: its first byte (unpacked) and its number.

    `mark` is the same for a file and its copies: a hash of its first line. A line that is longer than an event may be
    comes cut, and still too long.
    """

    path: str
    source: TelemetrySource
    offset: int
    number: int
    content: bytes
    mark: str
    file_time: datetime


@dataclass(frozen=True, slots=True)
class TelemetryBatch:
    """Lines, and how far their files are read with them. `gone` is of files that are there no more.

    `more` says that there is more to read now; `troubles` says of paths why they cannot be read.
    """

    lines: Sequence[TelemetryLine]
    positions: Sequence[FilePosition]
    gone: Sequence[FilePosition] = ()
    more: bool = False
    troubles: Mapping[str, str] = field(default_factory=dict)


class TelemetryFiles(Protocol):
    """The telemetry files of other programs, which may be written, rotated, packed and removed at any time."""

    async def read_on(self, positions: Sequence[FilePosition], now: datetime, *, most: int) -> TelemetryBatch:
        """At most so many lines behind these positions, from every file that has some its share.

        A line without an end is left for later while its file is young. Memory stays flat, however long files and lines
        are. What cannot be read is passed over and named.
        """

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Keep lines that are no events, on disk when this returns. The same letter twice is kept once.

        Raises StorageFull, or another Unavailable.
        """


class OwnTelemetry(Protocol):
    """The file of the coordinator's own events."""

    async def write(self, lines: Sequence[bytes], now: datetime, *, file: str, size: int) -> tuple[str, int]:
        """Put whole lines behind what is known to be written, flush them to disk, and say where they are: the file and
        its size, for the next time.

        `file` and `size` are what the last finished write said; what a broken off one left is replaced. Events of an
        earlier month are put aside first. Raises StorageFull, or another Unavailable, and adds nothing then.
        """


class TelemetryShelf(Protocol):
    """The telemetry files as things that take up room."""

    async def files(self) -> list[TelemetryFile]:
        """All there are, others' and our own."""

    async def pack(self, file: TelemetryFile) -> FilePosition | None:
        """Write a gzip beside a file, and say how far that is read when the file is read; None if it has changed."""

    async def swap(self, file: TelemetryFile) -> bool:
        """Put the packed copy in the file's place; False, and everything as it was, if the file has changed."""

    async def remove(self, file: TelemetryFile) -> bool:
        """Delete a file; False if it has changed."""


class DatasetDraft(Protocol):
    """A dataset in the making. Nobody sees any of it before it is published."""

    async def set_aside(self, rows: Sequence[Payload]) -> None:
        """Keep rows for later, in order; the first of all is number 0."""

    async def recall(self, numbers: Sequence[int]) -> list[Payload]:
        """Rows that were set aside, in the order asked."""

    async def write(self, part: str, rows: Sequence[Payload]) -> None:
        """Add rows to a part, one JSON object a line. The part "" is the dataset itself."""

    async def publish(self, card: Payload, page: str) -> Path:
        """Put what was written in place of the dataset that is there, with its card and the card as a page for people,
        and say where it lies.

        The card gets `files`, with the size and SHA-256 of each. All or nothing: a full disk raises StorageFull and
        leaves the old dataset whole, and a switch that a kill broke off is ended by whoever opens the dataset next. A
        dataset that differs from the old one in nothing but its card's `made_at` is not written again.
        """


class Datasets(Protocol):
    """Where training data is written to."""

    def draft(self) -> AbstractAsyncContextManager[DatasetDraft]:
        """Begin a dataset, one at a time; what is not published by the end is thrown away."""

    async def card(self) -> Payload | None:
        """The card of the dataset that is there, or None. Raises Damaged when it cannot be read."""

    async def rows(self, part: str) -> list[Payload]:
        """Every row of a part, in its order; the part "" is the dataset itself. Raises NotFound when there is no such
        part, Damaged when it is not what its card says, and Conflict while somebody writes a dataset."""
