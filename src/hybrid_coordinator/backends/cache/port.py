"""The door to the cache, in the words of the domain."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from hybrid_coordinator.domain.caching import CacheEntry, CacheKey, Neighbour
from hybrid_coordinator.domain.knowledge import Vector


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
