"""The built-in embedder: all-MiniLM-L6-v2 with int8 weights, without a server."""

from collections.abc import Sequence
from pathlib import Path

import anyio
import anyio.to_thread

from hybrid_coordinator.backends.embedders.minilm_encoder import Encoder, load_encoder
from hybrid_coordinator.domain.knowledge import EmbedderIdentity, Vector

IDENTITY = EmbedderIdentity("all-MiniLM-L6-v2-int8", 384)
BATCH = 8
"""Small batches are padded less: on two cores 8 take less time a text than 32."""


class MiniLmEmbedder:
    """Loads its weights at the first text. A text's vector is the same whatever is embedded beside it."""

    def __init__(self, *, threads: int = 1, workers: int = 2, model_path: Path | None = None) -> None:
        """`threads` work on one batch, `workers` batches are under way at a time; no path: the installed weights."""
        self._threads = threads
        self._batches = anyio.CapacityLimiter(workers)
        self._model_path = model_path
        self._lock = anyio.Lock()
        self._encoder: Encoder | None = None

    @property
    def identity(self) -> EmbedderIdentity:
        return IDENTITY

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One unit vector a text, in order. Raises Damaged when the weights are not what they should be."""
        if not texts:
            return []
        encoder = await self._load()
        if len(texts) == 1:
            # a question does not queue behind the batches of an index run
            return [await anyio.to_thread.run_sync(encoder.encode_one, texts[0])]
        return await self._embed_many(encoder, texts)

    async def aclose(self) -> None:
        """Let go of the weights. Idempotent."""
        self._encoder = None

    async def _embed_many(self, encoder: Encoder, texts: Sequence[str]) -> list[Vector]:
        """Texts of like length go together, for a batch is padded to its longest."""
        vectors: list[Vector] = [()] * len(texts)
        by_length = sorted(range(len(texts)), key=lambda index: len(texts[index]))

        async def embed_batch(indexes: Sequence[int]) -> None:
            batch = [texts[index] for index in indexes]
            encoded = await anyio.to_thread.run_sync(encoder.encode, batch, limiter=self._batches)
            for index, vector in zip(indexes, encoded, strict=True):
                vectors[index] = vector

        async with anyio.create_task_group() as group:
            for start in range(0, len(texts), BATCH):
                group.start_soon(embed_batch, by_length[start : start + BATCH])
        return vectors

    async def _load(self) -> Encoder:
        async with self._lock:
            if self._encoder is None:
                self._encoder = await anyio.to_thread.run_sync(load_encoder, self._model_path, self._threads)
            return self._encoder
