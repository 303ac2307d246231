"""The knowledge store on embedded Qdrant: one folder for each collection, and a manifest that names them.

A search never waits: it reads the shards that stand at that moment. Writes take turns. What takes long, building a
graph, happens in a copy and in another process, and the finished copy takes the place of the original.
"""

import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import anyio
from anyio import to_thread
from qdrant_edge import Point

from hybrid_coordinator.backends.knowledge.engine_errors import demand_space, engine_errors
from hybrid_coordinator.backends.knowledge.finding import found_passages, places
from hybrid_coordinator.backends.knowledge.folders import open_shards, sweep, vacant_folder
from hybrid_coordinator.backends.knowledge.manifest import Manifest, demand_embedder, read_manifest, write_manifest
from hybrid_coordinator.backends.knowledge.payloads import (
    amended_payload,
    last_of_each,
    passage,
    point_id,
    stored_payload,
)
from hybrid_coordinator.backends.knowledge.shard import Shard, point_vectors
from hybrid_coordinator.backends.knowledge.tidying import copy_folder, optimize_apart, worth_tidying
from hybrid_coordinator.backends.knowledge.words import query_words
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
from hybrid_coordinator.logic.fusion import SEARCH_DEPTH, fuse

_TEXT_COPIES = 8
"""Log, payload and words hold a text's bytes about this often, before the log is cut."""


class EdgeKnowledge:
    """The five collections in a folder that no other process has open. Made by `open`."""

    def __init__(self, folder: Path, manifest: Manifest, shards: Mapping[Collection, Shard]) -> None:
        self._folder = folder
        self._manifest = manifest
        self._shards = dict(shards)
        self._writing = anyio.Lock()
        self._tidying = anyio.Lock()

    @classmethod
    async def open(cls, folder: Path, embedder: EmbedderIdentity) -> Self:
        """Open the store in a folder, making it on first run.

        Raises EmbedderChanged, DataFolderBusy, Damaged, SettingError for a folder that cannot be written and
        StorageFull for a disk with no room.
        """
        return await to_thread.run_sync(cls._open, folder, embedder)

    @classmethod
    def _open(cls, folder: Path, embedder: EmbedderIdentity) -> Self:
        with engine_errors(folder), ExitStack() as opened:
            folder.mkdir(parents=True, exist_ok=True)
            manifest = read_manifest(folder)
            if manifest is None:
                manifest = Manifest(embedder, {}, {})
                write_manifest(folder, manifest)
            demand_embedder(str(folder), manifest.embedder, embedder)
            shards = open_shards(folder, manifest, opened)
            sweep(folder, manifest)
            missing = [collection for collection in Collection if collection not in shards]
            for collection in missing:
                shards[collection] = Shard.create(vacant_folder(folder, collection), embedder.dimension)
                opened.callback(shards[collection].close)
                manifest = manifest.renewed(collection, shards[collection].folder.name, tidied=0)
            if missing:
                write_manifest(folder, manifest)
            opened.pop_all()
            return cls(folder, manifest, shards)

    async def put(self, drafts: Sequence[Draft], vectors: Sequence[Vector]) -> None:
        entries = last_of_each(zip(drafts, vectors, strict=True))
        async with self._writing:
            await to_thread.run_sync(self._put, entries)

    async def search(
        self,
        probe: Probe,
        collections: Sequence[Collection],
        *,
        limit: int,
        mode: SearchMode = SearchMode.HYBRID,
    ) -> list[Passage]:
        return await to_thread.run_sync(self._search, probe, collections, limit, mode)

    async def get(self, ids: Sequence[str]) -> list[Passage]:
        return await to_thread.run_sync(self._get, ids)

    async def vectors(self, ids: Sequence[str]) -> Mapping[str, Vector]:
        return await to_thread.run_sync(self._vectors, ids)

    async def amend(self, changes: Mapping[str, Payload]) -> None:
        async with self._writing:
            await to_thread.run_sync(self._amend, changes)

    async def remove(self, ids: Sequence[str]) -> None:
        async with self._writing:
            await to_thread.run_sync(self._remove, ids)

    async def browse(
        self, collection: Collection, *, limit: int, after: str | None = None
    ) -> tuple[list[Passage], str | None]:
        return await to_thread.run_sync(self._browse, collection, limit, after)

    async def counts(self) -> Mapping[Collection, int]:
        return await to_thread.run_sync(self._counts)

    async def tidy(self) -> None:
        """Rebuild the collections that changed much. Searches and writes go on meanwhile."""
        async with self._tidying:
            for collection, shard in list(self._shards.items()):
                if worth_tidying(shard):
                    await self._renew(collection, shard)

    async def aclose(self) -> None:
        async with self._tidying, self._writing:
            for shard in self._shards.values():
                await to_thread.run_sync(shard.close)

    def _put(self, entries: Sequence[tuple[Draft, Vector]]) -> None:
        demand_space(self._folder, _TEXT_COPIES * sum(len(draft.text) + len(draft.key) for draft, _ in entries))
        homes = {point_id(draft.id): draft.collection for draft, _ in entries}
        known = {collection: shard.usages(homes) for collection, shard in self._shards.items()}
        used = {point: usage for usages in known.values() for point, usage in usages.items()}
        points: dict[Collection, list[Point]] = defaultdict(list)
        for draft, vector in entries:
            points[draft.collection].append(_point(draft, vector, used.get(point_id(draft.id), {})))
        for collection, batch in points.items():
            self._shards[collection].store(batch)
        for collection, usages in known.items():
            self._shards[collection].delete([point for point in usages if homes[point] is not collection])

    def _search(self, probe: Probe, collections: Iterable[Collection], limit: int, mode: SearchMode) -> list[Passage]:
        shards = {collection: self._shards[collection] for collection in collections}
        words = query_words(probe.text)
        depth = max(limit, SEARCH_DEPTH)
        evidence = {name: shard.evidence(probe.vector, words, depth) for name, shard in shards.items()}
        best = fuse(evidence, mode, limit)
        payloads = {collection: shards[collection].payloads(points) for collection, points in places(best).items()}
        return list(found_passages(best, payloads))

    def _get(self, ids: Sequence[str]) -> list[Passage]:
        points = {passage_id: point_id(passage_id) for passage_id in ids}
        found = {
            point: passage(collection, payload)
            for collection, shard in self._shards.items()
            for point, payload in shard.payloads(points.values()).items()
        }
        return [found[point] for point in points.values() if point in found]

    def _vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        points = {passage_id: point_id(passage_id) for passage_id in ids}
        found = {
            point: vector for shard in self._shards.values() for point, vector in shard.vectors(points.values()).items()
        }
        return {passage_id: found[point] for passage_id, point in points.items() if point in found}

    def _amend(self, changes: Mapping[str, Payload]) -> None:
        merges = {point_id(passage_id): amended_payload(change) for passage_id, change in changes.items()}
        for shard in self._shards.values():
            shard.merge({point: merges[point] for point in shard.usages(merges)})

    def _remove(self, ids: Sequence[str]) -> None:
        points = [point_id(passage_id) for passage_id in ids]
        for shard in self._shards.values():
            shard.delete(list(shard.usages(points)))

    def _browse(self, collection: Collection, limit: int, after: str | None) -> tuple[list[Passage], str | None]:
        start = 0 if after is None else point_id(after) + 1
        payloads = self._shards[collection].page(start, limit + 1)
        passages = [passage(collection, payload) for payload in payloads.values()]
        page = passages[:limit]
        return page, page[-1].id if page and len(passages) > limit else None

    def _counts(self) -> Mapping[Collection, int]:
        return {collection: shard.count() for collection, shard in self._shards.items()}

    async def _renew(self, collection: Collection, older: Shard) -> None:
        target = vacant_folder(self._folder, collection)
        try:
            async with self._writing:
                await to_thread.run_sync(copy_folder, older.folder, target)
                older.start_noting()
            await optimize_apart(target)
            async with self._writing:
                await to_thread.run_sync(self._replace, collection, older, target)
        finally:
            older.stop_noting()
            if self._manifest.folders[collection] != target.name:
                shutil.rmtree(target, ignore_errors=True)

    def _replace(self, collection: Collection, older: Shard, target: Path) -> None:
        tidied = older.count()
        newer = Shard.open(target, tidied)
        newer.catch_up(older, older.stop_noting())
        manifest = self._manifest.renewed(collection, target.name, tidied)
        with engine_errors(self._folder):
            write_manifest(self._folder, manifest)
        self._manifest = manifest
        self._shards[collection] = newer  # a search that still reads the older one keeps it alive until it is done
        shutil.rmtree(older.folder, ignore_errors=True)


def _point(draft: Draft, vector: Vector, used: Payload) -> Point:
    vectors = point_vectors(vector, draft.key, draft.text)
    return Point(point_id(draft.id), vectors, stored_payload(draft, used))
