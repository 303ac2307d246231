"""What a person may undo of curation: bring something back into service, or take a merge apart."""

from hybrid_coordinator.domain.learning import Change, Learned, LoggedChange, Stage
from hybrid_coordinator.errors import Conflict, NotFound
from hybrid_coordinator.logic.merging import part_from
from hybrid_coordinator.logic.restoring import PERSON, RESTORABLE, last_in_service, put_back
from hybrid_coordinator.ports import Catalog, Clock

PAGE = 500


class Restorer:
    """Undoes by the change log. What a person brought back is neither merged nor superseded again."""

    def __init__(self, catalog: Catalog, clock: Clock) -> None:
        self._catalog = catalog
        self._clock = clock

    async def restore(self, item_id: str) -> Learned:
        """Serve again what was archived, stale, superseded or retired, as it was when it last was served.

        Raises NotFound, and Conflict for an item at another stage.
        """
        item = await self._item(item_id)
        if item.stage not in RESTORABLE:
            raise Conflict(f"{item_id!r} is {item.stage.value}: only {_names(RESTORABLE)} items can be restored")
        back = await self._served(item)
        await self._catalog.apply([Change(item_id, "restore", item, back, PERSON)], self._clock.now())
        return back

    async def unmerge(self, item_id: str) -> tuple[Learned, Learned]:
        """Take apart what was merged: the item as it was before, and the one that it was merged into without it.

        Raises NotFound, and Conflict for an item that is not merged, or merged into one that is no longer served.
        """
        item = await self._item(item_id)
        if item.stage is not Stage.MERGED or item.replaced_by is None:
            raise Conflict(f"{item_id!r} is {item.stage.value}, not merged: there is nothing to take apart")
        kept = await self._item(item.replaced_by)
        if not kept.served:
            raise Conflict(
                f"{item_id!r} is merged into {kept.id!r}, which is {kept.stage.value}: bring that back first"
            )
        back, parted = await self._served(item), await self._part(kept, item)
        changes = [
            Change(item_id, "unmerge", item, back, PERSON, f"parted from {kept.id}"),
            Change(kept.id, "unmerge", kept, parted, PERSON, f"parted from {item_id}"),
        ]
        await self._catalog.apply(changes, self._clock.now())
        return back, parted

    async def _part(self, kept: Learned, gone: Learned) -> Learned:
        merged = await self._catalog.learned_from(kept.learned_from)
        others = [one for one in merged if one.stage is Stage.MERGED and one.replaced_by == kept.id]
        others = [one for one in others if one.id != gone.id]
        alone = _alone(await read_log(self._catalog, kept.id), kept)
        return part_from(kept, alone, gone, others, self._clock.now())

    async def _served(self, item: Learned) -> Learned:
        served = last_in_service(await read_log(self._catalog, item.id))
        if served is None:
            raise Conflict(f"{item.id!r} was never served; approve it instead")
        return put_back(item, served, self._clock.now())

    async def _item(self, item_id: str) -> Learned:
        found = await self._catalog.get([item_id])
        if not found:
            raise NotFound(f"nothing learned has the id {item_id!r}; list what was learned to find it")
        return found[0]


async def read_log(catalog: Catalog, item_id: str) -> list[LoggedChange]:
    """Every change of one item, oldest first."""
    log = page = await catalog.log(item_id=item_id, limit=PAGE)
    while len(page) == PAGE:
        page = await catalog.log(after=page[-1].place, item_id=item_id, limit=PAGE)
        log = [*log, *page]
    return log


def _alone(log: list[LoggedChange], kept: Learned) -> Learned:
    """The item as it was before anything was merged into it."""
    merges = (one.change for one in log if one.change.action == "merge" and one.change.after is not None)
    return next((change.before for change in merges if change.before and change.after and change.after.served), kept)


def _names(stages: frozenset[Stage]) -> str:
    return ", ".join(sorted(stage.value for stage in stages))
