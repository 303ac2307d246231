"""The step that keeps what was learned clean: without doubles, contradictions, dead wood and changed ground."""

import logging
from collections import Counter
from collections.abc import Mapping

from hybrid_coordinator.domain.learning import LoggedChange, Worked
from hybrid_coordinator.errors import Damaged, Unavailable
from hybrid_coordinator.flows.ageing import LOOKED_AFTER, Ageing
from hybrid_coordinator.flows.comparing import Comparer
from hybrid_coordinator.flows.publishing import Publisher
from hybrid_coordinator.logic.curation import (
    Bookmark,
    CurationPolicy,
    is_marked,
    needs_comparing,
    pack_bookmark,
    unpack_bookmark,
)
from hybrid_coordinator.ports import Catalog, Clock, Keepsake

BATCH = 64

logger = logging.getLogger(__name__)


class Curator:
    """Follows the log of changes, and goes round over everything now and then.

    What came into service since the bookmark is compared with its likes; so a start does not compare everything again.
    A lost bookmark costs that once. A round begins at the start and every so many minutes, or when it is called for.
    """

    def __init__(
        self,
        catalog: Catalog,
        publisher: Publisher,
        comparer: Comparer,
        ageing: Ageing,
        keepsake: Keepsake,
        clock: Clock,
        policy: CurationPolicy,
    ) -> None:
        self._catalog = catalog
        self._publisher = publisher
        self._comparer = comparer
        self._ageing = ageing
        self._keepsake = keepsake
        self._clock = clock
        self._policy = policy
        self._bookmark: Bookmark | None = None
        self._after: str | None = None
        self._due_at = clock.monotonic()

    def call_round(self) -> None:
        """Files were read anew: go round in the next batches, whenever the last round was."""
        self._after = None
        self._due_at = self._clock.monotonic()

    async def work(self) -> Worked:
        """One batch. Likes are looked for in the collections, so those are brought up to date before anything else."""
        shown = await self._publisher.work()
        if shown.more:
            return shown
        compared, left = await self._compare()
        tended, on_the_way = await self._go_round()
        changed = sum(compared.values()) + sum(tended.values())
        counts = Counter(shown.counts) + Counter(compared) + Counter(tended)
        return Worked(
            done=shown.done + changed,
            more=left or on_the_way or changed > 0,
            counts=counts,
            detail=", ".join(f"{count} {name}" for name, count in counts.items()),
        )

    async def _compare(self) -> tuple[Mapping[str, int], bool]:
        """Compare what the next changes of the log brought into service; whether there are more of them."""
        bookmark = await self._find_bookmark()
        log = await self._catalog.log(after=bookmark.place, limit=BATCH)
        if not log:
            return {}, False
        fresh = dict.fromkeys(one.change.item_id for one in log if needs_comparing(one.change))
        items = [item for item in await self._catalog.get(list(fresh)) if item.served]
        counts = await self._comparer.compare(items)
        await self._put_bookmark(log[-1])
        return counts, len(log) == BATCH

    async def _find_bookmark(self) -> Bookmark:
        """Where the log was left; its beginning when that cannot be told, or the log is another one."""
        if self._bookmark is None:
            self._bookmark = await self._load_bookmark()
        place = self._bookmark.place
        if place:
            there = await self._catalog.log(after=place - 1, limit=1)
            if not is_marked(self._bookmark, there[0] if there else None):
                self._bookmark = Bookmark()
        return self._bookmark

    async def _load_bookmark(self) -> Bookmark:
        try:
            return unpack_bookmark(await self._keepsake.load())
        except (Damaged, Unavailable):
            logger.warning("where curation stood cannot be read", exc_info=True)
            return Bookmark()

    async def _put_bookmark(self, logged: LoggedChange) -> None:
        self._bookmark = Bookmark(logged.place, logged.hash)
        try:
            await self._keepsake.save(pack_bookmark(self._bookmark))
        except Unavailable:
            logger.warning("where curation stands was not kept", exc_info=True)

    async def _go_round(self) -> tuple[Mapping[str, int], bool]:
        """Look after the next page of items when a round is due; whether the round goes on."""
        if self._clock.monotonic() < self._due_at:
            return {}, False
        page = await self._catalog.browse(LOOKED_AFTER, limit=BATCH, after=self._after)
        counts = await self._ageing.look_after(page)
        if len(page) == BATCH:
            self._after = page[-1].id
            return counts, True
        self._after = None
        self._due_at = self._clock.monotonic() + self._policy.round_minutes * 60.0
        return counts, False
