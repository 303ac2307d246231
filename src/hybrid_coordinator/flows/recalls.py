"""Questions that the cache answered, drawn by chance to be asked again."""

from collections import deque

import anyio

from hybrid_coordinator.domain.query import Query
from hybrid_coordinator.flows.caching import SemanticCache
from hybrid_coordinator.logic.draws import draw

MOST_WAITING = 64
"""The oldest gives way: the share is a sample, and nobody counts on it."""


class Recalls:
    """A box between those who answer and those who check."""

    def __init__(self, cache: SemanticCache) -> None:
        self._cache = cache
        self._waiting: deque[tuple[str, Query]] = deque(maxlen=MOST_WAITING)
        self._news = anyio.Event()

    def note(self, interaction_id: str, query: Query) -> None:
        """The cache answered; chance decides whether that is checked."""
        if self._cache.shadow_due(draw("shadow", interaction_id)):
            self._waiting.append((interaction_id, query))
            self._news.set()

    def take(self) -> list[tuple[str, Query]]:
        """All that wait, the oldest first; they wait no longer."""
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    async def wait(self) -> None:
        """Return when something is there to be taken, or was since the last call."""
        await self._news.wait()
        self._news = anyio.Event()
