"""Everything that is served, in order: for people to walk through, and to say which skills belong together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.domain.learning import SERVED, Change, Learned, Worked
from hybrid_coordinator.errors import Conflict, NotFound
from hybrid_coordinator.flows.vectors import embed_all
from hybrid_coordinator.logic.skill_paths import RELATED, find_branch, find_related, lacks_related, traverse
from hybrid_coordinator.logic.skill_tree import Branch, TreePolicy, build_tree, see_skill
from hybrid_coordinator.ports import Catalog, Clock, Embedder

PAGE = 500
BATCH = 100
ACTION = "relate"
STAGES = tuple(sorted(SERVED))


class SkillTree:
    """Built from the catalogue whenever it is asked for; nothing of it is stored but who is related to whom."""

    def __init__(self, catalog: Catalog, embedder: Embedder, clock: Clock, policy: TreePolicy) -> None:
        self._catalog = catalog
        self._embedder = embedder
        self._clock = clock
        self._policy = policy
        self._vectors: dict[str, NDArray[np.float32]] = {}
        self._related: frozenset[str] = frozenset()

    async def tree(self) -> Branch:
        """The whole tree of what is served."""
        return await self._build(await self._served())

    async def branch(self, path: Sequence[str]) -> Branch:
        """One branch by the names that lead to it; NotFound when there is none."""
        tree = await self.tree()
        found = find_branch(tree, path)
        if found is None:
            there_are = ", ".join(repr(branch.name) for branch in tree.branches) or "no branches"
            raise NotFound(f"there is no branch {'/'.join(path)!r}; begin with one of these: {there_are}")
        return found

    async def traverse(self, question: str, limit: int) -> list[Branch]:
        """The branches that a question belongs to, best first."""
        tree = await self.tree()
        (vector,) = await embed_all(self._embedder, [question])
        return traverse(tree, vector, limit)

    async def work(self) -> Worked:
        """Tell skills that have no related ones, or some that are served no more, of their nearest siblings."""
        items = await self._served()
        served = frozenset(item.id for item in items)
        if served == self._related:
            return Worked()
        waiting = await self._lacking(items)
        now = self._clock.now()
        changes = [Change(item.id, ACTION, item, _relate(item, ids, now), ACTION) for item, ids in waiting[:BATCH]]
        try:
            await self._catalog.apply(changes, now)
        except Conflict:  # somebody changed one of them: they are read again the next time
            return Worked()
        more = len(waiting) > len(changes)
        self._related = self._related if more else served
        return Worked(len(changes), more, {"related": len(changes)})

    async def _lacking(self, items: Sequence[Learned]) -> list[tuple[Learned, tuple[str, ...]]]:
        """Those that are to be told of others, with the ids of these."""
        tree = await self._build(items)
        siblings = {id: ids for leaf in tree.leaves() for id, ids in find_related(leaf, self._policy).items()}
        return [(item, siblings[item.id]) for item in items if lacks_related(item, siblings)]

    async def _served(self) -> list[Learned]:
        items: list[Learned] = []
        page = await self._catalog.browse(STAGES, limit=PAGE)
        while page:
            items += page
            page = await self._catalog.browse(STAGES, limit=PAGE, after=page[-1].id)
        return items

    async def _build(self, items: Sequence[Learned]) -> Branch:
        """Only what was not served the last time is embedded."""
        new = [item.draft.key for item in items if item.draft.key not in self._vectors]
        known = self._vectors | dict(zip(new, await embed_all(self._embedder, new), strict=True))
        self._vectors = {item.draft.key: known[item.draft.key] for item in items}
        return await anyio.to_thread.run_sync(_grow, items, self._vectors, self._policy)


def _grow(items: Sequence[Learned], vectors: Mapping[str, NDArray[np.float32]], policy: TreePolicy) -> Branch:
    return build_tree([see_skill(item, vectors[item.draft.key]) for item in items], policy)


def _relate(item: Learned, ids: Sequence[str], at: datetime) -> Learned:
    payload = {**item.draft.payload, RELATED: list(ids)}
    return replace(item, draft=replace(item.draft, payload=payload), changed_at=at)
