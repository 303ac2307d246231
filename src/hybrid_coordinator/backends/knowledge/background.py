"""What a collection is like as a whole, which tells how much a single match in it means."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.domain.knowledge import Vector
from hybrid_coordinator.logic.fusion import idf

SAMPLE = 1_000
"""Passages whose vectors stand for all. Their numbers are hashes, so the first of them are a fair sample."""

OUTGROWN_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Background:
    """A collection when it held `size` passages: the mean of its vectors, and the idf of the words met so far."""

    size: int
    centroid: NDArray[np.float64] | None
    rarity: dict[int, float] = field(default_factory=dict)

    def outgrown(self, changed: int) -> bool:
        """Whether so many changes make another collection of it."""
        return changed > OUTGROWN_SHARE * self.size

    def unknown(self, words: Iterable[int]) -> list[int]:
        """The words whose rarity was not learned yet."""
        return [word for word in words if word not in self.rarity]

    def learn(self, words: Sequence[int], best_scores: Iterable[Mapping[int, float]]) -> None:
        """Hear of each word the best score of a search for it alone, which is its idf; of a word nobody holds, none."""
        for word, best in zip(words, best_scores, strict=True):
            self.rarity[word] = next(iter(best.values()), idf(self.size, holding=0))

    def idf_of(self, words: Iterable[int]) -> float:
        return sum(self.rarity[word] for word in words)

    def mean_cosine(self, vector: Vector) -> float:
        return 0.0 if self.centroid is None else float(np.dot(self.centroid, vector))


def background(size: int, sample: Sequence[Vector]) -> Background:
    return Background(size, np.mean(sample, axis=0) if sample else None)
