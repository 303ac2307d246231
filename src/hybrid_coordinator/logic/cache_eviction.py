"""Which entries go when there are too many."""

from collections.abc import Sequence
from datetime import datetime
from heapq import nsmallest

from hybrid_coordinator.domain.caching import CacheEntry
from hybrid_coordinator.logic.cache_decision import usable


def choose_victims(entries: Sequence[CacheEntry], count: int, now: datetime) -> list[CacheEntry]:
    """The `count` least valuable: those that answer nobody, then those with the fewest hits a day."""
    return nsmallest(count, entries, key=lambda entry: (usable(entry, now), _hits_a_day(entry, now), entry.created_at))


def _hits_a_day(entry: CacheEntry, now: datetime) -> float:
    """A new entry counts as one that was hit once: it had no time to prove itself."""
    days = max((now - entry.created_at).total_seconds() / 86_400, 0.0)
    return (entry.hits + 1) / (days + 1)
