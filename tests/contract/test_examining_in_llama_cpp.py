"""An examination on real llama.cpp, with real adapters, a real ledger and real folders."""

from dataclasses import dataclass, field, replace
from functools import partial
from importlib.resources import files
from pathlib import Path

import pytest

from adapters import HARMLESS, RUINOUS, version_of, write_adapter
from hybrid_coordinator.backends.clock import SystemClock
from hybrid_coordinator.backends.ledger.records import Records
from hybrid_coordinator.backends.models.engine import EnginePolicy
from hybrid_coordinator.backends.models.hosts.builtin import BuiltinHost
from hybrid_coordinator.backends.models.llamacpp_process import Weights
from hybrid_coordinator.backends.models.streaming import Patience
from hybrid_coordinator.backends.trainers.likelihood_file import likelihoods_of
from hybrid_coordinator.backends.trainers.workshop import FolderWorkshop
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.domain.training import Recipe, Run, RunState, Teaching
from hybrid_coordinator.domain.versions import ModelVersion, VersionChange, VersionStage
from hybrid_coordinator.errors import Damaged
from hybrid_coordinator.flows.exam_papers import ExamSetter
from hybrid_coordinator.flows.examining import Examiner
from hybrid_coordinator.flows.run_places import RunPlaces
from hybrid_coordinator.flows.sittings import Sittings
from hybrid_coordinator.flows.traffic import Traffic
from hybrid_coordinator.logic.exam_items import GENERAL, LIKENESS, ExamPolicy
from hybrid_coordinator.logic.promotion import PromotionPolicy
from hybrid_coordinator.logic.regression_set import RegressionSet, read_regression_set
from hybrid_coordinator.ports import Material, ModelHost, Runs
from hybrid_coordinator.testing import ManualClock
from servers import smollm2
from taught import row

POLICY = ExamPolicy(most_tokens=12, batch=16, batch_s=1e9)
EASY = (
    "What is the capital of France?",
    "What is 7 plus 5?",
    "What does CPU stand for?",
    "Name the largest ocean on Earth.",
)
"""General questions that the base answers."""

FORMS = ("server", "weather")
ROWS = [row(number, f"What is {number} plus {number}?", f"It is {2 * number}.") for number in range(6)]


def a_few(whole: RegressionSet) -> RegressionSet:
    """As much of the packaged set as there is time for."""
    easy = tuple(one for one in whole.general if one.ask in EASY)
    forms = tuple(check for check in whole.formats if check.name in FORMS)
    return replace(whole, general=easy, formats=forms)


@dataclass
class RealRoom:
    """An examiner over the built-in engine."""

    runs: Runs
    workshop: FolderWorkshop
    host: BuiltinHost
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        whole = read_regression_set(files("hybrid_coordinator").joinpath("data/regression.toml").read_text("utf-8"))
        hosts: dict[str, ModelHost] = {"local": self.host}
        clock = ManualClock()
        places = RunPlaces(self.runs, self.workshop, "first")
        self.sittings = Sittings(self.runs, self.workshop, hosts, clock, Traffic(), POLICY)
        self.examiner = Examiner(
            self.runs,
            ExamSetter(self.runs, self.workshop, hosts, a_few(whole), POLICY, places),
            self.sittings,
            clock,
            self._note,
            (POLICY, PromotionPolicy(least_items=5, least_checks=4)),
            likelihoods=partial(likelihoods_of, self.workshop),
            promote=self._promote,
        )

    async def enrol(self, version: ModelVersion) -> None:
        at = version.created_at
        run = Run(version.run_id, at, at, RunState.FINISHED, "local", Teaching.LORA, version.base, Recipe())
        await self.workshop.freeze(run, Material((), held_out=ROWS))
        await self.runs.apply([VersionChange(None, version, "register", "train")], at)

    async def _note(self, kind: str, **fields: object) -> None:
        self.notes.append(kind)

    async def _promote(self, version: ModelVersion) -> None:
        raise AssertionError(f"{version.name!r} must not be promoted")


async def enrol_both(room: RealRoom) -> list[ModelVersion]:
    """A version with a harmless adapter, and one with a ruinous one."""
    base = await room.host.base()
    made = []
    for number, strength in enumerate((HARMLESS, RUINOUS), start=1):
        folder = room.workshop.folder(f"run-{number}")
        folder.mkdir(parents=True)
        artefact = write_adapter(folder / "adapter.gguf", base.sha256, strength=strength)
        made.append(replace(version_of(artefact, base, number), artefact=artefact.name))
        await room.enrol(made[-1])
    return made


async def test_a_ruined_adapter_is_rejected_and_a_harmless_one_held_though_every_batch_is_in_a_new_process(
    tmp_path: Path,
) -> None:
    weights = Weights(smollm2(), "unnamed", context_tokens=1024, threads=2)
    card = ModelCard("local", Location.LOCAL, context_tokens=1024)
    host = BuiltinHost(card, weights, SystemClock(), EnginePolicy(), Patience())
    records = await Records.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    room = RealRoom(records.runs, FolderWorkshop(tmp_path / "runs"), host)
    made = await enrol_both(room)

    while (await room.examiner.work()).more:
        await room.sittings.aclose()
        room = replace(room)
    harmless, ruined = [await room.runs.version(version.name) for version in made]
    answers = await room.runs.answers(ruined.name)
    await records.aclose()

    figures = {one.metric: one for one in ruined.measured}
    assert (harmless.stage, ruined.stage) == (VersionStage.HELD, VersionStage.REJECTED)
    assert (figures[GENERAL].before, figures[GENERAL].after) == (1.0, 0.0)
    assert figures[LIKENESS].items == len(ROWS)
    assert len(answers) == len(ROWS) + len(EASY) + len(FORMS)
    assert room.notes[-1] == "model_measured"


async def test_likelihoods_that_no_longer_can_be_read_are_damaged_and_missing_ones_are_none(tmp_path: Path) -> None:
    workshop = FolderWorkshop(tmp_path)
    workshop.folder("whole").mkdir()
    (workshop.folder("whole") / "likelihood.jsonl").write_text("no line\n")

    assert await likelihoods_of(workshop, "gone") == ()
    with pytest.raises(Damaged, match="likelihood"):
        await likelihoods_of(workshop, "whole")
