"""A house of fakes: the flows are the real ones."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

from hybrid_coordinator.app import Backends, House
from hybrid_coordinator.backends.cache.file import CacheFile
from hybrid_coordinator.backends.cache.sqlite import SqliteCache
from hybrid_coordinator.backends.files.local import LocalFiles
from hybrid_coordinator.domain.answer import Answered, AnswerEvent
from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.domain.knowledge import Collection, Draft, Payload
from hybrid_coordinator.domain.query import Query, Speciality
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.flows.switchboard import VendorDesk
from hybrid_coordinator.logic.router_trust import LearningPolicy
from hybrid_coordinator.ports import Cache, Embedder
from hybrid_coordinator.settings import GatewaySettings, Settings
from hybrid_coordinator.testing import HashEmbedder, ManualClock, MemoryKnowledge, MemoryLedger, Script, ScriptedModel

HOME = ModelCard("home", Location.LOCAL, context_tokens=4096)
AWAY = ModelCard("away", Location.REMOTE, input_price=3_000_000, output_price=15_000_000)


def cache_in_memory(embedder: Embedder) -> Cache:
    """The real cache, over a database that lies nowhere."""
    identity = embedder.identity
    return SqliteCache(CacheFile.open(Path(":memory:"), identity), identity.dimension)


class Memory:
    """A keepsake that lasts as long as the test."""

    def __init__(self) -> None:
        self.content = b""

    async def load(self) -> bytes:
        return self.content

    async def save(self, content: bytes) -> None:
        self.content = content


class ListDataset:
    """Keeps the rows of the last export."""

    def __init__(self) -> None:
        self.rows: Sequence[Payload] = ()

    async def write(self, rows: Sequence[Payload]) -> Path:
        self.rows = rows
        return Path("dataset.jsonl")


CALM = Settings(gateway=GatewaySettings(holdout_share=0.0), router=LearningPolicy(exploration=0.0))
"""Nothing is left to chance."""


@dataclass
class Room:
    """A house, and a hand on everything behind it."""

    clock: ManualClock = field(default_factory=ManualClock)
    embedder: HashEmbedder = field(default_factory=HashEmbedder)
    knowledge: MemoryKnowledge = field(default_factory=MemoryKnowledge)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    dataset: ListDataset = field(default_factory=ListDataset)
    lessons: Memory = field(default_factory=Memory)
    models: dict[str, ScriptedModel] = field(default_factory=dict)
    settings: Settings = CALM
    desks: dict[str, VendorDesk] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.models:
            self.add_model(HOME, ["home says so"])

    def add_model(self, card: ModelCard, *scripts: Script) -> ScriptedModel:
        self.models[card.name] = ScriptedModel(*scripts, card=card)
        return self.models[card.name]

    def specialise(self, name: str, speciality: Speciality) -> None:
        self.add_model(replace(HOME, name=name, speciality=speciality))

    @property
    def house(self) -> House:
        return House(
            self.settings,
            Backends(
                embedder=self.embedder,
                knowledge=self.knowledge,
                ledger=self.ledger,
                cache=cache_in_memory(self.embedder),
                lessons=self.lessons,
                models=self.models,
                desks=self.desks,
                datasets=self.dataset,
                files=LocalFiles(),
                clock=self.clock,
                neighbours={},
            ),
        )

    async def teach(self, key: str, text: str, collection: Collection = Collection.PRACTICES, id: str = "p1") -> None:
        await self.knowledge.put([Draft(id, collection, key, text)], await self.embedder.embed([key]))

    async def hear(self, query: Query) -> list[AnswerEvent]:
        return await hear(self.house, query)


async def hear(house: House, query: Query) -> list[AnswerEvent]:
    """Every event of an answer. A house remembers what the one before it was asked."""
    events: AsyncGenerator[AnswerEvent, None] = house.answerer.stream(query)
    async with aclosing(events):
        return [event async for event in events]


async def answer(house: House, query: Query) -> Interaction:
    """The record of an answer."""
    last = (await hear(house, query))[-1]
    assert isinstance(last, Answered)
    return last.interaction
