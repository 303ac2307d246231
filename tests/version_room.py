"""Versions of the model `local`, who answers as it, and what is recorded of both, for tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind, ValueScore
from hybrid_coordinator.domain.query import Finished, Prompt, Role, Turn
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.domain.training import BaseWeights, Teaching
from hybrid_coordinator.domain.versions import ModelVersion, VersionChange, VersionStage
from hybrid_coordinator.flows.canary import CanaryWatch
from hybrid_coordinator.flows.enacting import Enactor
from hybrid_coordinator.flows.following import Following
from hybrid_coordinator.flows.lineup import Lineup
from hybrid_coordinator.flows.versioned_model import VersionedModel
from hybrid_coordinator.flows.versions import Versions
from hybrid_coordinator.logic.canary import CanaryPolicy
from hybrid_coordinator.ports import Ledger, Runs
from hybrid_coordinator.testing import (
    ManualClock,
    MemoryLedger,
    MemoryRuns,
    MemoryWorkshop,
    Script,
    ScriptedHost,
    ScriptedModel,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
BASE = BaseWeights("tiny", "ab" * 32)
LOCAL = ModelCard("local", Location.LOCAL)


def make_version(number: int, stage: VersionStage = VersionStage.CANDIDATE, **fields: Any) -> ModelVersion:
    """A version of `local`, made when the manual clock starts."""
    name, run = f"tiny+v{number}", f"run-{number}"
    version = ModelVersion(
        name, number, "local", Teaching.LORA, stage, run, BASE, START, START, "adapter.gguf", "cd" * 32, rows=40
    )
    return replace(version, **fields)


@dataclass
class VersionRoom:
    """Everything that versions need. A process that is opened anew finds the records as they are."""

    scripts: Mapping[str, Sequence[Script]] = field(default_factory=dict)
    policy: CanaryPolicy = field(default_factory=CanaryPolicy)
    runs: Runs = field(default_factory=MemoryRuns)
    workshop: MemoryWorkshop = field(default_factory=MemoryWorkshop)
    ledger: Ledger = field(default_factory=MemoryLedger)
    clock: ManualClock = field(default_factory=ManualClock)
    events: list[tuple[str, str]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    pauses: int = 0

    def __post_init__(self) -> None:
        self.open_process()

    def open_process(self) -> None:
        """A fresh process, in which the base answers."""
        self.host = ScriptedHost(BASE, scripts=self.scripts)
        self.base = ScriptedModel(*self.scripts.get("tiny", ()), card=replace(LOCAL, name="tiny"))
        self.local = VersionedModel(LOCAL, self.base, "tiny")
        lineup = Lineup(self.workshop, {"local": self.host}, {"local": self.local}, self.pause)
        self.enactor = Enactor(self.runs, lineup, self.clock, self.note, self.policy, self.forget)
        self.versions = Versions(self.runs, self.workshop, self.enactor)
        self.following = Following(self.runs, self.workshop, self.enactor)
        self.watch = CanaryWatch(self.ledger, self.versions, {"local": self.local}, self.clock, self.policy)

    async def pause(self) -> None:
        self.pauses += 1

    async def note(self, kind: str, **fields: Any) -> None:
        self.events.append((kind, fields["version"]))

    async def forget(self, name: str) -> None:
        self.forgotten.append(name)

    async def keep(self, *versions: ModelVersion) -> None:
        """Put versions on record as they are."""
        changes = [VersionChange(None, version, "register", "train") for version in versions]
        await self.runs.apply(changes, self.clock.now())

    async def stages(self) -> dict[str, VersionStage]:
        return {version.name: version.stage for version in reversed(await self.runs.versions())}

    @property
    def answering(self) -> tuple[str, str | None]:
        """Who serves here, and who is on trial."""
        return self.local.serving, self.local.trial.name if self.local.trial else None

    async def ask(self, session: str = "") -> str:
        """Which version answered."""
        prompt = Prompt((Turn(Role.USER, ("how?",)),), session=session)
        *_, last = [piece async for piece in self.local.stream(prompt)]
        assert isinstance(last, Finished)
        return last.model

    async def fare(self, name: str, sessions: int, successes: int, *, failures: int = 0) -> None:
        """Sessions of one settled answer each, and answers that broke off, recorded now."""
        for number in range(sessions):
            kind = OutcomeKind.SUCCESS if number < successes else OutcomeKind.FAILURE
            asked = self._answered(name)
            await self.ledger.append(asked)
            await self.ledger.settle(asked.id, Outcome(kind), ValueScore(1.0, {}, {}), self.clock.now())
        for _ in range(failures):
            await self.ledger.append(replace(self._answered(name), failure="the engine died"))

    def _answered(self, name: str) -> Interaction:
        id = self.clock.new_id()
        return Interaction(id, self.clock.now(), "how?", "so", AgentType.LOCAL, name, session_id=id, channel="answer")
