"""A room to learn in: fakes behind every door, and short words for what is learned there."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from hybrid_coordinator.backends.cache.sqlite import SqliteCache
from hybrid_coordinator.domain.caching import CachedAnswer, CacheKey
from hybrid_coordinator.domain.interaction import AgentType, Interaction
from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.domain.learning import Change, Learned, Stage
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.flows.caching import CachePolicy, SemanticCache
from hybrid_coordinator.flows.lineage import Tracer
from hybrid_coordinator.testing import HashEmbedder, ManualClock, MemoryCatalog, MemoryKnowledge, MemoryLedger

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class LearningRoom:
    """Catalogue, ledger, collections, and a cache on a real file."""

    stored: SqliteCache
    catalog: MemoryCatalog = field(default_factory=MemoryCatalog)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    knowledge: MemoryKnowledge = field(default_factory=MemoryKnowledge)
    embedder: HashEmbedder = field(default_factory=HashEmbedder)
    clock: ManualClock = field(default_factory=ManualClock)

    @classmethod
    async def open(cls, folder: Path) -> Self:
        return cls(await SqliteCache.open(folder / "cache.db", HashEmbedder().identity))

    @property
    def cache(self) -> SemanticCache:
        return SemanticCache(self.stored, self.embedder, self.clock, CachePolicy())

    @property
    def tracer(self) -> Tracer:
        return Tracer(self.catalog, self.ledger, self.knowledge)

    async def learn(self, item: Learned) -> Learned:
        """Put an item into the catalogue, a minute after whatever happened before."""
        self.clock.advance(60)
        await self.catalog.apply([Change(item.id, "learn", None, item, "extract")], self.clock.now())
        return item

    async def change(self, before: Learned, after: Learned, action: str) -> Learned:
        """Change an item, a minute after whatever happened before."""
        self.clock.advance(60)
        await self.catalog.apply([Change(before.id, action, before, after, "curate")], self.clock.now())
        return after

    async def stage_of(self, item_id: str) -> Stage:
        [item] = await self.catalog.get([item_id])
        return item.stage

    async def serve(self, item: Learned) -> None:
        """Put an item into the collections."""
        await self.knowledge.put([item.draft], await self.embedder.embed([item.draft.key]))

    async def remember_answer(self, text: str, *, passage_ids: tuple[str, ...] = (), interaction: str = "x") -> None:
        """Have the cache keep an answer."""
        await self.cache.store(
            CacheKey(text), CachedAnswer("So.", {}), passage_ids=passage_ids, interaction_id=interaction
        )


def make_item(
    id: str,
    *made_of: str,
    stage: Stage = Stage.CANDIDATE,
    origin: Origin = Origin.MODEL_INFERENCE,
    rests_on: tuple[str, ...] = (),
    text: str = "Restart it.",
    replaced_by: str | None = None,
    source: str = "",
) -> Learned:
    """A skill."""
    draft = Draft(id, Collection.SKILLS, f"How is {id} done?", text, source=source)
    return Learned(
        id=id,
        stage=stage,
        draft=draft,
        origin=origin,
        learned_from=made_of,
        strategy="extractive",
        created_at=START,
        changed_at=START,
        rests_on=rests_on,
        replaced_by=replaced_by,
    )


def make_interaction(
    id: str, *, origin: Origin = Origin.MODEL_INFERENCE, channel: str = "answer", asker: str = "", session: str = "s"
) -> Interaction:
    """A whole answer without an outcome."""
    return Interaction(
        id=id,
        created_at=START,
        query="How is it done?",
        response="Restart it.",
        agent_type=AgentType.LOCAL,
        model_used="m",
        session_id=session,
        asker=asker,
        origin=origin,
        channel=channel,
    )
