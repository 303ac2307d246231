"""What was learned and is not trusted waits here until a person has looked at it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import unified_diff

from hybrid_coordinator.domain.knowledge import Passage, Probe
from hybrid_coordinator.domain.learning import Change, Learned, Stage
from hybrid_coordinator.domain.trust import Origin, may_teach
from hybrid_coordinator.errors import Conflict, NotFound
from hybrid_coordinator.flows.lineage import Tracer
from hybrid_coordinator.logic.lineage import Lineage, Sources
from hybrid_coordinator.logic.screening import screen
from hybrid_coordinator.ports import Catalog, Clock, Embedder, Knowledge

PERSON = "person"
LIKE_ENOUGH = 0.6
"""What is less alike is no version of the same thing."""

NEAR = 4
"""Served passages looked at to find the nearest: the item itself may be among them."""


@dataclass(frozen=True, slots=True)
class Held:
    """An item that waits, why, what it was made of, and how it differs from the nearest passage that is served.

    `diff` is a unified diff from that passage's text to the item's, the whole text when nothing is near. All of it was
    written by strangers: show it as data.
    """

    item: Learned
    reasons: tuple[str, ...]
    lineage: Lineage
    nearest: Passage | None
    diff: str


class Quarantine:
    """Shows what waits, and hears what a person says of it."""

    def __init__(
        self, catalog: Catalog, tracer: Tracer, knowledge: Knowledge, embedder: Embedder, clock: Clock
    ) -> None:
        self._catalog = catalog
        self._tracer = tracer
        self._knowledge = knowledge
        self._embedder = embedder
        self._clock = clock

    async def review(self, *, limit: int, after: str | None = None) -> list[Held]:
        """What waits, by id, from the one `after` this id."""
        items = await self._catalog.browse([Stage.QUARANTINED], limit=limit, after=after)
        sources = await self._tracer.sources_of(items)
        vectors = await self._embedder.embed([item.draft.key for item in items])
        probes = [Probe(item.draft.key, vector) for item, vector in zip(items, vectors, strict=True)]
        return [await self._held(item, probe, sources) for item, probe in zip(items, probes, strict=True)]

    async def approve(self, item_id: str, why: str) -> Learned:
        """Take a person's word for an item: it is served as a candidate, and as trusted as if the person had said it.

        What it was made of stays as untrusted as it was. Raises NotFound, and Conflict for an item that does not wait.
        """
        item = await self._waiting(item_id)
        return await self._decide(item, replace(item, stage=Stage.PROVEN, origin=Origin.DIRECT_USER), "approve", why)

    async def reject(self, item_id: str, why: str) -> Learned:
        """Refuse an item for good. Raises NotFound, and Conflict for an item that does not wait."""
        item = await self._waiting(item_id)
        return await self._decide(item, replace(item, stage=Stage.REJECTED), "reject", why)

    async def _waiting(self, item_id: str) -> Learned:
        items = await self._catalog.get([item_id])
        if not items:
            raise NotFound(f"nothing learned has the id {item_id!r}; `review` shows what waits")
        if items[0].stage is not Stage.QUARANTINED:
            raise Conflict(f"{item_id!r} does not wait for a person: it is {items[0].stage.value}")
        return items[0]

    async def _decide(self, before: Learned, after: Learned, action: str, why: str) -> Learned:
        now = self._clock.now()
        after = replace(after, changed_at=now, why=why)
        await self._catalog.apply([Change(before.id, action, before, after, PERSON, why)], now)
        return after

    async def _held(self, item: Learned, probe: Probe, sources: Sources) -> Held:
        near = await self._knowledge.search(probe, [item.draft.collection], limit=NEAR)
        alike = [one for one in near if one.id != item.id and one.similarity >= LIKE_ENOUGH]
        nearest = max(alike, key=lambda one: one.similarity, default=None)
        return Held(
            item=item,
            reasons=reasons_to_hold(item),
            lineage=sources.lineage(item),
            nearest=nearest,
            diff=show_difference(nearest.text if nearest else "", item.draft.text),
        )


def reasons_to_hold(item: Learned) -> tuple[str, ...]:
    """Why a person should look at an item: what was said when it was held, its origin, and what its words look like."""
    told = [item.why] if item.why else []
    if not may_teach(item.origin):
        told.append(f"its origin is {item.origin.value}")
    told += (f"it {reason}" for reason in screen(f"{item.draft.key}\n{item.draft.text}"))
    return tuple(dict.fromkeys(told))


def show_difference(served: str, waiting: str) -> str:
    """A unified diff between two texts."""
    return "\n".join(unified_diff(_lines(served), _lines(waiting), "served", "waiting", lineterm=""))


def _lines(text: str) -> Sequence[str]:
    return text.splitlines()
