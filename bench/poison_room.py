"""A house for one trial: a real SQLite ledger and catalogue, the product's learning steps, and who planted what."""

import json
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hybrid_coordinator.backends.datasets.jsonl import JsonlDataset
from hybrid_coordinator.backends.ledger.agenda import SqlAgenda
from hybrid_coordinator.backends.ledger.annals import SqlAnnals
from hybrid_coordinator.backends.ledger.catalog import SqlCatalog
from hybrid_coordinator.backends.ledger.database import Database
from hybrid_coordinator.backends.ledger.event_log import SqlEventLog
from hybrid_coordinator.backends.ledger.sql import SqlLedger
from hybrid_coordinator.domain.interaction import Interaction, Outcome
from hybrid_coordinator.domain.learning import SERVED, Learned, Worked
from hybrid_coordinator.flows.datasets import Exporter
from hybrid_coordinator.flows.discovering import Discoverer
from hybrid_coordinator.flows.extracting import Extractor
from hybrid_coordinator.flows.extracting_patterns import PatternMaker, StrategyBook
from hybrid_coordinator.flows.preferring import PairFinder
from hybrid_coordinator.flows.publishing import Publisher
from hybrid_coordinator.flows.scoring import Scorer
from hybrid_coordinator.flows.teaching import Teacher
from hybrid_coordinator.logic.dataset_card import DatasetPolicy
from hybrid_coordinator.logic.discovery import DiscoveryPolicy
from hybrid_coordinator.logic.extraction_policy import ExtractionPolicy
from hybrid_coordinator.logic.preferences import PreferencePolicy
from hybrid_coordinator.logic.provenance import ProvenancePolicy
from hybrid_coordinator.logic.scoring import Neighbourhood, ScoringPolicy, score_value
from hybrid_coordinator.logic.screening import screen
from hybrid_coordinator.testing import HashEmbedder, ManualClock, MemoryKnowledge

PAGE = 500


class Step(Protocol):
    """A step of the daemon."""

    async def work(self) -> Worked: ...


@dataclass(frozen=True, slots=True)
class Taken:
    """The names of the records that became a served skill or fix, a training row, or half of a preference pair."""

    served: frozenset[str]
    rows: frozenset[str]
    pairs: frozenset[str]

    @property
    def acted(self) -> frozenset[str]:
        return self.served | self.rows | self.pairs


@dataclass(slots=True)
class PoisonRoom:
    """What a trial has in its hands. `names` says by which ids a record is known in the stores."""

    database: Database
    dataset: Path
    policy: ProvenancePolicy
    clock: ManualClock = field(default_factory=ManualClock)
    knowledge: MemoryKnowledge = field(default_factory=MemoryKnowledge)
    embedder: HashEmbedder = field(default_factory=HashEmbedder)
    names: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    ledger: SqlLedger = field(init=False)
    catalog: SqlCatalog = field(init=False)
    event_log: SqlEventLog = field(init=False)
    teacher: Teacher = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = SqlLedger(self.database)
        self.catalog = SqlCatalog(self.database)
        self.event_log = SqlEventLog(self.database)
        self.teacher = Teacher(self.ledger, self.catalog, self.publisher, self.clock, self.policy)

    @property
    def publisher(self) -> Publisher:
        return Publisher(self.catalog, self.knowledge, self.embedder)

    def planted(self, name: str, id: str) -> None:
        """Remember that a record went in under an id."""
        self.names[id].add(name)

    async def settle(self, interaction: Interaction, outcome: Outcome) -> None:
        """As feedback does, without the neighbours of the question."""
        value = score_value(interaction.response, outcome, Neighbourhood(), ScoringPolicy())
        await self.ledger.settle(interaction.id, outcome, value, self.clock.now())

    async def learn(self) -> None:
        """Every learning step, until none has anything to do."""
        steps: list[Step] = [
            Scorer(self.ledger, ScoringPolicy()),
            self._extractor(),
            self._discoverer(),
            self._pair_finder(),
        ]
        for step in [*steps, self.publisher]:
            while (await step.work()).more:
                pass
        await self._exporter().export()

    async def taken(self) -> Taken:
        """Which records were acted on."""
        items = [item for item in await self._items() if item.stage in SERVED]
        rows = [json.loads(line)["metadata"] for line in self.dataset.read_text().splitlines()]
        pairs = await self.ledger.preferences(limit=100_000)
        return Taken(
            self._named(id for item in items for id in (item.id, *item.learned_from)),
            self._named(str(row[key]) for row in rows for key in ("interaction_id", "source_id")),
            self._named(id for pair in pairs for id in (pair.chosen_id, pair.rejected_id)),
        )

    def _named(self, ids: Iterable[str]) -> frozenset[str]:
        return frozenset(name for id in ids for name in self.names.get(id, ()))

    async def _items(self) -> list[Learned]:
        items: list[Learned] = []
        while page := await self.catalog.browse(limit=PAGE, after=items[-1].id if items else None):
            items += page
        return items

    def _extractor(self) -> Extractor:
        policy = ExtractionPolicy(use_models=False, batch_seconds=3600.0)
        book = StrategyBook(self.catalog, self.ledger, self.clock, policy.refresh_s)
        maker = PatternMaker([], book, policy, busy=lambda: False)
        threshold = ScoringPolicy().high_value_threshold
        return Extractor(self.ledger, self.catalog, maker, self.clock, _note, screen, policy, high_value=threshold)

    def _discoverer(self) -> Discoverer:
        agenda = SqlAgenda(self.database)
        return Discoverer(
            self.ledger, self.catalog, agenda, self.knowledge, self.embedder, self.clock, DiscoveryPolicy()
        )

    def _pair_finder(self) -> PairFinder:
        return PairFinder(self.ledger, SqlAnnals(self.database), self.clock, PreferencePolicy())

    def _exporter(self) -> Exporter:
        annals, datasets = SqlAnnals(self.database), JsonlDataset(self.dataset)
        return Exporter(self.ledger, annals, self.catalog, datasets, self.clock, DatasetPolicy(), _note)


@asynccontextmanager
async def open_room(folder: Path, policy: ProvenancePolicy) -> AsyncGenerator[PoisonRoom]:
    """An empty house in a folder."""
    database = await Database.open(f"sqlite:///{folder / 'ledger.db'}")
    try:
        yield PoisonRoom(database, folder / "dataset.jsonl", policy)
    finally:
        await database.aclose()


async def _note(kind: str, **fields: object) -> None:
    """Nobody keeps a journal of a trial."""
