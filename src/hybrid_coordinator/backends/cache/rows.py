"""An entry as a row of the cache's file, and back."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np

from hybrid_coordinator.domain.caching import CachedAnswer, CacheEntry, CacheKey, Observation
from hybrid_coordinator.domain.knowledge import Vector

Row = tuple[str, str, bytes | None]
"""Id, entry as JSON, and the vector as half-precision floats."""


def to_row(entry: CacheEntry, vector: Vector | None) -> Row:
    """Raises ValueError or TypeError for a payload that is no JSON."""
    fields = asdict(entry)
    fields["created_at"] = entry.created_at.timestamp()
    fields["expires_at"] = entry.expires_at.timestamp()
    packed = None if vector is None else np.asarray(vector, np.float16).tobytes()
    return entry.id, json.dumps(fields, ensure_ascii=True, allow_nan=False), packed


def from_row(row: Row) -> tuple[CacheEntry, Vector | None]:
    """Raises ValueError, TypeError or KeyError for a row that this release cannot read."""
    _, text, packed = row
    fields: dict[str, Any] = json.loads(text)
    fields["key"] = CacheKey(**fields["key"])
    fields["answer"] = CachedAnswer(**fields["answer"])
    fields["observations"] = tuple(Observation(**seen) for seen in fields["observations"])
    fields["passage_ids"] = tuple(fields["passage_ids"])
    fields["created_at"] = datetime.fromtimestamp(fields["created_at"], UTC)
    fields["expires_at"] = datetime.fromtimestamp(fields["expires_at"], UTC)
    return CacheEntry(**fields), None if packed is None else np.frombuffer(packed, np.float16).astype(
        np.float32
    ).tolist()
