"""Learned things, and everything that curation needs around them, for tests of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from facts import Fact
from hybrid_coordinator.domain.knowledge import Collection, Draft, Passage, Probe, SearchMode
from hybrid_coordinator.domain.learning import Change, Learned, Stage, Worked
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.flows.ageing import Ageing
from hybrid_coordinator.flows.comparing import LEARNED, Comparer
from hybrid_coordinator.flows.curating import Curator
from hybrid_coordinator.flows.publishing import Publisher
from hybrid_coordinator.flows.restoring import Restorer
from hybrid_coordinator.logic.curation import CurationPolicy
from hybrid_coordinator.logic.decay import DecayPolicy
from hybrid_coordinator.logic.merging import MergePolicy
from hybrid_coordinator.logic.staleness import StalenessPolicy
from hybrid_coordinator.logic.supersession import SupersessionPolicy
from hybrid_coordinator.ports import Catalog, Embedder, Keepsake, Knowledge, Ledger
from hybrid_coordinator.testing import HashEmbedder, ManualClock, MemoryCatalog, MemoryKnowledge, MemoryLedger

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY_S = 86_400.0


def learned(id: str, question: str, answer: str, *, days: float = 0.0, **fields: Any) -> Learned:
    """A candidate skill, made so many days after the start of the manual clock; `fields` replace what it holds."""
    at = START + timedelta(days=days)
    collection = fields.pop("collection", Collection.SKILLS)
    draft = Draft(id, collection, question, f"{question}\n\n{answer}", {"skill_name": id}, f"interaction:{id}")
    item = Learned(id, Stage.CANDIDATE, draft, Origin.MODEL_INFERENCE, (f"from {id}",), "extractive", at, at)
    return replace(item, **fields)


class MemoryKeepsake:
    """A few bytes in memory."""

    def __init__(self) -> None:
        self.content = b""

    async def load(self) -> bytes:
        return self.content

    async def save(self, content: bytes) -> None:
        self.content = content


@dataclass
class Workshop:
    """Stores, a clock, and a curator over them."""

    catalog: Catalog = field(default_factory=MemoryCatalog)
    knowledge: Knowledge = field(default_factory=MemoryKnowledge)
    embedder: Embedder = field(default_factory=HashEmbedder)
    ledger: Ledger = field(default_factory=MemoryLedger)
    clock: ManualClock = field(default_factory=ManualClock)
    keepsake: Keepsake = field(default_factory=MemoryKeepsake)
    curator: Curator = field(init=False)

    def __post_init__(self) -> None:
        self.curator = self.make_curator()
        self.restorer = Restorer(self.catalog, self.clock)

    @property
    def publisher(self) -> Publisher:
        return Publisher(self.catalog, self.knowledge, self.embedder)

    def make_curator(self, catalog: Catalog | None = None) -> Curator:
        """As a start of the daemon does; with another catalogue it sees through that."""
        seen = catalog or self.catalog
        comparer = Comparer(
            seen, self.knowledge, self.embedder, self.ledger, self.clock, MergePolicy(), SupersessionPolicy()
        )
        ageing = Ageing(seen, self.knowledge, self.ledger, self.clock, DecayPolicy(), StalenessPolicy())
        publisher = Publisher(seen, self.knowledge, self.embedder)
        return Curator(seen, publisher, comparer, ageing, self.keepsake, self.clock, CurationPolicy())

    async def learn(self, *items: Learned) -> None:
        """Put them into the catalogue, one after the other."""
        for item in items:
            await self.catalog.apply([Change(item.id, "learn", None, item, "extract")], self.clock.now())

    async def change(self, item: Learned, action: str, **fields: Any) -> Learned:
        """Change one by another hand."""
        after = replace(item, **fields)
        await self.catalog.apply([Change(item.id, action, item, after, "person")], self.clock.now())
        return after

    async def curate(self) -> list[Worked]:
        """Work until nothing is left to do; what each batch came to."""
        batches = [await self.curator.work()]
        while batches[-1].more:
            batches.append(await self.curator.work())
        return batches

    async def pass_days(self, days: float) -> None:
        """Let time go by, and the curator go round."""
        self.clock.advance(days * DAY_S)
        await self.curate()

    async def item(self, id: str) -> Learned:
        return (await self.catalog.get([id]))[0]

    async def stage(self, id: str) -> Stage:
        return (await self.item(id)).stage

    async def found(self, question: str, collections: Sequence[Collection] = LEARNED) -> list[Passage]:
        """What a question finds."""
        vector = (await self.embedder.embed([question]))[0]
        return await self.knowledge.search(Probe(question, vector), collections, limit=5, mode=SearchMode.HYBRID)


def from_fact(id: str, fact: Fact, *, days: float = 0.0) -> Learned:
    """A fact as somebody learned it."""
    return learned(id, fact.question, fact.answer, days=days)
