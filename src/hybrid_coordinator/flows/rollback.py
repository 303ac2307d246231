"""Take back what was learned: since a moment, or from somewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hybrid_coordinator.domain.learning import Change, Learned, LoggedChange
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.flows.caching import SemanticCache
from hybrid_coordinator.flows.lineage import Tracer
from hybrid_coordinator.logic.lineage import Sources, spread, stems_from
from hybrid_coordinator.logic.rollback import OUT_OF_SERVICE, clean_of, last_clean, turn_back, undo
from hybrid_coordinator.ports import Catalog, Clock

PAGE = 500

Targets = Mapping[str, Learned | None]
"""What items are to become, by id; None for what should not have been."""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """The changes that were made, or would be; `answers_forgotten` counts what the cache had kept of the items."""

    changes: tuple[Change, ...]
    dry_run: bool
    answers_forgotten: int = 0


class Rollback:
    """Adds inverse changes to the log. The collections follow when they are published; the ledger is left alone."""

    def __init__(self, catalog: Catalog, tracer: Tracer, cache: SemanticCache, clock: Clock) -> None:
        self._catalog = catalog
        self._tracer = tracer
        self._cache = cache
        self._clock = clock

    async def roll_back(
        self, *, since: datetime | None = None, origin: str | None = None, dry_run: bool = False
    ) -> RolledBack:
        """Make everything what it was before a moment, or as if nothing had come from an origin (see `stems_from`);
        with both, what has the origin in its lineage becomes what it was before the moment.

        What rests on an item that is undone follows; what had been merged into it, or superseded by it, returns. New
        items are retired, not deleted, so that a second rollback can take back the first. Raises BadInput without
        either, and Conflict, with nothing changed, when somebody else changed an item meanwhile.
        """
        targets = await self._targets(since, origin)
        current = {item.id: item for item in await self._catalog.get(list(targets))}
        now, why = self._clock.now(), _explain(since, origin)
        undone = (undo(current.get(id), earlier, now, why) for id, earlier in targets.items())
        changes = tuple(change for change in undone if change is not None)
        if dry_run or not changes:
            return RolledBack(changes, dry_run)
        await self._catalog.apply(changes, now)
        forgotten = await self._cache.invalidate([change.item_id for change in changes])
        return RolledBack(changes, dry_run, forgotten)

    async def _targets(self, since: datetime | None, origin: str | None) -> Targets:
        if since is None and not origin:
            raise BadInput("this would take back everything; say since when, or from where it came")
        before = await self._before(since) if since is not None else None
        if not origin:
            return before or {}
        items = await self._tracer.all_items()
        sources = await self._tracer.sources_of(items)
        stemming = [item for item in items if stems_from(sources.lineage(item), origin)]
        if before is not None:
            reached = spread((item.id for item in stemming), items)
            return {id: earlier for id, earlier in before.items() if id in reached}
        return await self._without(origin, items, stemming, sources)

    async def _before(self, since: datetime) -> Targets:
        """A clock may have gone back: everything behind the first entry of that time counts as later."""
        later: list[LoggedChange] = []
        place = 0
        while page := await self._catalog.log(after=place, limit=PAGE):
            later += page if later else _from(page, since)
            place = page[-1].place
        return turn_back(later)

    async def _without(
        self, origin: str, items: Sequence[Learned], stemming: Sequence[Learned], sources: Sources
    ) -> Targets:
        """The last clean state of everything that an origin is in, that rests on such, or that gave way to such."""
        alone = clean_of(origin, sources, frozenset())
        never = [item.id for item in stemming if last_clean(await self._tracer.log_of(item.id), alone) is None]
        undone = spread(never, items)
        is_clean = clean_of(origin, sources, undone)
        return {
            item.id: last_clean(await self._tracer.log_of(item.id), is_clean)
            for item in items
            if item.stage not in OUT_OF_SERVICE and not is_clean(item)
        }


def _from(page: Sequence[LoggedChange], since: datetime) -> Sequence[LoggedChange]:
    """The entries from the first of that time on."""
    first = next((number for number, entry in enumerate(page) if entry.at >= since), len(page))
    return page[first:]


def _explain(since: datetime | None, origin: str | None) -> str:
    told = (f"since {since.isoformat()}" if since else "", f"from {origin!r}" if origin else "")
    return f"rolled back what was learned {' '.join(part for part in told if part)}"
