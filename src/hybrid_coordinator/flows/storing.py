"""Passages from words to vectors to the store."""

from collections.abc import Sequence

from hybrid_coordinator.domain.knowledge import Draft, Vector
from hybrid_coordinator.ports import Embedder, Knowledge


async def put_drafts(drafts: Sequence[Draft], embedder: Embedder, knowledge: Knowledge, *, batch: int) -> None:
    """Embed all keys, at most `batch` at once, then store; keys of like length go together, which wastes no padding."""
    by_length = sorted(range(len(drafts)), key=lambda index: len(drafts[index].key))
    vectors: dict[int, Vector] = {}
    for start in range(0, len(by_length), batch):
        indexes = by_length[start : start + batch]
        embedded = await embedder.embed([drafts[index].key for index in indexes])
        vectors.update(zip(indexes, embedded, strict=True))
    if drafts:
        await knowledge.put(drafts, [vectors[index] for index in range(len(drafts))])
