"""The doors to who answers, and to what is known: models, vendors, embedders, collections, files, the cache."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hybrid_coordinator.domain.caching import CacheEntry, CacheKey, Neighbour
from hybrid_coordinator.domain.indexing import FoundFile, Place, Skipped
from hybrid_coordinator.domain.knowledge import (
    Collection,
    Draft,
    EmbedderIdentity,
    Passage,
    Payload,
    Probe,
    SearchMode,
    Vector,
)
from hybrid_coordinator.domain.query import Prompt, Spoken
from hybrid_coordinator.domain.route import ModelCard


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

    async def vectors(self, ids: Sequence[str]) -> Mapping[str, Vector]:
        """The unit vectors of those passages that exist, by id, as their keys were embedded."""

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
