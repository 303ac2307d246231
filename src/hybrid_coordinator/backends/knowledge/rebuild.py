"""Embedding a whole store anew, for another embedder.

The new collections grow beside the old ones, which stay as they are until the manifest names the new: a kill at any
moment leaves the old store whole, and the next start sweeps away what was not finished.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import ExitStack, aclosing
from pathlib import Path

from anyio import to_thread
from qdrant_edge import Point

from hybrid_coordinator.backends.knowledge.folders import open_shards, sweep, vacant_folder
from hybrid_coordinator.backends.knowledge.manifest import Manifest, read_manifest, write_manifest
from hybrid_coordinator.backends.knowledge.payloads import KEY, TEXT
from hybrid_coordinator.backends.knowledge.shard import Shard, point_vectors
from hybrid_coordinator.domain.knowledge import Collection, EmbedderIdentity, Vector
from hybrid_coordinator.errors import NotFound

PAGE = 128

Embed = Callable[[Sequence[str]], Awaitable[list[Vector]]]
Progress = Callable[[int, int], None]
"""Hears how many passages are done, and of how many."""


async def rebuild(folder: Path, embedder: EmbedderIdentity, embed: Embed, progress: Progress) -> int:
    """Embed every passage of the store anew and make it the embedder's; gives the number of passages.

    The store must not be open. Raises NotFound where there is none, and whatever `embed` raises: then the store is as
    it was before.
    """
    older = read_manifest(folder)
    if older is None:
        raise NotFound(f"there is no knowledge store in {str(folder)!r}. Run `hybrid-coordinator index` to make one")
    with ExitStack() as opened:
        shards = await to_thread.run_sync(open_shards, folder, older, opened)
        total = sum(shard.count() for shard in shards.values())
        newer, done = Manifest(embedder, {}, {}), 0
        for collection, shard in shards.items():
            fresh = await to_thread.run_sync(_fresh_shard, folder, collection, embedder, opened)
            async with aclosing(_copy(shard, fresh, embed)) as copied:
                async for number in copied:
                    done += number
                    progress(done, total)
            newer = newer.renewed(collection, fresh.folder.name, tidied=0)
        write_manifest(folder, newer)
    sweep(folder, newer)
    return done


def _fresh_shard(folder: Path, collection: Collection, embedder: EmbedderIdentity, opened: ExitStack) -> Shard:
    shard = Shard.create(vacant_folder(folder, collection), embedder.dimension)
    opened.callback(shard.close)
    return shard


async def _copy(older: Shard, newer: Shard, embed: Embed) -> AsyncGenerator[int]:
    """Copy a collection with new vectors, and say after each page how many passages it had."""
    start = 0
    while page := await to_thread.run_sync(older.page, start, PAGE):
        vectors = await embed([payload[KEY] for payload in page.values()])
        points = [
            Point(point, point_vectors(vector, payload[KEY], payload[TEXT]), payload)
            for (point, payload), vector in zip(page.items(), vectors, strict=True)
        ]
        await to_thread.run_sync(newer.store, points)
        yield len(page)
        start = max(page) + 1
