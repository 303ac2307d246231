"""Follow what was learned to what it was made of, and on to what was made of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.domain.knowledge import Passage
from hybrid_coordinator.domain.learning import Learned, LoggedChange
from hybrid_coordinator.errors import NotFound
from hybrid_coordinator.flows.restoring import read_log
from hybrid_coordinator.logic.lineage import Sources, spread
from hybrid_coordinator.ports import Catalog, Knowledge, Ledger

PAGE = 500


@dataclass(frozen=True, slots=True)
class Trace:
    """Both ways from one id: the interactions and passages that something was made of, and the learned things that
    were made of it or rest on it, by however many steps. `excluded` says why interactions of it are kept out."""

    id: str
    interactions: tuple[Interaction, ...] = ()
    passages: tuple[Passage, ...] = ()
    learned: tuple[Learned, ...] = ()
    excluded: tuple[tuple[str, str], ...] = ()


class Tracer:
    """Reads catalogue, ledger and collections; changes nothing."""

    def __init__(self, catalog: Catalog, ledger: Ledger, knowledge: Knowledge) -> None:
        self._catalog = catalog
        self._ledger = ledger
        self._knowledge = knowledge

    async def trace(self, id: str) -> Trace:
        """The whole lineage of a learned thing, an interaction, a correction or a passage. Raises NotFound for an id
        that none of them has."""
        roots = await self._catalog.get([id])
        made = await self._catalog.learned_from([id])
        items = await self.all_items()
        reached = spread([id, *(item.id for item in made)], items)
        learned = [item for item in items if item.id in reached]
        sources = await self.sources_of([*roots, *learned], [id])
        if not roots and not learned and not sources.interactions and not sources.passages:
            raise NotFound(
                f"nothing is known by the id {id!r}; take one that `browse`, `recent` or a training row shows"
            )
        return Trace(
            id=id,
            interactions=tuple(sources.interactions.values()),
            passages=tuple(sources.passages.values()),
            learned=tuple(learned),
            excluded=await self._excluded(sources.interactions),
        )

    async def all_items(self) -> list[Learned]:
        """Everything that was learned, at whatever stage, by id."""
        items: list[Learned] = []
        after: str | None = None
        while page := await self._catalog.browse(limit=PAGE, after=after):
            items += page
            after = page[-1].id
        return items

    async def log_of(self, item_id: str) -> list[LoggedChange]:
        """Every change of an item, oldest first."""
        return await read_log(self._catalog, item_id)

    async def sources_of(self, items: Sequence[Learned], others: Sequence[str] = ()) -> Sources:
        """What these items were made of and rest on, and what the other ids name."""
        made = dict.fromkeys((*others, *(id for item in items for id in item.learned_from)))
        interactions = {one.id: one for ids in _pages(made) for one in await self._ledger.get_all(ids)}
        provided = (id for one in interactions.values() for id in one.context_provided)
        rested = dict.fromkeys((*others, *(id for item in items for id in item.rests_on), *provided))
        passages = {one.id: one for ids in _pages(rested) for one in await self._knowledge.get(ids)}
        return Sources(interactions, passages)

    async def _excluded(self, ids: Iterable[str]) -> tuple[tuple[str, str], ...]:
        excluded = await self._ledger.excluded()
        return tuple((id, excluded[id]) for id in ids if id in excluded)


def _pages(ids: Iterable[str]) -> list[list[str]]:
    listed = list(ids)
    return [listed[start : start + PAGE] for start in range(0, len(listed), PAGE)]
