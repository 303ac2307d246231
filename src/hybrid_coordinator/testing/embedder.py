"""Vectors without a model."""

import math
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

from hybrid_coordinator.domain.knowledge import EmbedderIdentity, Vector
from hybrid_coordinator.testing.words import split_words


class HashEmbedder:
    """Unit vectors from words alone: equal texts are equal, texts that share words are near, order is lost."""

    def __init__(self, dimension: int = 384) -> None:
        self._identity = EmbedderIdentity("hash-of-words", dimension)
        self.embedded: list[str] = []

    @property
    def identity(self) -> EmbedderIdentity:
        return self._identity

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.embedded.extend(texts)
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> Vector:
        vector = [0.0] * self._identity.dimension
        for word, count in Counter(split_words(text) or [""]).items():
            number = int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "big")
            vector[(number >> 1) % len(vector)] += count if number & 1 else -count
        length = math.hypot(*vector)
        # two words may cancel each other out in one place
        return [x / length for x in vector] if length else [1.0, *vector[1:]]

    async def aclose(self) -> None:
        """Nothing is held."""
