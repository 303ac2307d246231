"""The cache of one process: everything in memory, and in a SQLite file for the next start.

An exact look-up is two dictionary look-ups. A write goes to the file first, so that memory never holds what a kill
would lose.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import anyio
import anyio.to_thread

from hybrid_coordinator.backends.cache.file import CacheFile
from hybrid_coordinator.backends.cache.rows import from_row, to_row
from hybrid_coordinator.backends.cache.shelf import Shelf
from hybrid_coordinator.domain.caching import CacheEntry, CacheKey, Neighbour
from hybrid_coordinator.domain.knowledge import EmbedderIdentity, Vector
from hybrid_coordinator.errors import BadInput, Unavailable
from hybrid_coordinator.logic.cache_exact import address

logger = logging.getLogger(__name__)


class SqliteCache:
    """Bounded by whoever fills it. One process at a time."""

    def __init__(self, file: CacheFile, dimension: int) -> None:
        """Ready once `fill` was called; `open` does both."""
        self._file = file
        self._dimension = dimension
        self._entries: dict[str, CacheEntry] = {}
        self._addresses: dict[tuple[str, str, str], str] = {}
        self._interactions: dict[str, str] = {}
        self._passages: defaultdict[str, set[str]] = defaultdict(set)
        self._shelves: dict[tuple[str, str], Shelf] = {}
        self._closed = False
        self._uncounted: set[str] = set()
        self._shelving = threading.Lock()
        self._writing = anyio.Lock()

    @classmethod
    async def open(cls, path: Path, embedder: EmbedderIdentity) -> "SqliteCache":
        """Begin or reopen a cache. A file that cannot be read is kept beside and an empty one begun."""
        file = await anyio.to_thread.run_sync(CacheFile.open, path, embedder)
        cache = cls(file, embedder.dimension)
        await anyio.to_thread.run_sync(cache.fill)
        return cache

    def fill(self) -> None:
        """Read the file into memory; a row that cannot be read is deleted. Blocking."""
        unreadable: list[str] = []
        for row in self._file.rows():
            try:
                entry, vector = from_row(row)
            except (KeyError, TypeError, ValueError):
                unreadable.append(row[0])
                continue
            self._remember(entry)
            self._shelve(entry, vector)
        if unreadable:
            logger.warning("some entries of the cache cannot be read and are deleted", extra={"ids": unreadable})
            self._file.remove(unreadable)

    async def exact(self, key: CacheKey) -> CacheEntry | None:
        entry_id = self._addresses.get(address(key))
        return None if entry_id is None else self._entries[entry_id]

    async def nearest(self, key: CacheKey, vector: Vector, *, limit: int) -> list[Neighbour]:
        found = await anyio.to_thread.run_sync(self._search, (key.tenant, key.scope), vector, limit)
        return [Neighbour(self._entries[id], similarity) for id, similarity in found if id in self._entries]

    async def put(self, entry: CacheEntry, vector: Vector | None = None) -> None:
        try:
            row = to_row(entry, vector)
        except (TypeError, ValueError) as error:
            raise BadInput(f"the answer to {entry.key.text!r} cannot be kept as JSON ({error})") from error
        async with self._writing:
            before = self._addresses.get(address(entry.key))
            replaced = before if before != entry.id else None
            await _finish(lambda: self._file.put(row, replaced))
            self._forget([id for id in (replaced, entry.id) if id is not None])
            self._remember(entry)
            self._shelve(entry, vector)

    async def amend(self, entries: Sequence[CacheEntry]) -> None:
        async with self._writing:
            known = [entry for entry in entries if entry.id in self._entries]
            if known:
                await _finish(lambda: self._file.amend([to_row(entry, None) for entry in known]))
                self._entries.update((entry.id, entry) for entry in known)

    async def find(self, entry_id: str) -> CacheEntry | None:
        return self._entries.get(entry_id)

    async def count_hit(self, entry_id: str) -> None:
        entry = self._entries.get(entry_id)
        if entry is not None:
            self._entries[entry_id] = replace(entry, hits=entry.hits + 1)
            self._uncounted.add(entry_id)

    async def answering(self, interaction_id: str) -> CacheEntry | None:
        return self._entries.get(self._interactions.get(interaction_id, ""))

    async def resting_on(self, passage_ids: Sequence[str]) -> list[CacheEntry]:
        ids = sorted({id for passage in passage_ids for id in self._passages.get(passage, ())})
        return [self._entries[id] for id in ids]

    async def browse(self, tenant: str | None = None) -> list[CacheEntry]:
        chosen = [entry for entry in self._entries.values() if tenant is None or entry.key.tenant == tenant]
        return sorted(chosen, key=lambda entry: (entry.created_at, entry.id), reverse=True)

    async def expired(self, now: datetime) -> list[CacheEntry]:
        return [entry for entry in self._entries.values() if entry.expires_at <= now]

    async def remove(self, entry_ids: Sequence[str]) -> int:
        async with self._writing:
            known = [id for id in dict.fromkeys(entry_ids) if id in self._entries]
            if known:
                await _finish(lambda: self._file.remove(known))
                self._forget(known)
        return len(known)

    async def size(self) -> int:
        return len(self._entries)

    async def aclose(self) -> None:
        async with self._writing:
            if self._closed:
                return
            self._closed = True
            await _finish(self._close)

    def _close(self) -> None:
        counted = [self._entries[id] for id in self._uncounted if id in self._entries]
        try:
            self._file.amend([to_row(entry, None) for entry in counted])
        except Unavailable:
            logger.warning("the last hits of the cache were not counted", exc_info=True)
        self._uncounted.clear()
        self._file.close()

    def _search(self, place: tuple[str, str], vector: Vector, limit: int) -> list[tuple[str, float]]:
        with self._shelving:
            shelf = self._shelves.get(place)
            return shelf.nearest(vector, limit) if shelf else []

    def _remember(self, entry: CacheEntry) -> None:
        self._entries[entry.id] = entry
        self._addresses[address(entry.key)] = entry.id
        if entry.interaction_id is not None:
            self._interactions[entry.interaction_id] = entry.id
        for passage in entry.passage_ids:
            self._passages[passage].add(entry.id)

    def _shelve(self, entry: CacheEntry, vector: Vector | None) -> None:
        if vector is not None:
            with self._shelving:
                shelf = self._shelves.setdefault((entry.key.tenant, entry.key.scope), Shelf(self._dimension))
                shelf.put(entry.id, vector)

    def _forget(self, ids: Iterable[str]) -> None:
        for entry in [self._entries.pop(id) for id in ids if id in self._entries]:
            self._addresses.pop(address(entry.key), None)
            self._interactions.pop(entry.interaction_id or "", None)
            for passage in entry.passage_ids:
                self._passages[passage].discard(entry.id)
                if not self._passages[passage]:
                    del self._passages[passage]
            self._unshelve(entry)

    def _unshelve(self, entry: CacheEntry) -> None:
        place = entry.key.tenant, entry.key.scope
        with self._shelving:
            shelf = self._shelves.get(place)
            if shelf is not None:
                shelf.remove(entry.id)
                if not len(shelf):
                    del self._shelves[place]


async def _finish(work: Callable[[], None]) -> None:
    """Do it in a thread, and to the end even when nobody waits any more, so that memory and file agree."""
    with anyio.CancelScope(shield=True):
        await anyio.to_thread.run_sync(work)
