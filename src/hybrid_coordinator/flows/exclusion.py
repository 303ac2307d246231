"""Keep an interaction out of everything that is learned, and take out what was built on it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hybrid_coordinator.domain.learning import Change, Learned, Stage
from hybrid_coordinator.flows.caching import SemanticCache
from hybrid_coordinator.flows.lineage import Tracer
from hybrid_coordinator.flows.taint import TaintMarker
from hybrid_coordinator.logic.lineage import says_only, spread, without_source
from hybrid_coordinator.logic.rollback import OUT_OF_SERVICE, last_clean
from hybrid_coordinator.ports import Catalog, Clock, Ledger


@dataclass(frozen=True, slots=True)
class Excluded:
    """What followed: items that were retired, items that lost the interaction and stay, items that came back because
    what had replaced them is gone, how many remembered answers were forgotten, and the versions of models that were
    trained on it, directly or by what was learned from it."""

    interaction_id: str
    retired: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()
    answers_forgotten: int = 0
    versions: tuple[str, ...] = ()


class Exclusion:
    """Training rows and preference pairs drop an excluded interaction when they are written next."""

    def __init__(
        self,
        catalog: Catalog,
        ledger: Ledger,
        tracer: Tracer,
        cache: SemanticCache,
        clock: Clock,
        marker: TaintMarker | None = None,
    ) -> None:
        """`marker` is None where no model is trained."""
        self._catalog = catalog
        self._ledger = ledger
        self._tracer = tracer
        self._cache = cache
        self._clock = clock
        self._marker = marker

    async def exclude(self, interaction_id: str, why: str) -> Excluded:
        """Exclude it. Killed in between, or run again, it goes on where it was. An unknown id raises NotFound; Conflict
        says that somebody else changed an item meanwhile: run it again."""
        now = self._clock.now()
        await self._ledger.exclude(interaction_id, why, now)
        items = await self._tracer.all_items()
        made = [item for item in items if interaction_id in item.learned_from]
        lost = spread((item.id for item in made if says_only(item, interaction_id)), items)
        versions = await self._mark(interaction_id, {*_ids(made), *lost}, why)  # first: `made` forgets the interaction
        retired = [item for item in items if item.id in lost and item.stage not in OUT_OF_SERVICE]
        kept = [item for item in made if item.id not in lost]
        replaced = [item for item in items if item.replaced_by in lost and item.id not in lost]
        told = f"interaction {interaction_id} was excluded: {why}"
        after = [
            *((item, replace(item, stage=Stage.RETIRED)) for item in retired),
            *((item, without_source(item, interaction_id)) for item in kept),
            *[(item, await self._before_replaced(item, lost)) for item in replaced],
        ]
        changes = [_change(before, replace(later, changed_at=now, why=told)) for before, later in after if later]
        if changes:
            await self._catalog.apply(changes, now)
        forgotten = await self._forget_answers(interaction_id, lost)
        return Excluded(interaction_id, _ids(retired), _ids(kept), _ids(replaced), forgotten, versions)

    async def _mark(self, interaction_id: str, learned_ids: Iterable[str], why: str) -> tuple[str, ...]:
        return await self._marker.mark(interaction_id, learned_ids, why) if self._marker else ()

    async def _before_replaced(self, item: Learned, lost: frozenset[str]) -> Learned | None:
        return last_clean(await self._tracer.log_of(item.id), lambda state: state.replaced_by not in lost)

    async def _forget_answers(self, interaction_id: str, lost: frozenset[str]) -> int:
        own = [entry.id for entry in await self._cache.entries() if entry.interaction_id == interaction_id]
        return await self._cache.purge(own) + await self._cache.invalidate(sorted(lost))


def _change(before: Learned, after: Learned) -> Change:
    return Change(before.id, "exclude", before, after, "person", after.why)


def _ids(items: Iterable[Learned]) -> tuple[str, ...]:
    return tuple(item.id for item in items)
