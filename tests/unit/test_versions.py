"""Versions go from stage to stage, and the model answers as they are on record, whatever breaks in between."""

from collections.abc import Sequence
from datetime import datetime

import anyio
import pytest

from hybrid_coordinator.domain.training import Recipe, Run, RunState, Teaching
from hybrid_coordinator.domain.versions import Measured, VersionChange, VersionStage
from hybrid_coordinator.errors import Conflict, ModelRefused, ModelUnavailable, NotFound, StorageFull
from hybrid_coordinator.logic.canary import CanaryPolicy
from hybrid_coordinator.logic.version_stages import Act, check_act
from hybrid_coordinator.testing import MemoryRuns
from version_room import BASE, START, VersionRoom, make_version

EVERYBODY = CanaryPolicy(share=1.0)
UNWATCHED = CanaryPolicy(share=1.0, watch_days=0)

CANDIDATE, HELD, CANARY, SERVING = (
    VersionStage.CANDIDATE,
    VersionStage.HELD,
    VersionStage.CANARY,
    VersionStage.SERVING,
)
RETIRED, REJECTED, ROLLED_BACK, DROPPED = (
    VersionStage.RETIRED,
    VersionStage.REJECTED,
    VersionStage.ROLLED_BACK,
    VersionStage.DROPPED,
)


class Killed(BaseException):
    """The process is gone."""


class DyingRuns(MemoryRuns):
    """Records after which, or before which, the process dies once."""

    def __init__(self) -> None:
        super().__init__()
        self.dies = ""

    async def apply(self, changes: Sequence[VersionChange], at: datetime) -> None:
        dies, self.dies = self.dies, ""
        if dies == "before":
            raise Killed
        await super().apply(changes, at)
        if dies == "after":
            raise Killed


class FullRuns(MemoryRuns):
    """Records on a disk that is full from some time on."""

    full = False

    async def apply(self, changes: Sequence[VersionChange], at: datetime) -> None:
        if self.full:
            raise StorageFull("the disk is full: free some space")
        await super().apply(changes, at)


async def test_a_canary_answers_its_share_and_the_base_the_rest() -> None:
    room = VersionRoom()
    await room.keep(make_version(1))

    version = await room.versions.start_canary("tiny+v1", "measure", "it measured better")

    assert (version.stage, version.canary_since) == (CANARY, START)
    assert room.answering == ("tiny", "tiny+v1")
    assert await room.ask() == "tiny"
    asked = {await room.ask(f"session {number}") for number in range(60)}
    assert asked == {"tiny", "tiny+v1"}
    assert room.events == [("model_canary", "tiny+v1")]


async def test_a_promoted_canary_goes_on_in_the_process_it_has() -> None:
    room = VersionRoom(policy=UNWATCHED)
    await room.keep(make_version(1))
    await room.versions.start_canary("tiny+v1", "measure", "better")

    version = await room.versions.promote("tiny+v1", "deploy", "fares better", (Measured("credit", 9, 0, 1, 0.1, 1),))

    assert (version.stage, version.serving_since, len(version.canary)) == (SERVING, START, 1)
    assert room.answering == ("tiny+v1", None)
    assert [name for name, _ in room.host.opened] == ["tiny+v1"]
    assert await room.ask("anybody") == "tiny+v1"


async def test_what_served_before_keeps_a_share_as_control_for_a_while() -> None:
    room = VersionRoom(policy=CanaryPolicy(watch_days=7))
    await room.keep(make_version(1))
    await room.versions.start_canary("tiny+v1", "measure", "better")
    await room.versions.promote("tiny+v1", "deploy", "fares better")
    watched = room.answering

    room.clock.advance(8 * 86_400)
    await room.following.follow("local")

    assert (watched, room.answering) == (("tiny+v1", "tiny"), ("tiny+v1", None))
    assert [name for name, _ in room.host.opened] == ["tiny+v1"]


async def test_promoting_another_retires_the_first_and_holds_the_canary() -> None:
    room = VersionRoom(policy=UNWATCHED)
    await room.keep(make_version(1), make_version(2), make_version(3))
    await room.versions.promote("tiny+v1", "person", "try")
    await room.versions.start_canary("tiny+v2", "person", "try")

    await room.versions.promote("tiny+v3", "person", "the best")

    assert await room.stages() == {"tiny+v1": RETIRED, "tiny+v2": HELD, "tiny+v3": SERVING}
    assert room.answering == ("tiny+v3", None)
    [(_, change), *_] = await room.runs.log(name="tiny+v1", limit=5)
    assert (change.action, change.actor, change.why) == ("retire", "person", "tiny+v3 serves in its place")


async def test_a_step_waits_while_another_version_is_tried_out() -> None:
    room = VersionRoom()
    await room.keep(make_version(1), make_version(2))
    await room.versions.start_canary("tiny+v1", "measure", "better")

    with pytest.raises(Conflict, match="'tiny\\+v1' is being tried out; 'tiny\\+v2' waits"):
        await room.versions.start_canary("tiny+v2", "measure", "better still")

    assert room.answering == ("tiny", "tiny+v1")
    assert room.host.running == ["tiny+v1"]


async def test_a_person_may_try_another_in_its_place() -> None:
    room = VersionRoom()
    await room.keep(make_version(1), make_version(2))
    await room.versions.start_canary("tiny+v1", "measure", "better")

    await room.versions.start_canary("tiny+v2", "person", "better still")

    assert await room.stages() == {"tiny+v1": HELD, "tiny+v2": CANARY}
    assert room.answering == ("tiny", "tiny+v2")


async def test_where_one_answers_and_one_is_on_trial_it_must_be_said_which_goes_back() -> None:
    room = VersionRoom(policy=UNWATCHED)
    await room.keep(make_version(1), make_version(2))
    await room.versions.promote("tiny+v1", "person", "")
    await room.versions.start_canary("tiny+v2", "measure", "")

    with pytest.raises(Conflict, match="say which of the two"):
        await room.versions.roll_back("local", "person", "it lies")
    await room.versions.roll_back("tiny+v2", "person", "it lies")

    assert room.answering == ("tiny+v1", None)


async def test_rolling_back_goes_down_the_stack_to_the_base() -> None:
    room = VersionRoom(policy=UNWATCHED)
    await room.keep(make_version(1), make_version(2))
    await room.versions.promote("tiny+v1", "person", "")
    room.clock.advance(60)
    await room.versions.promote("tiny+v2", "person", "")

    await room.versions.roll_back("tiny+v2", "person", "it lies")
    first = room.answering
    await room.versions.roll_back("local", "person", "it lies too")

    assert (first, room.answering) == (("tiny+v1", None), ("tiny", None))
    assert await room.stages() == {"tiny+v1": ROLLED_BACK, "tiny+v2": ROLLED_BACK}
    assert room.forgotten == ["tiny+v2", "tiny+v1"]
    with pytest.raises(Conflict, match="nothing to roll back"):
        await room.versions.roll_back("local", "person", "again")


async def test_a_watched_version_gives_way_to_its_control_without_opening_anything() -> None:
    room = VersionRoom()
    await room.keep(make_version(1))
    await room.versions.promote("tiny+v1", "person", "")
    await room.following.follow("local")
    opened = len(room.host.opened)

    await room.versions.roll_back("local", "deploy", "worse")

    assert (room.answering, len(room.host.opened)) == (("tiny", None), opened)


async def test_a_person_takes_a_rollback_back() -> None:
    room = VersionRoom(policy=UNWATCHED)
    await room.keep(make_version(1))
    await room.versions.promote("tiny+v1", "person", "")
    await room.versions.roll_back("tiny+v1", "person", "by mistake")

    await room.versions.promote("tiny+v1", "person", "it was a mistake")

    assert room.answering == ("tiny+v1", None)


async def test_what_cannot_be_opened_changes_nothing() -> None:
    room = VersionRoom()
    await room.keep(make_version(1))
    room.host.troubles["tiny+v1"] = ModelRefused("another base; train it anew")

    with pytest.raises(ModelRefused):
        await room.versions.start_canary("tiny+v1", "measure", "")

    assert await room.stages() == {"tiny+v1": CANDIDATE}
    assert (room.answering, room.events) == (("tiny", None), [])


@pytest.mark.parametrize(
    ("trouble", "stage"),
    [(ModelRefused("its file is spoilt"), ROLLED_BACK), (ModelUnavailable("its server is away now"), RETIRED)],
)
async def test_a_predecessor_that_cannot_be_opened_is_passed_over_and_only_a_spoilt_one_condemned(
    trouble: Exception, stage: VersionStage
) -> None:
    room = VersionRoom(policy=UNWATCHED)
    await room.keep(make_version(1), make_version(2))
    await room.versions.promote("tiny+v1", "person", "")
    await room.versions.promote("tiny+v2", "person", "")
    room.host.troubles["tiny+v1"] = trouble

    await room.versions.roll_back("tiny+v2", "person", "worse")

    assert room.answering == ("tiny", None)
    assert await room.stages() == {"tiny+v1": stage, "tiny+v2": ROLLED_BACK}


async def test_records_that_cannot_be_written_leave_no_process_behind() -> None:
    runs = FullRuns()
    room = VersionRoom(runs=runs)
    await room.keep(make_version(1))
    runs.full = True

    with pytest.raises(StorageFull):
        await room.versions.promote("tiny+v1", "person", "")

    assert (room.answering, room.host.running) == (("tiny", None), [])


@pytest.mark.parametrize(("dies", "serves"), [("before", "tiny"), ("after", "tiny+v1")])
@pytest.mark.parametrize("act", ["start_canary", "promote", "roll_back", "hold"])
async def test_a_kill_in_the_middle_of_an_act_is_all_or_nothing(act: str, dies: str, serves: str) -> None:
    runs = DyingRuns()
    room = VersionRoom(runs=runs, policy=UNWATCHED)
    stage = {"roll_back": SERVING, "hold": CANARY}.get(act, CANDIDATE)
    await room.keep(make_version(1, stage, serving_since=START, canary_since=START))
    runs.dies = dies

    with pytest.raises(Killed):
        await getattr(room.versions, act)("tiny+v1", "person", "")
    room.open_process()
    await room.following.restore()
    await room.following.follow("local")

    after = {"start_canary": CANARY, "promote": SERVING, "roll_back": ROLLED_BACK, "hold": HELD}[act]
    reached = after if dies == "after" else stage
    assert await room.stages() == {"tiny+v1": reached}
    expected = {SERVING: ("tiny+v1", None), CANARY: ("tiny", "tiny+v1")}.get(reached, ("tiny", None))
    assert room.answering == expected


async def test_a_cancelled_opening_changes_nothing_and_the_next_act_works() -> None:
    room = VersionRoom(policy=UNWATCHED)
    await room.keep(make_version(1))
    room.host.gates["tiny+v1"] = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(room.versions.promote, "tiny+v1", "person", "")
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert (await room.stages(), room.answering) == ({"tiny+v1": CANDIDATE}, ("tiny", None))
    room.host.gates["tiny+v1"].set()

    await room.versions.promote("tiny+v1", "person", "")

    assert room.answering == ("tiny+v1", None)


async def test_two_processes_cannot_both_change_a_version() -> None:
    room, other = VersionRoom(), VersionRoom()
    other.runs = room.runs
    other.open_process()
    await room.keep(make_version(1))
    room.host.gates["tiny+v1"] = anyio.Event()
    conflicts: list[Conflict] = []

    async def promote() -> None:
        try:
            await room.versions.promote("tiny+v1", "person", "")
        except Conflict as conflict:
            conflicts.append(conflict)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(promote)
        await anyio.wait_all_tasks_blocked()
        await other.versions.hold("tiny+v1", "person", "not yet")
        room.host.gates["tiny+v1"].set()

    assert len(conflicts) == 1
    assert await room.stages() == {"tiny+v1": HELD}
    assert (room.answering, room.host.running) == (("tiny", None), [])


async def test_another_process_follows_what_was_decided() -> None:
    room, other = VersionRoom(policy=UNWATCHED), VersionRoom(policy=UNWATCHED)
    other.runs = room.runs
    other.open_process()
    await room.keep(make_version(1), make_version(2))
    await room.versions.promote("tiny+v1", "person", "")
    await room.versions.start_canary("tiny+v2", "person", "")

    await other.following.follow("local")
    started = other.answering
    await room.versions.roll_back("tiny+v2", "person", "")
    await room.versions.roll_back("tiny+v1", "person", "")
    await other.following.follow("local")

    assert (started, other.answering) == (("tiny+v1", "tiny+v2"), ("tiny", None))


async def test_opening_the_house_opens_no_engine() -> None:
    room = VersionRoom()
    await room.keep(make_version(1, SERVING, serving_since=START), make_version(2, CANARY, canary_since=START))

    await room.following.restore()

    assert room.host.opened == []
    await room.local.check()
    assert await room.ask() == "tiny+v1"
    assert [name for name, _ in room.host.opened] == ["tiny+v1"]


async def test_whoever_asks_at_once_shares_one_opening() -> None:
    room = VersionRoom()
    await room.keep(make_version(1, SERVING, serving_since=START))
    room.host.gates["tiny+v1"] = anyio.Event()
    await room.following.restore()
    answers: list[str] = []

    async def ask() -> None:
        answers.append(await room.ask())

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        room.host.gates["tiny+v1"].set()

    assert answers == ["tiny+v1"] * 5
    assert len(room.host.opened) == 1


async def test_what_can_never_be_opened_again_is_rolled_back_while_its_predecessor_answers() -> None:
    room = VersionRoom()
    await room.keep(make_version(1, RETIRED, serving_since=START), make_version(2, SERVING, serving_since=START))
    room.host.troubles["tiny+v2"] = ModelRefused("the base is another one now")
    await room.following.restore()

    answered = await room.ask()
    await room.following.follow("local")

    assert answered == "tiny+v1"
    assert await room.stages() == {"tiny+v1": SERVING, "tiny+v2": ROLLED_BACK}
    assert room.answering == ("tiny+v1", None)
    assert "cannot be opened any more: the base is another one now" in (await room.runs.version("tiny+v2")).why
    assert ("model_rolled_back", "tiny+v2") in room.events


async def test_the_base_answers_when_no_version_can_be_opened() -> None:
    room = VersionRoom()
    await room.keep(make_version(1, RETIRED, serving_since=START), make_version(2, SERVING, serving_since=START))
    room.host.troubles |= {name: ModelRefused("spoilt") for name in ("tiny+v1", "tiny+v2")}
    await room.following.restore()

    assert await room.ask() == "tiny"
    await room.following.follow("local")
    assert await room.stages() == {"tiny+v1": ROLLED_BACK, "tiny+v2": ROLLED_BACK}
    assert await room.ask() == "tiny"


async def test_what_cannot_be_opened_now_is_kept_and_tried_again() -> None:
    room = VersionRoom()
    await room.keep(make_version(1, SERVING, serving_since=START))
    room.host.troubles["tiny+v1"] = ModelUnavailable("no memory just now")
    await room.following.restore()
    answered = await room.ask()
    with pytest.raises(ModelUnavailable):
        await room.following.follow("local")

    del room.host.troubles["tiny+v1"]
    await room.following.follow("local")

    assert (answered, await room.ask()) == ("tiny", "tiny+v1")
    assert await room.stages() == {"tiny+v1": SERVING}


async def test_a_canary_that_cannot_be_opened_again_is_rolled_back() -> None:
    room = VersionRoom()
    await room.keep(make_version(1, CANARY, canary_since=START))
    room.host.troubles["tiny+v1"] = ModelRefused("it ends the engine")

    await room.following.restore()
    await room.following.follow("local")

    assert await room.stages() == {"tiny+v1": ROLLED_BACK}
    assert room.answering == ("tiny", None)


async def test_a_canary_is_not_condemned_while_not_even_the_base_is_to_be_had() -> None:
    room = VersionRoom()
    await room.keep(make_version(1, CANARY, canary_since=START))
    room.host.troubles |= {name: ModelRefused("the disk with the weights is not there") for name in ("tiny", "tiny+v1")}

    with pytest.raises(ModelRefused):
        await room.following.follow("local")

    assert await room.stages() == {"tiny+v1": CANARY}


async def test_nothing_is_brought_to_a_server_under_the_question_of_whoever_waits() -> None:
    room = VersionRoom()
    await room.keep(make_version(1, SERVING, serving_since=START))
    room.host.absent.add("tiny+v1")
    await room.following.restore()

    answered = await room.ask()
    paused = room.pauses
    await room.following.follow("local")

    assert (answered, paused, room.pauses) == ("tiny", 0, 1)
    assert await room.ask() == "tiny+v1"


async def test_records_that_cannot_be_read_do_not_keep_the_house_shut() -> None:
    class BusyRuns(MemoryRuns):
        async def versions(self, model: str | None = None) -> list:  # type: ignore[type-arg]
            raise StorageFull("nothing can be read")

    room = VersionRoom(runs=BusyRuns())

    await room.following.restore()

    assert await room.ask() == "tiny"


async def test_keeping_up_opens_the_canary_in_the_background_and_sweeps_what_was_dropped() -> None:
    room = VersionRoom()
    await room.keep(make_version(1, CANARY, canary_since=START), make_version(2, DROPPED))
    room.workshop.finish({"run_id": "run-2"}, {"adapter.gguf": b"lora"})
    await room.following.restore()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(room.following.keep_up)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert room.answering == ("tiny", "tiny+v1")
    assert await room.workshop.size("run-2") == 0


async def test_a_dropped_version_leaves_nothing_behind_and_never_answers() -> None:
    room = VersionRoom(policy=UNWATCHED)
    await room.keep(make_version(1), make_version(2))
    room.workshop.finish({"run_id": "run-2"}, {"adapter.gguf": b"lora"})
    await room.versions.promote("tiny+v1", "person", "")
    await room.versions.promote("tiny+v2", "person", "")

    await room.versions.drop("tiny+v2", "person", "it must go")
    await room.versions.drop("tiny+v2", "person", "again")

    assert await room.stages() == {"tiny+v1": SERVING, "tiny+v2": DROPPED}
    assert room.answering == ("tiny+v1", None)
    assert await room.workshop.size("run-2") == 0
    assert room.host.dropped == ["tiny+v2", "tiny+v2"]
    with pytest.raises(Conflict, match="its files are gone; train another"):
        await room.versions.promote("tiny+v2", "person", "")


async def test_what_a_server_that_is_down_keeps_of_a_dropped_version_goes_when_it_is_dropped_again() -> None:
    room = VersionRoom(policy=UNWATCHED)
    await room.keep(make_version(1))
    room.workshop.finish({"run_id": "run-1"}, {"adapter.gguf": b"lora"})
    room.host.troubles["tiny+v1"] = ModelUnavailable("the server is down")

    with pytest.raises(ModelUnavailable, match="is down"):
        await room.versions.drop("tiny+v1", "person", "it must go")
    left = await room.workshop.size("run-1")
    del room.host.troubles["tiny+v1"]
    await room.versions.drop("tiny+v1", "person", "again")

    assert left > 0
    assert room.host.dropped == ["tiny+v1"]
    assert await room.workshop.size("run-1") == 0
    assert await room.stages() == {"tiny+v1": DROPPED}


async def test_the_lineage_tells_run_recipe_and_log() -> None:
    room = VersionRoom()
    run = Run(
        "run-1", START, START, RunState.FINISHED, "local", Teaching.LORA, BASE, Recipe(rank=8), dataset_hash="feed"
    )
    await room.runs.put_run(run, None)
    await room.keep(make_version(1, tainted_by=("i1",)))
    await room.versions.hold("tiny+v1", "person", "wait")

    lineage = await room.versions.lineage("tiny+v1")

    assert lineage.run == run
    assert (lineage.sources, lineage.excluded) == (40, ("i1",))
    assert [change.action for _, change in lineage.log] == ["hold", "register"]
    with pytest.raises(NotFound):
        await room.versions.lineage("tiny+v9")


def test_every_refused_act_says_what_can_be_done() -> None:
    for stage in VersionStage:
        for act in Act:
            try:
                check_act(act, make_version(1, stage))
            except Conflict as conflict:
                assert f"'tiny+v1' is {stage.value}, so no {act.value}: " in str(conflict)
                assert len(str(conflict).partition(": ")[2]) > 10


@pytest.mark.parametrize(
    ("act", "stages"),
    [
        (Act.CANARY, {CANDIDATE, HELD, RETIRED, ROLLED_BACK}),
        (Act.PROMOTE, {CANDIDATE, HELD, RETIRED, ROLLED_BACK, CANARY}),
        (Act.HOLD, {CANDIDATE, CANARY}),
        (Act.ROLL_BACK, {CANARY, SERVING}),
        (Act.DROP, set(VersionStage) - {DROPPED}),
    ],
)
def test_an_act_is_allowed_from_these_stages_alone(act: Act, stages: set[VersionStage]) -> None:
    allowed = set()
    for stage in VersionStage:
        try:
            check_act(act, make_version(1, stage))
            allowed.add(stage)
        except Conflict:
            pass

    assert allowed == stages
