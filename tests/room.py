"""A house of fakes: the flows are the real ones."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from hybrid_coordinator.app import Backends, House, LearningBackends
from hybrid_coordinator.app.training import TrainingBackends
from hybrid_coordinator.backends.cache.file import CacheFile
from hybrid_coordinator.backends.cache.sqlite import SqliteCache
from hybrid_coordinator.backends.datasets.jsonl import JsonlDataset
from hybrid_coordinator.backends.files.local import LocalFiles
from hybrid_coordinator.daemon import Stepped
from hybrid_coordinator.domain.answer import Answered, AnswerEvent
from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.domain.query import Query, Speciality
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.domain.telemetry import DeadLetter, FilePosition
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.flows.switchboard import VendorDesk
from hybrid_coordinator.logic.learning_pace import LearningPace
from hybrid_coordinator.logic.retention import TelemetryFile
from hybrid_coordinator.logic.router_trust import LearningPolicy
from hybrid_coordinator.logic.withholding import WithholdingPolicy
from hybrid_coordinator.ports import Cache, Embedder, TelemetryBatch
from hybrid_coordinator.settings import GatewaySettings, Settings
from hybrid_coordinator.testing import (
    HashEmbedder,
    ManualClock,
    MemoryAgenda,
    MemoryAnnals,
    MemoryCatalog,
    MemoryEventLog,
    MemoryKnowledge,
    MemoryLedger,
    MemoryRuns,
    MemoryWorkshop,
    Script,
    ScriptedModel,
)

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


class NoTelemetry:
    """Other programs write nothing, and what is written here lies in a list."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    async def read_on(self, positions: Sequence[FilePosition], now: datetime, *, most: int) -> TelemetryBatch:
        return TelemetryBatch((), ())

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        raise AssertionError("there is nothing to bury")

    async def write(self, lines: Sequence[bytes], now: datetime, *, file: str, size: int) -> tuple[str, int]:
        self.lines += lines
        return "own", sum(map(len, self.lines))

    async def files(self) -> list[TelemetryFile]:
        return []

    async def pack(self, file: TelemetryFile) -> FilePosition | None:
        return None

    async def swap(self, file: TelemetryFile) -> bool:
        return False

    async def remove(self, file: TelemetryFile) -> bool:
        return False


def learn_from_fakes(ledger: MemoryLedger, folder: Path) -> LearningBackends:
    """Everything that learning needs, in memory; the dataset goes into the folder."""
    telemetry = NoTelemetry()
    return LearningBackends(
        catalog=MemoryCatalog(),
        agenda=MemoryAgenda(),
        event_log=MemoryEventLog(ledger),
        annals=MemoryAnnals(ledger),
        telemetry=telemetry,
        own_telemetry=telemetry,
        shelf=telemetry,
        bookmark=Memory(),
        datasets=JsonlDataset(folder / "dataset.jsonl"),
    )


CALM = Settings(
    gateway=GatewaySettings(holdout_share=0.0),
    router=LearningPolicy(exploration=0.0),
    withholding=WithholdingPolicy(candidate_share=0.0, proven_share=0.0),
    pace=LearningPace(quiet_s=0.0),
)
"""Nothing is left to chance."""


def no_training() -> TrainingBackends:
    """Nobody trains, and nothing was trained."""

    async def likelihoods(_run_id: str) -> tuple[()]:
        return ()

    return TrainingBackends(MemoryRuns(), MemoryWorkshop(), {}, {}, {}, likelihoods)


@dataclass
class Room:
    """A house, and a hand on everything behind it."""

    clock: ManualClock = field(default_factory=ManualClock)
    embedder: HashEmbedder = field(default_factory=HashEmbedder)
    knowledge: MemoryKnowledge = field(default_factory=MemoryKnowledge)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    catalog: MemoryCatalog = field(default_factory=MemoryCatalog)
    event_log: MemoryEventLog = field(default_factory=MemoryEventLog)
    telemetry: NoTelemetry = field(default_factory=NoTelemetry)
    folder: Path = Path("no-such-folder")
    lessons: Memory = field(default_factory=Memory)
    experience: Memory = field(default_factory=Memory)
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
                experience=self.experience,
                learning=self._learning,
                models=self.models,
                desks=self.desks,
                files=LocalFiles(),
                clock=self.clock,
                neighbours={},
                training=no_training(),
            ),
        )

    @property
    def _learning(self) -> LearningBackends:
        fakes = learn_from_fakes(self.ledger, self.folder)
        return replace(
            fakes,
            catalog=self.catalog,
            event_log=self.event_log,
            telemetry=self.telemetry,
            own_telemetry=self.telemetry,
            shelf=self.telemetry,
        )

    async def teach(self, key: str, text: str, collection: Collection = Collection.PRACTICES, id: str = "p1") -> None:
        """A passage that a person stands for."""
        draft = Draft(id, collection, key, text, {"origin": Origin.DIRECT_USER.value})
        await self.knowledge.put([draft], await self.embedder.embed([key]))

    async def hear(self, query: Query) -> list[AnswerEvent]:
        return await hear(self.house, query)


async def learn(house: House) -> dict[str, Mapping[str, int]]:
    """One whole round of learning; what each step counted. A step that fails fails the test."""
    counts = {}
    async with aclosing(house.daemon.run_once()) as events:
        async for event in events:
            if isinstance(event, Stepped):
                assert event.state.error == "", event.state.error
                counts[event.state.step] = event.counts
    return counts


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
