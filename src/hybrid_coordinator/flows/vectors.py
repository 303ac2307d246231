"""Many texts at once as rows of one matrix, in the background: those who wait for an answer go between the batches."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.ports import Embedder

BATCH = 32


async def embed_all(embedder: Embedder, texts: Sequence[str]) -> NDArray[np.float32]:
    """One unit vector a row, in order; equal texts are embedded once."""
    different = list(dict.fromkeys(texts))
    known: dict[str, int] = {text: place for place, text in enumerate(different)}
    rows = np.empty((len(different), embedder.identity.dimension), np.float32)
    for start in range(0, len(different), BATCH):
        rows[start : start + BATCH] = await embedder.embed(different[start : start + BATCH])
    return rows[[known[text] for text in texts]] if texts else rows
