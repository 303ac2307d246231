"""The trainer that ships for tests keeps the promises of the port that flows rely on."""

from datetime import UTC, datetime

import pytest

from hybrid_coordinator.domain.training import BaseWeights, Recipe, Run, RunState, Teaching
from hybrid_coordinator.errors import Conflict, MissingExtra
from hybrid_coordinator.ports import RunReport
from hybrid_coordinator.testing import InstantTrainer, MemoryWorkshop

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
RUN = Run(
    "run-1", NOON, NOON, RunState.WAITING, "local", Teaching.LORA, BaseWeights("tiny", "0" * 64), Recipe(), "dataset"
)


@pytest.fixture
def workshop() -> MemoryWorkshop:
    return MemoryWorkshop()


async def test_a_launched_run_is_finished_when_it_is_asked_after(workshop: MemoryWorkshop) -> None:
    trainer = InstantTrainer(workshop, manifest={"scale": 0.5})
    before = await trainer.poll(RUN)
    await trainer.launch(RUN)
    after = await trainer.poll(RUN)
    manifest = await workshop.manifest("run-1")

    assert (before.state, after.state) == (RunState.WAITING, RunState.FINISHED)
    assert manifest is not None
    assert (manifest["base"]["sha256"], manifest["dataset_hash"], manifest["scale"]) == ("0" * 64, "dataset", 0.5)
    assert list(manifest["files"]) == ["adapter.gguf"]


async def test_it_says_what_it_was_told_to_say_of_a_run(workshop: MemoryWorkshop) -> None:
    said = [RunReport(RunState.RUNNING), RunReport(RunState.WAITING, error="killed"), None]
    trainer = InstantTrainer(workshop, report=lambda _run, polls: said[polls])
    await trainer.launch(RUN)
    await trainer.launch(RUN)
    running, broken_off = await trainer.poll(RUN), await trainer.poll(RUN)
    waiting = await trainer.poll(RUN)
    await trainer.launch(RUN)
    finished = await trainer.poll(RUN)

    assert [running, broken_off] == said[:2]
    assert waiting == RunReport(RunState.WAITING)
    assert finished.state is RunState.FINISHED
    assert trainer.launched == ["run-1", "run-1"]


async def test_a_cancelled_run_is_over_for_good(workshop: MemoryWorkshop) -> None:
    trainer = InstantTrainer(workshop)
    await trainer.launch(RUN)
    await trainer.cancel(RUN)

    assert (await trainer.poll(RUN)).state is RunState.CANCELLED
    with pytest.raises(Conflict):
        await trainer.launch(RUN)


async def test_what_was_under_way_when_it_closed_is_launched_again(workshop: MemoryWorkshop) -> None:
    trainer = InstantTrainer(workshop)
    await trainer.launch(RUN)
    await trainer.aclose()

    assert (await trainer.poll(RUN)).state is RunState.WAITING


async def test_a_refusal_is_raised_by_the_check(workshop: MemoryWorkshop) -> None:
    with pytest.raises(MissingExtra, match="torch"):
        await InstantTrainer(workshop, refusal=MissingExtra("torch")).check()
