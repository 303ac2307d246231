"""The daemon: order, lease, failures, giving way."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import anyio
import pytest

from hybrid_coordinator.daemon import LEASE, STEPS, Daemon, Progressed, Stepped, Worker
from hybrid_coordinator.domain.learning import Worked
from hybrid_coordinator.errors import Conflict, StoreBusy
from hybrid_coordinator.flows.traffic import Traffic
from hybrid_coordinator.logic.learning_pace import LearningPace, rest_after
from hybrid_coordinator.ports import Agenda
from hybrid_coordinator.testing import ManualClock, MemoryAgenda

PACE = LearningPace(quiet_s=0.0, tick_s=3600.0, lease_s=300.0)


@dataclass(eq=False)
class Scripted:
    """A worker that does as it is told, batch by batch, and then finds nothing more."""

    name: str
    batches: list[Worked | Exception]
    diary: list[str]

    async def work(self) -> Worked:
        self.diary.append(self.name)
        batch = self.batches.pop(0) if self.batches else Worked()
        if isinstance(batch, Exception):
            raise batch
        return batch


@dataclass
class Bench:
    """A daemon and everything around it."""

    agenda: Agenda = field(default_factory=MemoryAgenda)
    clock: ManualClock = field(default_factory=ManualClock)
    diary: list[str] = field(default_factory=list)
    steps: dict[str, list[Worker]] = field(default_factory=dict)
    traffic: Traffic = field(default_factory=Traffic)

    def add(self, step: str, *batches: Worked | Exception) -> None:
        self.steps.setdefault(step, []).append(Scripted(step, list(batches), self.diary))

    def daemon(self, name: str = "one", pace: LearningPace = PACE) -> Daemon:
        return Daemon(self.steps, self.agenda, self.clock, self.traffic, pace, name)


async def run(daemon: Daemon, steps: Sequence[str] = STEPS, most: int | None = None) -> list[Progressed | Stepped]:
    async with aclosing(daemon.run_once(steps, most_batches=most)) as events:
        return [event async for event in events]


def stepped(events: Sequence[Progressed | Stepped]) -> dict[str, Stepped]:
    return {event.state.step: event for event in events if isinstance(event, Stepped)}


async def test_steps_run_in_their_order_each_until_nothing_is_left() -> None:
    bench = Bench()
    bench.add("measure", Worked(1))
    bench.add("ingest", Worked(5, more=True), Worked(2))
    bench.add("score", Worked(3))

    events = await run(bench.daemon())

    assert bench.diary == ["ingest", "ingest", "score", "measure"]
    assert [event.state.step for event in events if isinstance(event, Stepped)] == list(STEPS)
    assert stepped(events)["ingest"].state.done == 7


async def test_counts_of_batches_are_added_up() -> None:
    bench = Bench()
    bench.add("extract", Worked(1, True, {"skills": 1}), Worked(2, False, {"skills": 1, "fixes": 1}))

    events = await run(bench.daemon())

    assert stepped(events)["extract"].counts == {"skills": 2, "fixes": 1}
    assert stepped(events)["extract"].state.detail == "2 skills, 1 fixes"


async def test_a_batch_limit_is_kept() -> None:
    bench = Bench()
    bench.add("ingest", *(Worked(1, more=True) for _ in range(5)))

    await run(bench.daemon(), most=2)

    assert bench.diary == ["ingest"] * 2


async def test_only_the_steps_asked_for_run() -> None:
    bench = Bench()
    bench.add("ingest", Worked(1))
    bench.add("score", Worked(1))

    events = await run(bench.daemon(), ["score"])

    assert bench.diary == ["score"]
    assert list(stepped(events)) == ["score"]


async def test_a_step_that_fails_says_why_and_the_others_go_on() -> None:
    bench = Bench()
    bench.add("ingest", StoreBusy("the store is locked; try again"))
    bench.add("score", Worked(1))

    daemon = bench.daemon()
    await run(daemon)
    status = await daemon.status()

    assert [state.step for state in status.failing] == ["ingest"]
    assert "the store is locked" in status.failing[0].error
    assert bench.diary == ["ingest", "score"]


async def test_a_step_that_works_again_forgets_its_failure() -> None:
    bench = Bench()
    bench.add("ingest", StoreBusy("the store is locked; try again"), Worked(4))
    daemon = bench.daemon()

    await run(daemon)
    await run(daemon)

    assert (await daemon.status()).failing == ()


async def test_while_one_daemon_learns_another_is_refused() -> None:
    bench = Bench()
    bench.add("ingest", Worked(1, more=True), Worked(1))
    other = bench.daemon("two")

    async with aclosing(bench.daemon("one").run_once()) as events:
        await anext(events)
        assert (await other.status()).holder == "one"
        with pytest.raises(Conflict, match="'one' is learning"):
            await run(other)

    assert await run(other)


async def test_the_lease_of_a_dead_daemon_runs_out() -> None:
    bench = Bench()
    bench.add("ingest", Worked(1))
    await bench.agenda.claim(LEASE, "dead", bench.clock.now(), PACE.lease_s)

    with pytest.raises(Conflict):
        await run(bench.daemon())
    bench.clock.advance(PACE.lease_s + 1)

    assert await run(bench.daemon())


async def test_a_clock_that_goes_back_does_not_lock_learning_out() -> None:
    bench = Bench()
    bench.add("ingest", Worked(1))
    await bench.agenda.claim(LEASE, "dead", bench.clock.now(), PACE.lease_s)

    bench.clock.advance(-86_400)

    assert await run(bench.daemon())


async def test_the_daemon_works_at_once_when_there_is_news() -> None:
    bench = Bench()
    bench.add("ingest", Worked(), Worked(1))
    daemon = bench.daemon()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(daemon.keep_up)
            await anyio.wait_all_tasks_blocked()
            assert bench.diary == ["ingest"]
            daemon.note_news()
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()

    assert bench.diary == ["ingest", "ingest"]


async def test_a_failing_step_rests_while_the_others_work() -> None:
    bench = Bench()
    bench.add("ingest", StoreBusy("busy; try again"))
    bench.add("score", Worked(), Worked())
    daemon = bench.daemon()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(daemon.keep_up)
            await anyio.wait_all_tasks_blocked()
            daemon.note_news()
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()

    assert bench.diary == ["ingest", "score", "score"]


async def test_a_part_that_fails_does_not_hold_up_the_others_of_its_step() -> None:
    bench = Bench()
    bench.add("ingest", *(StoreBusy("busy; try again") for _ in range(9)))
    healthy: list[str] = []
    bench.steps["ingest"].append(Scripted("healthy", [], healthy))
    daemon = bench.daemon()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(daemon.keep_up)
            for _ in range(3):
                await anyio.wait_all_tasks_blocked()
                daemon.note_news()
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()

    assert bench.diary == ["ingest"]
    assert len(healthy) == 4


def test_rests_grow_and_have_an_end() -> None:
    pace = LearningPace(rest_s=5.0, longest_rest_s=60.0)

    assert [rest_after(failures, pace) for failures in (0, 1, 2, 3, 5, 1000)] == [0.0, 5.0, 10.0, 20.0, 60.0, 60.0]
