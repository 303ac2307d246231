"""The doors of the house: what the flows need from outside, in the words of the domain."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from hybrid_coordinator.domain.caching import CacheEntry, CacheKey, Neighbour
from hybrid_coordinator.domain.indexing import FoundFile, Place, Skipped
from hybrid_coordinator.domain.interaction import (
    Correction,
    Interaction,
    Outcome,
    PreferencePair,
    Spending,
    Totals,
    ValueScore,
)
from hybrid_coordinator.domain.knowledge import (
    Collection,
    Draft,
    EmbedderIdentity,
    Passage,
    Payload,
    Probe,
    SearchMode,
    Source,
    Vector,
)
from hybrid_coordinator.domain.learning import Change, Injection, Learned, LoggedChange, Stage, StepState, Uses
from hybrid_coordinator.domain.measures import Day, Served, Stored
from hybrid_coordinator.domain.query import Prompt, Spoken
from hybrid_coordinator.domain.route import ModelCard
from hybrid_coordinator.domain.telemetry import DeadLetter, Event, FilePosition, TelemetrySource
from hybrid_coordinator.logic.auditing import ArmSums
from hybrid_coordinator.logic.retention import TelemetryFile


class Clock(Protocol):
    """Time and names are made by the flow, from here, so that a test can hold both still."""

    def now(self) -> datetime:
        """The time, aware and in UTC. It may go back."""

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean anything."""

    def new_id(self) -> str:
        """A fresh UUID, as text."""


class Model(Protocol):
    """A thing that answers."""

    @property
    def card(self) -> ModelCard: ...

    def stream(self, prompt: Prompt) -> AsyncGenerator[Spoken, None]:
        """Say the answer piece by piece; `Finished` is last and comes once.

        Raises ModelUnavailable, before or between pieces, for anything that is not a whole answer. Closing the
        generator stops the model.
        """

    async def check(self) -> None:
        """Raise ModelUnavailable unless a prompt sent now would be taken. Cheap, and starts nothing."""

    async def aclose(self) -> None:
        """Let go of connections and processes. Idempotent."""


@dataclass(frozen=True, slots=True)
class WireReply:
    """What a vendor's API answered, word for word, its body piece by piece as it comes.

    `hang_up` ends it early; after the last piece, and a second time, it does nothing.
    """

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    pieces: AsyncGenerator[bytes, None]
    hang_up: Callable[[], None]


class Vendor(Protocol):
    """A vendor's API as it is: what is sent arrives unchanged, and what it answers is given back unchanged."""

    @property
    def name(self) -> str: ...

    async def send(self, path: str, headers: Mapping[str, str], body: bytes, *, wait_s: float) -> WireReply:
        """POST to a path under the API's version, such as `/messages?beta=true`.

        The vendor's own key, where one is set, takes the place of the key in `headers`. An answer of any status but a
        redirect is an answer. Raises ModelUnavailable, here or between pieces, when nothing came for `wait_s` or the
        line broke.
        """

    async def aclose(self) -> None:
        """Let go of connections. Idempotent."""


class Embedder(Protocol):
    """Turns texts into unit vectors."""

    @property
    def identity(self) -> EmbedderIdentity: ...

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One unit vector a text, in order. Text past the model's window is cut. Raises ModelUnavailable."""

    async def aclose(self) -> None:
        """Let go of connections. Idempotent."""


class Knowledge(Protocol):
    """The five collections. Everything that returned is on disk and survives a kill."""

    async def put(self, drafts: Sequence[Draft], vectors: Sequence[Vector]) -> None:
        """Store passages, replacing those of the same id but keeping their `access_count` and `success_rate`."""

    async def search(
        self,
        probe: Probe,
        collections: Sequence[Collection],
        *,
        limit: int,
        mode: SearchMode = SearchMode.HYBRID,
    ) -> list[Passage]:
        """At most `limit` passages over all `collections` together, by descending `score`."""

    async def get(self, ids: Sequence[str]) -> list[Passage]:
        """The passages of these ids that exist, in the order asked; similarity and score are 0."""

    async def amend(self, changes: Mapping[str, Payload]) -> None:
        """Merge payload fields into passages by id; ids that are gone are passed over."""

    async def remove(self, ids: Sequence[str]) -> None:
        """Delete passages; ids that are gone are passed over."""

    async def browse(
        self, collection: Collection, *, limit: int, after: str | None = None
    ) -> tuple[list[Passage], str | None]:
        """A page of a collection in stored order, and the id to go on `after` (None at the end)."""

    async def counts(self) -> Mapping[Collection, int]:
        """How many passages each collection holds."""

    async def tidy(self) -> None:
        """Build indexes and reclaim space; may take long, never changes an answer's meaning."""

    async def aclose(self) -> None:
        """Flush and let go. Idempotent."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a read-only SQL statement. `truncated` says that there were more than were asked for."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class PassageRecord:
    """How a passage fared as context: uses with a known outcome, and the credit they earned (0..1 each)."""

    uses: int
    credit: float


@dataclass(frozen=True, slots=True)
class EvidenceRecord:
    """What was known of a question before it was routed, as the flow wrote it down, and what came of it."""

    interaction: Interaction
    features: bytes


class Ledger(Protocol):
    """The record of interactions and outcomes. Everything that returned survives a kill."""

    async def append(self, interaction: Interaction, *, patient: bool = False) -> None:
        """Record one interaction. Appending the same id twice keeps the first.

        A patient caller may be kept waiting some milliseconds for company, which costs the processor less.
        """

    async def get(self, interaction_id: str) -> Interaction:
        """One interaction; an unknown id raises NotFound."""

    async def settle(self, interaction_id: str, outcome: Outcome, value: ValueScore, at: datetime) -> Interaction:
        """Attach an outcome and its value. Settling twice keeps the last; an unknown id raises NotFound."""

    async def credit(self, interaction_id: str, credits: Mapping[str, float]) -> Mapping[str, PassageRecord]:
        """Say how passages fared in one interaction (replacing what it said before); the new records come back."""

    async def correct(self, correction: Correction) -> None:
        """Keep a correction."""

    async def recent(
        self,
        *,
        limit: int,
        session_id: str | None = None,
        since: datetime | None = None,
        min_value: float | None = None,
        outcome: str | None = None,
    ) -> list[Interaction]:
        """Interactions that fit, newest first."""

    async def corrections(self, *, limit: int) -> list[Correction]:
        """Corrections, newest first."""

    async def unfiled(self, *, limit: int) -> list[Interaction]:
        """Interactions not yet copied into `interaction-history`, oldest first."""

    async def mark_filed(self, interactions: Sequence[Interaction]) -> None:
        """Say that these were copied as they are here; one that was settled again since stays unfiled."""

    async def forget_copies(self) -> None:
        """Say that the collections hold nothing from here: no interaction was copied, and no file indexed."""

    async def totals(self, since: datetime | None, *, high_value: float) -> Totals:
        """Sums since then (None: ever). `high_value` is the threshold from which an interaction counts as such."""

    async def daily(self, since: datetime | None, *, high_value: float) -> list[Day]:
        """Every day (UTC) since then (None: ever) on which something was recorded or learned, the earliest first."""

    async def spread(self, edges: Sequence[float], since: datetime | None) -> list[int]:
        """How many values lie below the first of these ascending edges, between each two, and above the last; one on an
        edge lies above it."""

    async def served(self, since: datetime | None) -> list[Served]:
        """How passages fared in settled interactions recorded since then (None: ever), by kind, in no order."""

    async def prefer(self, pair: PreferencePair) -> None:
        """Keep a pair. Keeping the same id twice keeps the first."""

    async def preferences(self, *, limit: int) -> list[PreferencePair]:
        """Pairs, newest first."""

    async def keep_evidence(self, interaction_id: str, features: bytes) -> None:
        """Keep what was known before an interaction was routed, as it is. Keeping it twice keeps the last; an unknown
        id raises NotFound."""

    async def evidence(self, *, limit: int) -> list[EvidenceRecord]:
        """Interactions whose evidence was kept, newest first."""

    async def spent(self, since: datetime) -> Mapping[str, Spending]:
        """What each asker spent since then: the money of everything, the tokens of remote answers."""

    async def audited(self, since: datetime | None) -> Mapping[bool, ArmSums]:
        """Sums since then (None: ever) of what was routed, by whether it was held out. An arm nobody was in may be
        missing.

        Sessions are the clusters; a question without one is its own. What an interaction with a parent cost belongs to
        its parent's question. What has no route, or was handed out for others to answer, is in neither arm.
        """

    async def get_all(self, ids: Sequence[str]) -> list[Interaction]:
        """The interactions of these ids that exist, in the order asked."""

    async def unscored(self, *, limit: int) -> list[Interaction]:
        """Interactions with an outcome and no value, oldest first."""

    async def score(self, values: Mapping[str, ValueScore]) -> None:
        """Attach values in one transaction, and say that these are not learned from yet; unknown ids are skipped."""

    async def kin(self, keys: Sequence[int]) -> Mapping[int, int]:
        """How many interactions hold a question of each key (`question_key`); keys that nobody asked may be missing."""

    async def unlearned(self, *, limit: int) -> list[Interaction]:
        """Interactions with an outcome and a value from which nothing was learned since they got them, oldest first."""

    async def mark_learned(self, interactions: Sequence[Interaction]) -> None:
        """Say that these were learned from as they are here; one that was settled again since stays unlearned."""

    async def withhold(self, interaction_id: str, credits: Mapping[str, float]) -> None:
        """Say how an interaction fared that went without these passages (replacing what it said before)."""

    async def uses(self, passage_ids: Sequence[str]) -> Mapping[str, Uses]:
        """How passages fared with and without; those of which nothing is known come back empty."""

    async def injections(self, *, limit: int) -> list[Injection]:
        """Passages that were put before questions since settled, and whose similarity is known, newest first."""

    async def tagged(self, tag: str, *, since: datetime | None, limit: int) -> list[Interaction]:
        """Interactions that carry a tag, newest first."""

    async def troubled(self, *, limit: int, low_value: float, since: datetime | None = None) -> list[Interaction]:
        """Interactions that failed, were thought bad, are worth less than `low_value`, or replaced a rejected local
        answer, newest first."""

    async def exclude(self, interaction_id: str, why: str, at: datetime) -> None:
        """Keep an interaction out of everything that is learned. Excluding twice keeps the first; an unknown id raises
        NotFound."""

    async def excluded(self) -> Mapping[str, str]:
        """Interactions that are kept out, and why."""

    async def source(self, root: str, path: str) -> Source | None:
        """What was indexed from this file, or None."""

    async def sources(self, root: str) -> list[Source]:
        """Everything indexed under a root."""

    async def roots(self) -> list[str]:
        """Every root that something is indexed under."""

    async def put_source(self, source: Source) -> None:
        """Record a file as indexed, replacing what was recorded before."""

    async def remove_source(self, root: str, path: str) -> None:
        """Forget a file; forgetting twice is fine."""

    async def read(self, statement: str, *, limit: int, timeout_s: float) -> Table:
        """Run one read-only statement over the documented views.

        Raises RefusedStatement for anything else, and for one that outlasts `timeout_s`.
        """

    async def aclose(self) -> None:
        """Flush and let go. Idempotent."""


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


class Cache(Protocol):
    """Questions with their answers. Everything that returned survives a kill.

    What asks under one tenant and scope never meets what was stored under another.
    """

    async def exact(self, key: CacheKey) -> CacheEntry | None:
        """The entry whose question is the same but for blanks, final punctuation and, in prose, case."""

    async def nearest(self, key: CacheKey, vector: Vector, *, limit: int) -> list[Neighbour]:
        """At most `limit` entries of the key's tenant and scope that have a vector, by descending similarity."""

    async def put(self, entry: CacheEntry, vector: Vector | None = None) -> None:
        """Store an entry, in place of the one whose question is the same. Without a vector `nearest` never finds it.

        Raises StorageFull, or another Unavailable, when it cannot be written; what was stored before stays.
        """

    async def amend(self, entries: Sequence[CacheEntry]) -> None:
        """Replace entries by id, all but their vectors; ids that are gone are passed over. Raises as `put` does."""

    async def find(self, entry_id: str) -> CacheEntry | None:
        """The entry of this id, or None."""

    async def count_hit(self, entry_id: str) -> None:
        """Say that an entry answered once more. A kill may lose the last of these counts."""

    async def answering(self, interaction_id: str) -> CacheEntry | None:
        """The entry that keeps the answer of an interaction."""

    async def resting_on(self, passage_ids: Sequence[str]) -> list[CacheEntry]:
        """The entries whose answers used any of these passages."""

    async def browse(self, tenant: str | None = None) -> list[CacheEntry]:
        """All entries, or those of one tenant, the newest first."""

    async def expired(self, now: datetime) -> list[CacheEntry]:
        """The entries whose time is over."""

    async def remove(self, entry_ids: Sequence[str]) -> int:
        """Delete entries; ids that are gone are passed over. How many there were comes back."""

    async def size(self) -> int:
        """How many entries there are."""

    async def aclose(self) -> None:
        """Let go of the file. Idempotent."""


class Keepsake(Protocol):
    """A few bytes that a flow wants to find again after a restart, and can do without."""

    async def load(self) -> bytes:
        """What was saved last; nothing, if nothing ever was. Raises Unavailable."""

    async def save(self, content: bytes) -> None:
        """Put it in place of what was saved before, all or nothing. Raises Unavailable."""


class Annals(Protocol):
    """The ledger page by page, for those who read much of it. A place is where a record stands in its order."""

    async def successes(
        self, *, min_value: float, before: int | None = None, limit: int
    ) -> list[tuple[int, Interaction]]:
        """Whole answers that were successes of at least that value, newest first, from before a place (None: from the
        end); each with its place."""

    async def corrected(self, *, before: int | None = None, limit: int) -> list[tuple[int, Correction]]:
        """Corrections, newest first, from before a place; each with its place."""

    async def preferred(self, *, before: int | None = None, limit: int) -> list[tuple[int, PreferencePair]]:
        """Pairs, newest first, from before a place; each with its place."""

    async def settled(self, *, since: datetime, after: str = "", limit: int) -> list[Interaction]:
        """Interactions with an outcome in the order in which it was attached (equal times by id), those attached at
        `since` only when their id comes behind `after`."""

    async def asked(self, key: int, *, limit: int) -> list[Interaction]:
        """Interactions that hold a question of this key (`question_key`), newest first."""


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


class Files(Protocol):
    """The files of this machine, as far as they may be read."""

    async def locate(self, path: str, known_roots: Sequence[str]) -> Place:
        """The root a path belongs to: the top of its git repository, else a known root around it, else itself.

        A path that is gone, and lies in a known root, comes back as missing; otherwise it raises NotFound.
        """

    def walk(self, place: Place) -> AsyncGenerator[FoundFile | Skipped, None]:
        """Every file at or below a place that no ignore rule excludes; one inside a nested git repository has that
        repository as its root. Links are not followed. A folder that cannot be listed comes as Skipped.
        """

    async def read(self, file: FoundFile) -> bytes | Skipped:
        """The whole content, or why not. Never blocks on what is no plain file."""

    def lines(self, path: str) -> AsyncGenerator[Sequence[bytes], None]:
        """A file's lines without their ends, some at a time. Raises NotFound or BadInput when it cannot be read."""
