"""Training by hand and by itself, from the dataset to the version."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from finetuning_room import BASE, EAGER, GENERAL, RECIPE, FinetuningRoom, publish, some_rows
from hybrid_coordinator.domain.training import UNFINISHED, Progress, Run, RunState, Teaching
from hybrid_coordinator.domain.versions import VersionStage
from hybrid_coordinator.errors import BadInput, Conflict, Damaged, MissingExtra, NotFound, StorageFull, Unavailable
from hybrid_coordinator.flows.courtesy import Courtesy
from hybrid_coordinator.flows.finetuning import LEASE, Finetuner
from hybrid_coordinator.flows.freezing import GeneralTexts
from hybrid_coordinator.flows.registering import Registrar
from hybrid_coordinator.flows.traffic import Traffic
from hybrid_coordinator.ports import Material, RunReport
from hybrid_coordinator.testing import InstantTrainer, ManualClock, MemoryWorkshop
from taught import other_rows, pair, row
from teaching import answered

DAY = 86_400.0

Reports = Callable[[Run, int], RunReport | None]


class FullWorkshop(MemoryWorkshop):
    """A workshop on a full disk."""

    async def freeze(self, run: Run, material: Material) -> None:
        raise StorageFull("the disk is full; free some space")


class LostTrainer(InstantTrainer):
    """A trainer that cannot be reached when a run is to begin."""

    async def launch(self, run: Run) -> str:
        raise Unavailable("nobody answers there; try again later")


def room_of(folder: Path, report: Reports = lambda _run, _polls: None) -> tuple[FinetuningRoom, InstantTrainer]:
    """A room with a trainer that reports so."""
    workshop = MemoryWorkshop()
    trainer = InstantTrainer(workshop, report=report)
    return FinetuningRoom(folder, workshop=workshop, trainer=trainer), trainer


def advance(room: FinetuningRoom, seconds: float) -> None:
    assert isinstance(room.clock, ManualClock)
    room.clock.advance(seconds)


def running(done: int, stage: str = "train") -> RunReport:
    return RunReport(RunState.RUNNING, Progress(stage, done, 80, 240.0))


def broken(done: int) -> RunReport:
    return RunReport(RunState.WAITING, Progress("train", done, 80), "the process was killed")


async def exclude(room: FinetuningRoom, number: int) -> None:
    await room.ledger.append(answered(number))
    await room.ledger.exclude(f"answer-{number}", "a secret", room.clock.now())


async def begin(finetuner: Finetuner) -> Run:
    return await finetuner.start(recipe=RECIPE, teaching=Teaching.LORA)


async def test_a_run_by_hand_ends_in_a_candidate_that_says_what_it_was_made_of(tmp_path: Path) -> None:
    room, _ = room_of(tmp_path, lambda _run, polls: None if polls else running(12))
    content_hash = await publish(room.dataset, some_rows(), [pair(900, "Who owns it?", "She does.")])
    finetuner = room.finetuner()

    run = await begin(finetuner)
    first, second = await finetuner.work(), await finetuner.work()

    assert first.detail == "training: train 12 of 80, 4 min left"
    assert second.detail == "small+v1 is trained"
    version = await room.runs.version("small+v1")
    assert (version.stage, version.model, version.base, version.run_id) == (
        VersionStage.CANDIDATE,
        "local",
        BASE,
        run.id,
    )
    assert (version.artefact, version.dataset_hash, version.rows) == ("adapter.gguf", content_hash, run.rows)
    assert len(version.sha256) == 64
    ended = await room.runs.run(run.id)
    assert (ended.state, ended.version, ended.attempts, ended.started_by) == (
        RunState.FINISHED,
        "small+v1",
        1,
        "person",
    )
    assert ended.rows + ended.held_out == 40
    assert ended.pairs == 1
    assert room.events == ["training_started", "training_finished"]


async def test_a_version_is_trained_on_what_it_saw_and_not_on_what_was_held_back(tmp_path: Path) -> None:
    room, _ = room_of(tmp_path)
    await publish(room.dataset, some_rows(), [pair(900, "Who owns it?", "She does.")])
    finetuner = room.finetuner()

    run = await begin(finetuner)
    await finetuner.work()

    material = await room.workshop.material(run.id)
    taught = [one["metadata"]["source_id"] for one in material.train]
    hidden = [one["metadata"]["source_id"] for one in material.held_out]
    assert hidden
    assert set((await room.runs.trained_on([*taught, "correction-900"]))["small+v1"]) == {*taught, "correction-900"}
    assert await room.runs.trained_on(hidden) == {}
    told = GeneralTexts(material.replay, material.regression, material.documents, material.keep)
    assert told == GENERAL


async def test_the_next_version_has_the_next_number(tmp_path: Path) -> None:
    room, _ = room_of(tmp_path)
    await publish(room.dataset, some_rows())
    finetuner = room.finetuner()

    for _ in range(3):
        advance(room, DAY)
        await begin(finetuner)
        await finetuner.work()

    assert [one.name for one in await room.runs.versions("local")] == ["small+v3", "small+v2", "small+v1"]


async def test_one_run_at_a_time_over_all_processes(tmp_path: Path) -> None:
    room, trainer = room_of(tmp_path, lambda _run, _polls: running(1))
    await publish(room.dataset, some_rows())
    first, second = room.finetuner("first"), room.finetuner("second")

    run = await begin(first)

    with pytest.raises(Conflict, match="is not finished"):
        await begin(first)
    with pytest.raises(Conflict, match="is not finished"):
        await begin(second)
    assert "'first' looks after" in (await second.work()).detail
    assert trainer.launched == [run.id]


async def test_two_that_begin_at_once_make_one_run(tmp_path: Path) -> None:
    room, trainer = room_of(tmp_path, lambda _run, _polls: running(1))
    await publish(room.dataset, some_rows())
    finetuner, refused = room.finetuner(), []

    async def try_to_begin() -> None:
        try:
            await begin(finetuner)
        except Conflict as error:
            refused.append(str(error))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(try_to_begin)

    assert len(refused) == 4
    assert len(trainer.launched) == len(await room.runs.runs(limit=10)) == 1


async def test_another_process_goes_on_with_a_run_whose_own_died(tmp_path: Path) -> None:
    room, trainer = room_of(tmp_path, lambda _run, _polls: running(1))
    await publish(room.dataset, some_rows())
    run = await begin(room.finetuner("first"))
    await trainer.aclose()

    advance(room, 901)
    done = await room.finetuner("second").work()

    assert done.detail == "training goes on"
    assert trainer.launched == [run.id, run.id]
    assert (await room.runs.run(run.id)).attempts == 2


async def test_a_run_whose_files_lie_elsewhere_is_left_to_its_folder_and_can_be_cancelled(tmp_path: Path) -> None:
    room, trainer = room_of(tmp_path, lambda _run, _polls: running(1))
    await publish(room.dataset, some_rows())
    run = await begin(room.finetuner("first"))
    elsewhere = room.finetuner("second", workshop=MemoryWorkshop())

    advance(room, 901)
    await elsewhere.work()
    looked = await elsewhere.look(run.id)
    with pytest.raises(Conflict, match="is not finished"):
        await begin(elsewhere)

    assert await room.agenda.holder(LEASE, room.clock.now()) != "second"
    assert (looked.state, looked.attempts) == (RunState.RUNNING, 1)
    assert trainer.launched == [run.id]
    assert (await elsewhere.cancel(run.id)).state is RunState.CANCELLED


@pytest.mark.parametrize(
    ("rows", "missing"),
    [
        ([], "there is no row to train on"),
        (some_rows(12), "where 20 are needed"),
        ([some_rows()[0]] * 60, "1 different questions where 8 are needed; 1 different answers where 3"),
        ([*some_rows(), {"messages": [], "metadata": {"split": "train"}}], "malformed"),
        ([row(n, f"Is the {word} up?", " ") for n, word in enumerate("abcdefghjk")], "rows have no answer"),
    ],
)
async def test_a_dataset_that_teaches_nothing_is_refused_with_what_is_missing(
    tmp_path: Path, rows: list[dict[str, object]], missing: str
) -> None:
    room, _ = room_of(tmp_path)
    await publish(room.dataset, rows)

    with pytest.raises(BadInput, match="nothing can be trained on this dataset") as refused:
        await begin(room.finetuner())

    assert missing in str(refused.value)
    assert await room.runs.runs(limit=1) == []
    assert await room.agenda.holder("training", room.clock.now()) is None


async def test_without_a_dataset_the_next_step_is_said(tmp_path: Path) -> None:
    room, _ = room_of(tmp_path)

    with pytest.raises(NotFound, match="export it first"):
        await begin(room.finetuner())


async def test_a_missing_extra_and_an_unknown_teaching_begin_nothing(tmp_path: Path) -> None:
    room, trainer = room_of(tmp_path)
    await publish(room.dataset, some_rows())
    trainer.refusal = MissingExtra("pip install 'hybrid-coordinator[train]'")

    with pytest.raises(MissingExtra):
        await begin(room.finetuner())
    with pytest.raises(BadInput, match="offered: llama-cpp"):
        await room.finetuner().start(recipe=RECIPE, teaching=Teaching.OPENAI)
    assert await room.runs.runs(limit=1) == []


async def test_a_full_disk_is_a_failed_run_that_is_told(tmp_path: Path) -> None:
    room = FinetuningRoom(tmp_path, workshop=FullWorkshop())
    await publish(room.dataset, some_rows())

    with pytest.raises(StorageFull):
        await begin(room.finetuner())

    [run] = await room.runs.runs(limit=2)
    assert run.state is RunState.FAILED
    assert run.error
    assert await room.agenda.holder("training", room.clock.now()) is None
    assert room.events[-1] == "training_failed"


async def test_a_trainer_that_does_not_answer_may_have_begun_and_is_looked_at_again(tmp_path: Path) -> None:
    room = FinetuningRoom(tmp_path, trainer=LostTrainer(MemoryWorkshop()))
    await publish(room.dataset, some_rows())

    run = await begin(room.finetuner())

    assert run.state in UNFINISHED
    assert run.attempts == 1
    assert room.events == []


async def test_what_was_excluded_since_the_export_is_not_trained_on(tmp_path: Path) -> None:
    room, _ = room_of(tmp_path)
    rows = some_rows()
    await publish(room.dataset, rows, [pair(3, "Who owns it?", "She does.")])
    await exclude(room, 3)

    run = await begin(room.finetuner())

    material = await room.workshop.material(run.id)
    assert "answer-3" not in [one["metadata"]["source_id"] for one in (*material.train, *material.held_out)]
    assert run.rows + run.held_out == len(rows) - 1
    assert run.pairs == 0


async def test_what_was_excluded_while_it_was_trained_taints_the_version(tmp_path: Path) -> None:
    room, _ = room_of(tmp_path)
    await publish(room.dataset, some_rows())
    finetuner = room.finetuner()
    await begin(finetuner)
    await exclude(room, 3)

    await finetuner.work()

    assert (await room.runs.version("small+v1")).tainted_by == ("answer-3",)


async def test_a_run_that_broke_off_goes_on_as_long_as_it_gets_further(tmp_path: Path) -> None:
    room, trainer = room_of(tmp_path, lambda run, _polls: broken(run.attempts) if run.attempts < 9 else None)
    await publish(room.dataset, some_rows())
    finetuner = room.finetuner()
    run = await begin(finetuner)

    for _ in range(9):
        await finetuner.work()

    assert len(trainer.launched) == 9
    assert (await room.runs.run(run.id)).state is RunState.FINISHED


async def test_a_run_that_breaks_off_again_and_again_at_one_place_has_failed(tmp_path: Path) -> None:
    room, trainer = room_of(tmp_path, lambda _run, _polls: broken(12))
    await publish(room.dataset, some_rows())
    finetuner = room.finetuner()
    run = await begin(finetuner)

    for _ in range(6):
        await finetuner.work()
        advance(room, 3_601)

    ended = await room.runs.run(run.id)
    assert ended.state is RunState.FAILED
    assert ended.error == "it broke off 3 times without getting any further; the process was killed"
    assert len(trainer.launched) == 4
    assert room.events == ["training_started", "training_failed"]


async def test_what_got_no_further_is_launched_again_after_a_pause_and_by_another_process_at_once(
    tmp_path: Path,
) -> None:
    room, trainer = room_of(tmp_path, lambda _run, _polls: broken(12))
    await publish(room.dataset, some_rows())
    finetuner = room.finetuner()
    await begin(finetuner)

    await finetuner.work()
    told = [(await finetuner.work()).detail for _ in range(3)]
    within_the_pause = len(trainer.launched)
    advance(room, 61)
    await finetuner.work()
    after_it = len(trainer.launched)
    advance(room, 901)
    await room.finetuner("second").work()

    spent = [one.spent_s for one in await room.runs.runs(limit=1)]
    assert spent[0] < 61  # waiting is no training
    assert all("goes on at" in one and "the process was killed" in one for one in told)
    assert (within_the_pause, after_it, len(trainer.launched)) == (2, 3, 4)


async def test_a_run_that_takes_longer_than_its_budget_is_ended(tmp_path: Path) -> None:
    room, trainer = room_of(tmp_path, lambda _run, _polls: running(1))
    await publish(room.dataset, some_rows())
    finetuner = room.finetuner()
    run = await begin(finetuner)

    advance(room, 30 * 60)
    await finetuner.work()
    in_time = (await room.runs.run(run.id)).state
    advance(room, 6 * 60)
    await finetuner.work()

    assert in_time is RunState.RUNNING
    ended = await room.runs.run(run.id)
    assert (ended.state, ended.error) == (RunState.FAILED, "it took more than its 30 minutes")
    assert (await trainer.poll(run)).state is RunState.CANCELLED


async def test_a_vendors_queue_is_no_time_of_this_machine(tmp_path: Path) -> None:
    room, _ = room_of(tmp_path, lambda _run, _polls: running(1))
    room.teachings = (Teaching.OPENAI,)
    await publish(room.dataset, some_rows())
    finetuner = room.finetuner()
    run = await finetuner.start(recipe=RECIPE, teaching=Teaching.OPENAI)

    advance(room, 7 * DAY)
    await finetuner.work()

    assert (await room.runs.run(run.id)).state is RunState.RUNNING


async def test_a_trainer_that_is_away_is_not_asked_again_at_once(tmp_path: Path) -> None:
    trainer = LostTrainer(MemoryWorkshop(), report=lambda _run, _polls: broken(0))
    room = FinetuningRoom(tmp_path, trainer=trainer)
    await publish(room.dataset, some_rows())
    finetuner = room.finetuner()
    run = await begin(finetuner)

    for _ in range(5):
        await finetuner.work()
    early = (await room.runs.run(run.id)).attempts
    advance(room, 61)
    with pytest.raises(Unavailable):
        await finetuner.work()

    assert (early, (await room.runs.run(run.id)).attempts) == (1, 2)


async def test_a_failure_that_is_final_is_told_with_its_reason(tmp_path: Path) -> None:
    room, _ = room_of(
        tmp_path, lambda _run, _polls: RunReport(RunState.FAILED, error="out of memory; use a smaller batch")
    )
    await publish(room.dataset, some_rows())
    finetuner = room.finetuner()
    run = await begin(finetuner)

    done = await finetuner.work()

    assert done.detail == "training failed: out of memory; use a smaller batch"
    assert (await room.runs.run(run.id)).error == "out of memory; use a smaller batch"
    assert room.told[-1][1]["error"] == "out of memory; use a smaller batch"


async def test_an_adapter_for_another_base_becomes_no_version(tmp_path: Path) -> None:
    workshop = MemoryWorkshop()
    trainer = InstantTrainer(workshop, manifest={"base": {"name": "other", "sha256": "07e4"}})
    room = FinetuningRoom(tmp_path, workshop=workshop, trainer=trainer)
    await publish(room.dataset, some_rows())
    finetuner = room.finetuner()
    run = await begin(finetuner)

    await finetuner.work()

    assert "for the base '07e4', not 'ba5e'" in (await room.runs.run(run.id)).error
    assert await room.runs.versions() == []


async def test_a_spoilt_adapter_becomes_no_version(tmp_path: Path) -> None:
    room, _ = room_of(tmp_path)
    await publish(room.dataset, some_rows())
    finetuner = room.finetuner()
    run = await begin(finetuner)
    registrar = Registrar(room.runs, room.workshop, room.ledger, room.clock, keep_runs=2, forget=room.host.drop)
    with pytest.raises(Damaged, match="no manifest"):
        await registrar.register(run)
    assert room.trainer is not None
    await room.trainer.poll(run)
    assert isinstance(room.workshop, MemoryWorkshop)
    room.workshop.files[run.id]["adapter.gguf"] = b"half of it"

    with pytest.raises(Damaged, match="not what the run made"):
        await registrar.register(run)

    assert await room.runs.versions() == []


async def test_registering_twice_makes_one_version(tmp_path: Path) -> None:
    room, trainer = room_of(tmp_path)
    await publish(room.dataset, some_rows())
    run = await begin(room.finetuner())
    await trainer.poll(run)
    registrar = Registrar(room.runs, room.workshop, room.ledger, room.clock, keep_runs=2, forget=room.host.drop)

    assert await registrar.register(run) == await registrar.register(run)

    assert len(await room.runs.versions()) == 1


async def test_a_version_of_a_vendor_has_its_name_there(tmp_path: Path) -> None:
    workshop = MemoryWorkshop()
    trainer = InstantTrainer(workshop, manifest={"vendor_model": "ft:gpt:1", "scale": 0.5})
    room = FinetuningRoom(tmp_path, workshop=workshop, trainer=trainer)
    await publish(room.dataset, some_rows())
    finetuner = room.finetuner()
    await begin(finetuner)

    await finetuner.work()

    version = await room.runs.version("small+v1")
    assert (version.vendor_model, version.scale) == ("ft:gpt:1", 0.5)


async def test_cancelling_ends_a_run_for_good_and_frees_the_way(tmp_path: Path) -> None:
    room, _ = room_of(tmp_path, lambda _run, _polls: running(1))
    await publish(room.dataset, some_rows())
    finetuner = room.finetuner()
    run = await begin(finetuner)

    first, again = await finetuner.cancel(run.id), await finetuner.cancel(run.id)

    assert first == again
    assert first.state is RunState.CANCELLED
    assert (await finetuner.work()).done == 0
    assert (await begin(room.finetuner("second"))).id != run.id
    with pytest.raises(NotFound):
        await finetuner.cancel("nobody")


async def test_a_finished_run_cannot_be_cancelled(tmp_path: Path) -> None:
    room, _ = room_of(tmp_path)
    await publish(room.dataset, some_rows())
    finetuner = room.finetuner()
    run = await begin(finetuner)
    assert (await finetuner.look(run.id)).state is RunState.FINISHED

    with pytest.raises(Conflict, match="finished already"):
        await finetuner.cancel(run.id)


async def test_a_run_that_another_process_cancelled_is_ended_by_the_one_it_runs_in(tmp_path: Path) -> None:
    room, here = room_of(tmp_path, lambda _run, _polls: running(1))
    await publish(room.dataset, some_rows())
    finetuner = room.finetuner("first")
    run = await begin(finetuner)
    assert isinstance(room.workshop, MemoryWorkshop)
    there = replace(room, trainer=InstantTrainer(room.workshop))

    await there.finetuner("second").cancel(run.id)
    await finetuner.work()

    assert (await here.poll(run)).state is RunState.CANCELLED


async def test_old_folders_go_with_what_servers_keep_and_those_of_versions_that_may_answer_stay(tmp_path: Path) -> None:
    room, _ = room_of(tmp_path)
    await publish(room.dataset, some_rows())
    finetuner, ids = room.finetuner(), []
    stages = (
        VersionStage.RETIRED,
        VersionStage.REJECTED,
        VersionStage.RETIRED,
        VersionStage.SERVING,
        VersionStage.ROLLED_BACK,
        VersionStage.HELD,
        VersionStage.REJECTED,
    )
    for number, stage in enumerate((*stages, VersionStage.REJECTED), 1):
        advance(room, DAY)
        ids.append((await begin(finetuner)).id)
        await finetuner.work()
        await room.bring_to(f"small+v{number}", stage)

    sizes = [await room.workshop.size(run_id) for run_id in ids]

    assert [number for number, size in enumerate(sizes, 1) if size] == [3, 4, 7, 8]
    assert room.host.dropped == [f"small+v{number}" for number in (2, 1, 5, 6)]


# by itself


async def at_due_time(room: FinetuningRoom, finetuner: Finetuner) -> str:
    """What is said on the first Sunday at two, by a process that has watched since Thursday."""
    watching = (await finetuner.work()).detail
    advance(room, 3 * DAY + 2 * 3600)
    return watching


async def test_a_run_begins_by_itself_at_the_scheduled_time(tmp_path: Path) -> None:
    room, trainer = room_of(tmp_path, lambda _run, _polls: running(1))
    await publish(room.dataset, some_rows())
    finetuner = room.finetuner()

    watching = await at_due_time(room, finetuner)
    begun = await finetuner.work()

    assert watching == "40 rows, enough for a first training; the next may begin on 2026-01-04 at 02:00"
    assert begun.counts == {"training_runs": 1}
    [run] = await room.runs.runs(limit=2)
    assert (run.started_by, run.recipe.minutes, trainer.launched) == ("schedule", EAGER.minutes, [run.id])


async def test_nothing_begins_by_itself_unless_it_is_switched_on(tmp_path: Path) -> None:
    room, trainer = room_of(tmp_path)
    room.policy = replace(EAGER, enabled=False)
    await publish(room.dataset, some_rows(12))

    advance(room, 30 * DAY)

    assert (await room.finetuner().work()).detail == "12 rows, 8 short of a first training; training by itself is off"
    assert trainer.launched == []


async def test_switching_it_on_does_not_begin_what_was_due_before(tmp_path: Path) -> None:
    room, trainer = room_of(tmp_path)
    await publish(room.dataset, some_rows())
    await room.finetuner().work()
    room.policy = replace(EAGER, enabled=False)
    await room.finetuner().work()
    advance(room, 30 * DAY)
    room.policy = EAGER

    assert "the next may begin on" in (await room.finetuner().work()).detail
    assert trainer.launched == []


async def test_a_machine_that_slept_or_was_restarted_begins_at_the_first_chance(tmp_path: Path) -> None:
    room, trainer = room_of(tmp_path, lambda _run, _polls: running(1))
    await publish(room.dataset, some_rows())
    await room.finetuner("first").work()
    advance(room, 5 * DAY)

    await room.finetuner("second").work()

    assert len(trainer.launched) == 1


async def test_it_waits_while_the_machine_is_busy_and_begins_then(tmp_path: Path) -> None:
    room, trainer = room_of(tmp_path, lambda _run, _polls: running(1))
    await publish(room.dataset, some_rows())
    finetuner = room.finetuner()
    await at_due_time(room, finetuner)

    room.load = 0.8
    loaded = await finetuner.work()
    room.load, room.quiet = 0.1, 20.0
    asked = await finetuner.work()
    room.quiet = 301.0
    await finetuner.work()

    assert loaded.detail == "a training waits for an idle machine: load 0.80 for each core, 0.50 at most"
    assert asked.detail == "a training waits until nobody has asked anything for 300 s"
    assert len(trainer.launched) == 1


async def test_a_scheduled_time_without_enough_rows_goes_by(tmp_path: Path) -> None:
    room, trainer = room_of(tmp_path)
    await publish(room.dataset, some_rows(12))
    finetuner = room.finetuner()
    await at_due_time(room, finetuner)

    short = await finetuner.work()
    await publish(room.dataset, some_rows())
    next_one = await finetuner.work()

    assert short.detail == "12 rows, 8 short of a first training"
    assert next_one.detail.endswith("the next may begin on 2026-01-11 at 02:00")
    assert trainer.launched == []


async def test_the_next_run_needs_rows_that_the_last_one_did_not_have(tmp_path: Path) -> None:
    room, trainer = room_of(tmp_path)
    room.policy = replace(EAGER, schedule="0 2 * * *")
    rows, fresh = some_rows(), other_rows(20, first=500)[10:]
    await publish(room.dataset, rows)
    finetuner = room.finetuner()
    await begin(finetuner)

    told = [(await finetuner.work()).detail for _ in range(2)]
    for dataset in (rows, [*rows[5:], *fresh[:9]], [*rows[5:], *fresh]):
        await publish(room.dataset, dataset)
        advance(room, DAY)
        told.append((await finetuner.work()).detail)

    assert told == [
        "small+v1 is trained",
        "40 rows, 0 of them new: 10 short of the next training; the next may begin on 2026-01-01 at 02:00",
        "40 rows, 0 of them new: 10 short of the next training",
        "44 rows, 9 of them new: 1 short of the next training",
        f"training has begun: {(await room.runs.run(trainer.launched[1])).rows} rows",
    ]


async def test_a_refusal_is_told_until_it_is_gone_and_does_not_come_every_time(tmp_path: Path) -> None:
    room, trainer = room_of(tmp_path)
    trainer.refusal = MissingExtra("pip install 'hybrid-coordinator[train]'")
    await publish(room.dataset, some_rows())
    finetuner = room.finetuner()
    await at_due_time(room, finetuner)

    for _ in range(3):
        told = (await finetuner.work()).detail

    assert told.endswith("the last time it was refused: pip install 'hybrid-coordinator[train]'")
    assert room.events == ["training_refused"]
    assert await room.runs.runs(limit=1) == []


async def test_a_clock_that_goes_back_neither_begins_nor_blocks_a_training(tmp_path: Path) -> None:
    room, trainer = room_of(tmp_path, lambda _run, _polls: running(1))
    await publish(room.dataset, some_rows())
    finetuner = room.finetuner()
    await finetuner.work()

    advance(room, -700 * DAY)
    await finetuner.work()
    assert trainer.launched == []
    advance(room, 8 * DAY)
    await finetuner.work()

    assert len(trainer.launched) == 1


# courtesy


async def test_training_stands_still_while_somebody_waits_and_that_costs_it_no_time(tmp_path: Path) -> None:
    trainer, traffic, clock = InstantTrainer(MemoryWorkshop()), Traffic(), ManualClock()
    courtesy = Courtesy([trainer], traffic, clock, quiet_s=0.01)
    states = [trainer.paused]

    async with anyio.create_task_group() as group:
        group.start_soon(courtesy.keep_up)
        for _ in range(2):
            await anyio.wait_all_tasks_blocked()
            with traffic.answering():
                await anyio.wait_all_tasks_blocked()
                states.append(trainer.paused)
                clock.advance(60)
            with anyio.fail_after(5):
                while trainer.paused:
                    await anyio.lowlevel.checkpoint()
            states.append(trainer.paused)
        group.cancel_scope.cancel()

    assert states == [False, True, False, True, False]
    assert courtesy.stood_s == 120.0
