"""Search learns from outcomes: trained, measured, tried out, and taken back when it turns out worse."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from hybrid_coordinator.app import open_house
from hybrid_coordinator.backends.keepsake import FileKeepsake
from hybrid_coordinator.backends.knowledge.edge import EdgeKnowledge
from hybrid_coordinator.backends.ledger.records import Records
from hybrid_coordinator.daemon import Stepped
from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind, ValueScore
from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.domain.training import Run, Teaching
from hybrid_coordinator.domain.versions import ModelVersion, VersionChange, VersionStage
from hybrid_coordinator.errors import StorageFull
from hybrid_coordinator.faces.training_operations import deploy_version, drop_version, roll_back_version
from hybrid_coordinator.faces.training_shapes import DeployRequest, DropRequest, RollBackRequest
from hybrid_coordinator.flows.adapted_questions import RETRIEVER, AdaptedQuestions, goes_on_trial
from hybrid_coordinator.flows.augment import Augmenter
from hybrid_coordinator.flows.enacting import Enactor
from hybrid_coordinator.flows.history import History
from hybrid_coordinator.flows.lineup import Lineup
from hybrid_coordinator.flows.retriever_examples import ExampleGatherer
from hybrid_coordinator.flows.retriever_training import RetrieverTrainer
from hybrid_coordinator.flows.retriever_watch import RetrieverWatch
from hybrid_coordinator.flows.taint import Taint
from hybrid_coordinator.flows.versions import Versions
from hybrid_coordinator.logic.canary import CanaryPolicy
from hybrid_coordinator.logic.grounding import GroundingPolicy
from hybrid_coordinator.logic.retriever_adapter import fingerprint
from hybrid_coordinator.logic.retriever_gate import RetrieverPolicy
from hybrid_coordinator.ports import Annals, Keepsake, Knowledge, Ledger, Runs
from hybrid_coordinator.settings import load_settings
from hybrid_coordinator.testing import (
    HashEmbedder,
    ManualClock,
    MemoryAnnals,
    MemoryKnowledge,
    MemoryLedger,
    MemoryRuns,
    MemoryWorkshop,
)
from room import Memory

SLANG = ("fridge", "kettle", "toaster", "mixer", "stove", "lamp", "heater", "dryer")
FORMAL = ("evaporator", "boiler", "element", "rotor", "burner", "filament", "radiator", "tumbler")


async def forget(_kind: str, **_fields: object) -> None:
    """Nobody reads the journal here."""


class FullDisk(Memory):
    """A keepsake that cannot be written."""

    async def save(self, content: bytes) -> None:
        raise StorageFull("no space is left; free some")


@dataclass
class Bench:
    """Passages whose words no question uses, and everything that learns which is meant."""

    ledger: Ledger
    annals: Annals
    policy: RetrieverPolicy = field(
        default_factory=lambda: RetrieverPolicy(least_examples=40, trigger_every=60, least_held_out=10)
    )
    canary: CanaryPolicy = field(default_factory=lambda: CanaryPolicy(share=0.5, least_sessions=30, margin=0.2))
    clock: ManualClock = field(default_factory=ManualClock)
    embedder: HashEmbedder = field(default_factory=HashEmbedder)
    knowledge: Knowledge = field(default_factory=MemoryKnowledge)
    runs: Runs = field(default_factory=MemoryRuns)
    keepsake: Keepsake = field(default_factory=Memory)

    def __post_init__(self) -> None:
        self.open_process()

    def open_process(self) -> None:
        """Begin anew on the same stores."""
        embedder, clock = self.embedder, self.clock
        self.adapted = AdaptedQuestions(self.runs, self.keepsake, embedder.identity, clock, share=self.canary.share)
        enactor = Enactor(self.runs, Lineup(MemoryWorkshop(), {}, {}), clock, forget, self.canary)
        self.versions = Versions(self.runs, MemoryWorkshop(), enactor)
        gatherer = ExampleGatherer(self.ledger, self.annals, self.knowledge, embedder, clock, self.policy)
        self.trainer = RetrieverTrainer(
            gatherer, self.adapted, self.runs, self.versions, self.knowledge, embedder, clock, self.policy
        )
        self.watch = RetrieverWatch(self.versions, self.adapted, gatherer, clock, self.canary)
        history = History(self.ledger, self.knowledge, embedder)
        self.augmenter = Augmenter(
            embedder, self.knowledge, history, GroundingPolicy(max_passages=3), adapted=self.adapted
        )

    async def fill(self) -> None:
        drafts = [
            Draft(f"p{n}", Collection.CODEBASE, f"machine {word}", f"machine {word}") for n, word in enumerate(FORMAL)
        ]
        await self.knowledge.put(drafts, await self.embedder.embed([draft.key for draft in drafts]))

    async def ask(self, n: int, right: str | None, session: str | None = None) -> Interaction:
        """A question about one machine, in words of its own, and which passage was right."""
        self.clock.advance(60.0)
        shown = tuple(f"p{place}" for place in range(len(FORMAL)))
        now, kind = self.clock.now(), OutcomeKind.SUCCESS if right else OutcomeKind.FAILURE
        question = f"machine {SLANG[n % len(SLANG)]} number{n}"
        one = Interaction(
            f"i{n}", now, question, "", AgentType.LOCAL, "local", shown, session_id=session, channel="answer"
        )
        await self.ledger.append(one)
        await self.ledger.settle(one.id, Outcome(kind), ValueScore(1.0, {}, {}), now + timedelta(seconds=1))
        await self.ledger.credit(one.id, {right: 1.0} if right else {shown[0]: 0.0})
        return one

    async def teach(self, count: int, dice: random.Random | None = None) -> None:
        """Outcomes that agree with each other, or, with dice, that do not."""
        for n in range(count):
            await self.ask(n, f"p{dice.randrange(8) if dice else n % 8}")
        self.clock.advance(60.0)

    async def newest(self) -> ModelVersion:
        return (await self.runs.versions(RETRIEVER))[0]

    async def first(self, question: str, session: str = "") -> str:
        return (await self.augmenter.find(question, session=session)).passages[0].id


@pytest.fixture
async def bench() -> Bench:
    ledger = MemoryLedger()
    bench = Bench(ledger, MemoryAnnals(ledger))
    await bench.fill()
    return bench


def sessions_of(version: ModelVersion, share: float, *, on_trial: bool) -> Sequence[str]:
    names = (f"s{n}" for n in range(400))
    return [name for name in names if goes_on_trial(version.name, name, share) is on_trial]


async def test_too_few_examples_say_how_many_are_missing(bench: Bench) -> None:
    for n in range(60):
        await bench.ask(n, "p1" if n < 12 else None)

    worked = await bench.trainer.work()

    assert worked.detail == "search learns from 40 questions that a passage was right for, and 28 are missing"
    assert await bench.runs.versions() == []


async def test_nothing_is_read_before_enough_was_heard(bench: Bench) -> None:
    await bench.teach(59)

    assert (await bench.trainer.work()).detail == ""


async def test_what_outcomes_agree_on_is_learned_and_tried_out(bench: Bench) -> None:
    await bench.teach(120)

    worked = await bench.trainer.work()

    version = await bench.newest()
    assert worked.done == 1
    assert (version.name, version.stage, version.teaching.value) == (
        "hash-of-words+v1",
        VersionStage.CANARY,
        "retriever",
    )
    assert version.why.startswith("it finds better what was right: reciprocal rank")
    assert version.rows == 90
    assert (await bench.runs.trained_on(["i3"])) == {version.name: ["i3"]}
    assert (await bench.versions.lineage(version.name)).run is not None


async def test_only_the_sessions_on_trial_search_the_new_way(bench: Bench) -> None:
    await bench.teach(120)
    await bench.trainer.work()
    version = await bench.newest()

    tried = sessions_of(version, 0.5, on_trial=True)[0]
    other = sessions_of(version, 0.5, on_trial=False)[0]

    asked = "machine dryer never asked before"
    assert await bench.first(asked, tried) == "p7"
    assert await bench.first(asked, other) == await bench.first(asked) == "p0"


async def test_similarities_are_those_of_the_question_as_it_was_asked(bench: Bench) -> None:
    question = "machine dryer never asked before"
    plain = {one.id: one.similarity for one in (await bench.augmenter.find(question)).passages}
    await bench.teach(120)
    await bench.trainer.work()
    tried = sessions_of(await bench.newest(), 0.5, on_trial=True)[0]

    moved = (await bench.augmenter.find(question, session=tried)).passages

    assert moved[0].similarity == pytest.approx(plain["p0"], abs=1e-6)


async def test_outcomes_that_contradict_each_other_change_nothing(bench: Bench) -> None:
    await bench.teach(160, random.Random(5))

    await bench.trainer.work()

    version = await bench.newest()
    assert version.stage in (VersionStage.HELD, VersionStage.REJECTED)
    assert await bench.first("machine dryer once more") == "p0"


async def test_it_trains_once_on_what_was_heard(bench: Bench) -> None:
    await bench.teach(160, random.Random(5))
    await bench.trainer.work()

    assert (await bench.trainer.work()).done == 0
    assert len(await bench.runs.versions(RETRIEVER)) == 1


async def test_what_is_excluded_is_not_learned_from(bench: Bench) -> None:
    await bench.teach(120)
    await bench.ledger.exclude("i3", "wrong", bench.clock.now())

    await bench.trainer.work()

    assert await bench.runs.trained_on(["i3", "i4"]) == {"hash-of-words+v1": ["i4"]}


async def test_without_room_on_the_disk_there_is_no_version(bench: Bench) -> None:
    bench.keepsake = FullDisk()
    bench.open_process()
    await bench.teach(120)

    with pytest.raises(StorageFull):
        await bench.trainer.work()

    assert await bench.runs.versions() == []
    assert await bench.first("machine dryer once more") == "p0"


async def test_nobody_is_asked_to_train_search_anew_after_an_exclusion(bench: Bench) -> None:
    async def rebuild(_model: str) -> Run:
        raise AssertionError("search trains itself")

    await bench.teach(120)
    await bench.trainer.work()
    taint = Taint(bench.runs, bench.versions, rebuild)

    await taint.drop([(await bench.newest()).name], "an interaction was excluded")

    assert await taint.rebuild([(await bench.newest()).name]) == []
    assert (await bench.newest()).stage is VersionStage.DROPPED


async def try_out(bench: Bench, tried: bool, other: bool, *, count: int = 80) -> None:
    """Sessions of both ways, and whether their passages helped."""
    await bench.teach(120)
    await bench.trainer.work()
    version = await bench.newest()
    for on_trial, helped in ((True, tried), (False, other)):
        for n, session in enumerate(sessions_of(version, 0.5, on_trial=on_trial)[:count]):
            await bench.ask(1000 + 1000 * on_trial + n, "p1" if helped else None, session)
    await bench.watch.work()


async def test_what_fares_worse_is_rolled_back(bench: Bench) -> None:
    await try_out(bench, tried=False, other=True)

    version = await bench.newest()
    assert version.stage is VersionStage.ROLLED_BACK
    assert version.why.startswith("it fares worse: credit 0.00 against 1.00")
    assert await bench.first("machine dryer once more", "s1") == "p0"


async def test_what_fares_better_serves_everybody_but_its_control(bench: Bench) -> None:
    await try_out(bench, tried=True, other=False)

    version = await bench.newest()
    assert version.stage is VersionStage.SERVING
    assert await bench.first("machine dryer once more") == "p7"
    control = next(f"s{n}" for n in range(99) if goes_on_trial(f"control of {version.name}", f"s{n}", 0.5))
    assert await bench.first("machine dryer once more", control) == "p0"


async def test_credit_that_falls_after_the_promotion_takes_it_back(bench: Bench) -> None:
    await try_out(bench, tried=True, other=False)
    version = await bench.newest()

    for n in range(200):
        control = goes_on_trial(f"control of {version.name}", f"later{n}", 0.5)
        await bench.ask(5000 + n, "p1" if control else None, f"later{n}")
    await bench.watch.work()

    assert (await bench.newest()).stage is VersionStage.ROLLED_BACK
    assert await bench.first("machine dryer once more") == "p0"


async def test_a_new_process_searches_as_the_old_one_did(bench: Bench) -> None:
    await try_out(bench, tried=True, other=False)
    bench.open_process()

    await bench.adapted.restore()

    assert await bench.first("machine dryer once more") == "p7"


@pytest.mark.parametrize("spoilt", [b"", b"no archive"])
async def test_an_adapter_that_is_gone_moves_nothing_and_is_taken_back(bench: Bench, spoilt: bytes) -> None:
    await try_out(bench, tried=True, other=False)
    await bench.keepsake.save(spoilt)
    bench.open_process()

    await bench.adapted.restore()
    assert await bench.first("machine dryer once more") == "p0"
    await bench.watch.work()

    version = await bench.newest()
    assert (version.stage, version.why) == (
        VersionStage.ROLLED_BACK,
        "its adapter is gone, or was made for another embedder",
    )


async def test_a_person_may_take_it_back(bench: Bench) -> None:
    await try_out(bench, tried=True, other=False)

    await bench.versions.roll_back(RETRIEVER, "person", "I liked the old way")
    await bench.watch.work()

    assert await bench.first("machine dryer once more") == "p0"


async def test_the_stores_of_the_product_carry_it_too(tmp_path: Path) -> None:
    records = await Records.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    embedder = HashEmbedder()
    knowledge = await EdgeKnowledge.open(tmp_path / "knowledge", embedder.identity)
    bench = Bench(
        records.ledger,
        records.annals,
        embedder=embedder,
        knowledge=knowledge,
        runs=records.runs,
        keepsake=FileKeepsake(tmp_path / "retriever.npz"),
    )
    await bench.fill()

    await try_out(bench, tried=True, other=False)

    bench.open_process()
    await bench.adapted.restore()
    assert (await bench.newest()).stage is VersionStage.SERVING
    assert await bench.first("machine dryer once more") == "p7"
    await knowledge.aclose()
    await records.aclose()


@pytest.mark.parametrize("wanted", [True, False])
async def test_the_house_learns_to_search_only_where_that_is_wanted(tmp_path: Path, wanted: bool) -> None:
    settings = load_settings({"HYBRID_DATA_DIR": str(tmp_path), "HYBRID_RETRIEVER_TRAINING": str(wanted).lower()})

    async with open_house(settings) as house:
        steps = [event async for event in house.daemon.run_once() if isinstance(event, Stepped)]

    assert (house.adapted is not None) is wanted
    assert not [step.state.error for step in steps if step.state.error]


async def test_search_follows_at_once_what_a_person_decides_on_its_versions(tmp_path: Path) -> None:
    settings = load_settings({"HYBRID_DATA_DIR": str(tmp_path), "HYBRID_RETRIEVER_TRAINING": "true"})
    adapter = np.full((384, 384), 0.01, dtype=np.float32)
    asked = [1.0] + [0.0] * 383

    async with open_house(settings) as house:
        assert house.adapted is not None
        base, now = house.adapted.base, house.clock.now()
        version = ModelVersion(
            "search+v1",
            1,
            RETRIEVER,
            Teaching.RETRIEVER,
            VersionStage.CANDIDATE,
            "run-1",
            base,
            now,
            now,
            "adapter.npz",
            fingerprint(adapter),
        )
        await house.adapted.keep(version.name, adapter)
        await house.training.runs.apply([VersionChange(None, version, "register", "train")], now)
        ways = [house.adapted.adapt(asked)]
        await deploy_version(house, DeployRequest(name=version.name, everybody=True, why=""))
        ways.append(house.adapted.adapt(asked))
        await roll_back_version(house, RollBackRequest(model=RETRIEVER, why=""))
        ways.append(house.adapted.adapt(asked))
        await deploy_version(house, DeployRequest(name=version.name, everybody=True, why=""))
        await drop_version(house, DropRequest(name=version.name, why="", rebuild=False))
        ways.append(house.adapted.adapt(asked))

    assert [way is asked for way in ways] == [True, False, True, True]
