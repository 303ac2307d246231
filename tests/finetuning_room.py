"""A room to train in: a real dataset on disk, runs in memory, a trainer that is done at once, and time that stands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from hybrid_coordinator.backends.datasets.jsonl import JsonlDataset
from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.domain.training import BaseWeights, Recipe, Teaching
from hybrid_coordinator.domain.versions import ModelVersion, VersionChange, VersionStage
from hybrid_coordinator.errors import ModelRefused
from hybrid_coordinator.flows.courtesy import Courtesy
from hybrid_coordinator.flows.datasets import PREFERENCES
from hybrid_coordinator.flows.finetuning import Finetuner, Syllabus
from hybrid_coordinator.flows.freezing import GeneralTexts, Preparer
from hybrid_coordinator.flows.registering import Registrar
from hybrid_coordinator.flows.run_places import RunPlaces
from hybrid_coordinator.flows.timetable import Timetable
from hybrid_coordinator.flows.traffic import Traffic
from hybrid_coordinator.flows.tutoring import Course, Tutor
from hybrid_coordinator.logic.dataset_splits import SPLITS
from hybrid_coordinator.logic.finetune_policy import FinetunePolicy
from hybrid_coordinator.logic.held_out import HeldOutPolicy
from hybrid_coordinator.logic.run_standing import PAUSES
from hybrid_coordinator.ports import Agenda, Clock, Ledger, Model, Pause, Runs, Trainer, Workshop
from hybrid_coordinator.testing import (
    InstantTrainer,
    ManualClock,
    MemoryAgenda,
    MemoryLedger,
    MemoryRuns,
    MemoryWorkshop,
)
from taught import other_rows, port_rows

BASE = BaseWeights("small", "ba5e", "/models/small.gguf")
RECIPE = Recipe(rank=4, minutes=30.0)
GENERAL = GeneralTexts(("Say hello.",), ("What is a port?",), ("A port is a number.",), ({"messages": []},))
EAGER = FinetunePolicy(enabled=True, min_examples=20, trigger_every=10, schedule="0 2 * * 0", keep_runs=2)
"""The manual clock begins on Thursday, 1 January 2026; the first Sunday is the 4th."""


class FixedHost:
    """The weights of a model that is never opened."""

    def __init__(self, base: BaseWeights = BASE) -> None:
        self.weights = base
        self.dropped: list[str] = []

    async def base(self) -> BaseWeights:
        return self.weights

    async def open(self, version: ModelVersion | None, artefact: Path | None, *, pause: Pause | None = None) -> Model:
        raise ModelRefused("nothing answers here; train only")

    async def settle(self, version: ModelVersion | None, artefact: Path | None) -> None:
        """Nobody answers."""

    async def drop(self, version: ModelVersion) -> None:
        self.dropped.append(version.name)


async def publish(dataset: JsonlDataset, rows: Sequence[Payload], pairs: Sequence[Payload] = ()) -> str:
    """Put a dataset of these in the place of the one that is there; its content hash."""
    content_hash = sha256(repr((rows, pairs)).encode()).hexdigest()
    async with dataset.draft() as draft:
        await draft.write("", rows)
        await draft.write(PREFERENCES, pairs)
        for name in SPLITS:
            await draft.write(name, [row for row in rows if row["metadata"]["split"] == name])
        await draft.publish({"made_at": content_hash, "rows": len(rows), "content_hash": content_hash}, "# Page")
    return content_hash


def some_rows(count: int = 40) -> list[Payload]:
    """So many rows, up to 70."""
    return [*port_rows(), *other_rows(40, first=100)][:count]


@dataclass
class FinetuningRoom:
    """Everything a finetuner stands on. `finetuner` makes one as a new process would."""

    folder: Path
    runs: Runs = field(default_factory=MemoryRuns)
    agenda: Agenda = field(default_factory=MemoryAgenda)
    ledger: Ledger = field(default_factory=MemoryLedger)
    workshop: Workshop = field(default_factory=MemoryWorkshop)
    clock: Clock = field(default_factory=ManualClock)
    traffic: Traffic = field(default_factory=Traffic)
    host: FixedHost = field(default_factory=FixedHost)
    policy: FinetunePolicy = EAGER
    trainer: Trainer | None = None
    teachings: tuple[Teaching, ...] = (Teaching.LORA,)
    pauses: tuple[timedelta, ...] = PAUSES
    load: float = 0.0
    quiet: float = 1e6
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.trainer is None and isinstance(self.workshop, MemoryWorkshop):
            self.trainer = InstantTrainer(self.workshop)

    @property
    def dataset(self) -> JsonlDataset:
        return JsonlDataset(self.folder / "dataset.jsonl")

    @property
    def events(self) -> list[str]:
        return [kind for kind, _ in self.told]

    async def note(self, kind: str, **fields: Any) -> None:
        self.told.append((kind, fields))

    def finetuner(
        self,
        name: str = "first",
        *,
        wall: Callable[[datetime], datetime] | None = None,
        workshop: Workshop | None = None,
    ) -> Finetuner:
        """`workshop` is one of another machine."""
        assert self.trainer is not None
        courses = {teaching: Course("local", self.trainer, self.host) for teaching in self.teachings}
        courtesy = Courtesy([self.trainer], self.traffic, self.clock)
        registrar = Registrar(
            self.runs,
            self.workshop,
            self.ledger,
            self.clock,
            keep_runs=self.policy.keep_runs,
            forget=self.host.drop,
        )
        preparer = Preparer(self.dataset, self.ledger, GENERAL, HeldOutPolicy())
        tutor = Tutor(
            self.runs,
            registrar,
            courses,
            courtesy,
            self.clock,
            self.note,
            attempts=self.policy.attempts,
            pauses=self.pauses,
        )
        timetable = Timetable(
            self.dataset,
            self.runs,
            self.workshop,
            self.agenda,
            self.clock,
            self.policy,
            teaching=Teaching.LORA,
            load=lambda: self.load,
            quiet_s=lambda: self.quiet,
            wall=wall or (lambda moment: moment.replace(tzinfo=None)),
        )
        return Finetuner(
            self.runs,
            workshop or self.workshop,
            preparer,
            tutor,
            timetable,
            self.agenda,
            self.clock,
            self.note,
            courses=courses,
            syllabus=Syllabus(Teaching.LORA, lambda: RECIPE, self.policy),
            places=RunPlaces(self.runs, workshop or self.workshop, name),
            name=name,
        )

    async def bring_to(self, name: str, stage: VersionStage) -> None:
        """Let a version have got so far."""
        before = await self.runs.version(name)
        served = stage in (VersionStage.RETIRED, VersionStage.SERVING)
        since = self.clock.now() if served else before.serving_since
        after = replace(before, stage=stage, changed_at=self.clock.now(), serving_since=since)
        await self.runs.apply([VersionChange(before, after, "note", "person")], self.clock.now())
