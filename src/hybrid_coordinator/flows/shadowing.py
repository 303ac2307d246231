"""A small share of what the cache answered is asked again, behind the asker's back, to see whether it still fits."""

import logging
from dataclasses import replace

from hybrid_coordinator.domain.query import Wishes
from hybrid_coordinator.errors import CoordinatorError
from hybrid_coordinator.flows.answer import Answerer, answer_whole
from hybrid_coordinator.flows.caching import SemanticCache
from hybrid_coordinator.flows.recalls import Recalls

SHADOW = "shadow"
"""The tag of a question that nobody waits for."""

logger = logging.getLogger(__name__)


class Shadows:
    """Asks the drawn questions again and lets the cache compare the answers."""

    def __init__(self, recalls: Recalls, cache: SemanticCache, answerer: Answerer) -> None:
        self._recalls = recalls
        self._cache = cache
        self._answerer = answerer

    async def catch_up(self) -> None:
        """Ask again whatever waits. An answer that cannot be had teaches nothing."""
        for interaction_id, query in self._recalls.take():
            again = replace(query, session_id=None, wishes=Wishes(cache=False), tags=(*query.tags, SHADOW))
            try:
                _, fresh = await answer_whole(self._answerer, again)
            except CoordinatorError:
                logger.warning("a cached answer could not be checked", exc_info=True)
            else:
                await self._cache.compare(interaction_id, fresh.response)

    async def keep_up(self) -> None:
        """Ask again as it comes, for ever."""
        while True:
            await self._recalls.wait()
            await self.catch_up()
