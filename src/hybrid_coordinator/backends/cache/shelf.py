"""The vectors of the entries that may answer one another, and a search among them. Not safe for threads.

A search looks at a short projection of every vector and then at the whole of those that come nearest, which takes a
sixth of the time and memory traffic. Projections keep angles (Johnson & Lindenstrauss, 1984) up to noise; the depth of
the first look leaves it room.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.domain.knowledge import Vector

PROJECTED = 64
"""Dimensions of the first look."""

DEPTH = 256
"""So many entries get a second look."""

FIRST_ROOM = 16

TINY = 1e-9
"""No length is taken for less."""

Floats = NDArray[np.float32]


class Shelf:
    """Vectors by entry id."""

    def __init__(self, dimension: int) -> None:
        self._ids: list[str] = []
        self._rows: dict[str, int] = {}
        self._whole = np.zeros((FIRST_ROOM, dimension), np.float16)
        self._short = np.zeros((FIRST_ROOM, PROJECTED), np.float32)
        self._projection = _projection(dimension)

    def __len__(self) -> int:
        return len(self._ids)

    def put(self, entry_id: str, vector: Vector) -> None:
        """Add a vector, or replace the one of this id."""
        row = self._rows.setdefault(entry_id, len(self._ids))
        if row == len(self._ids):
            self._ids.append(entry_id)
            self._grow()
        unit = np.asarray(vector, np.float32)
        self._whole[row] = unit
        self._short[row] = unit @ self._projection

    def remove(self, entry_id: str) -> None:
        """Take a vector out; the last one takes its place. An id that is gone is passed over."""
        row = self._rows.pop(entry_id, None)
        if row is None:
            return
        last_id = self._ids.pop()
        if last_id != entry_id:
            self._ids[row] = last_id
            self._rows[last_id] = row
            self._whole[row] = self._whole[len(self._ids)]
            self._short[row] = self._short[len(self._ids)]

    def nearest(self, vector: Vector, limit: int) -> list[tuple[str, float]]:
        """Ids and similarities in [0, 1], descending; equals in the order of their ids."""
        unit = np.asarray(vector, np.float32)
        rows = self._near(unit)
        whole = self._whole[rows].astype(np.float32)
        cosines = whole @ unit / np.maximum(np.linalg.norm(whole, axis=1), TINY)
        found = [(self._ids[row], _clip(cosine)) for row, cosine in zip(rows.tolist(), cosines.tolist(), strict=True)]
        found.sort(key=lambda pair: (-pair[1], pair[0]))
        return found[:limit]

    def _near(self, unit: Floats) -> NDArray[np.intp]:
        """The rows worth a second look, in no order."""
        count = len(self._ids)
        if count <= DEPTH:
            return np.arange(count)
        glimpses = self._short[:count] @ (unit @ self._projection)
        return np.argpartition(glimpses, count - DEPTH)[count - DEPTH :]

    def _grow(self) -> None:
        if len(self._ids) > len(self._whole):
            more = len(self._whole)
            self._whole = np.pad(self._whole, ((0, more), (0, 0)))
            self._short = np.pad(self._short, ((0, more), (0, 0)))


def _clip(cosine: float) -> float:
    """To four places: half-precision floats carry no more."""
    return round(min(max(cosine, 0.0), 1.0), 4)


@lru_cache(maxsize=4)
def _projection(dimension: int) -> Floats:
    """Always the same one for a dimension."""
    drawn = np.random.default_rng(dimension).standard_normal((dimension, PROJECTED))
    projection: Floats = (drawn / np.sqrt(PROJECTED)).astype(np.float32)
    return projection
