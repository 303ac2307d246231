"""The daemon: it runs the steps of learning in their order, again and again, behind the back of whoever asks.

Each step reads from the ledger what is left to do, does it in small transactions, and may be killed anywhere. A lease
lets one daemon learn at a time; should two ever work at once, what they write is checked against what they had read.
"""

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

import anyio

from hybrid_coordinator.domain.learning import StepState, Worked
from hybrid_coordinator.errors import Conflict, CoordinatorError
from hybrid_coordinator.flows.traffic import Traffic
from hybrid_coordinator.logic.learning_pace import LearningPace, rest_after
from hybrid_coordinator.ports import Agenda, Clock

STEPS = ("ingest", "score", "extract", "curate", "train", "deploy", "measure")

LEASE = "learning"

logger = logging.getLogger(__name__)


class Worker(Protocol):
    """A part of a step."""

    async def work(self) -> Worked:
        """Do one small batch: idempotent on stored state, and safe to be killed in."""


@dataclass(frozen=True, slots=True)
class Progressed:
    """A batch of a step is done; `done` and `counts` are those of this run of the step so far."""

    step: str
    done: int
    counts: Mapping[str, int]
    detail: str


@dataclass(frozen=True, slots=True)
class Stepped:
    """A step has come to its end, or to its failure."""

    state: StepState
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LearningStatus:
    """Who is learning, and how every step stands, in their order."""

    holder: str | None
    steps: tuple[StepState, ...]

    @property
    def failing(self) -> tuple[StepState, ...]:
        """The steps whose last run failed."""
        return tuple(state for state in self.steps if state.error)


@dataclass(slots=True)
class _Turn:
    """One step's turn, as it goes."""

    step: str
    started: float
    done: int = 0
    more: bool = False
    error: str = ""
    detail: str = ""
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, worked: Worked) -> None:
        self.done += worked.done
        self.detail = worked.detail or self.detail
        for name, count in worked.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count


class Daemon:
    """Runs the steps. `name` tells it from other daemons on the same stores."""

    def __init__(
        self,
        steps: Mapping[str, Sequence[Worker]],
        agenda: Agenda,
        clock: Clock,
        traffic: Traffic,
        pace: LearningPace,
        name: str,
    ) -> None:
        self._steps = {step: tuple(steps.get(step, ())) for step in STEPS}
        self._agenda = agenda
        self._clock = clock
        self._traffic = traffic
        self._pace = pace
        self._name = name
        self._news = anyio.Event()
        self._turn = anyio.Lock()
        self._failures: dict[Worker, int] = {}
        self._rests_until: dict[Worker, float] = {}

    def note_news(self) -> None:
        """Say that there is something to learn from: the next tick comes at once."""
        self._news.set()

    async def status(self) -> LearningStatus:
        """How learning stands, whichever process does it."""
        states = await self._agenda.states()
        holder = await self._agenda.holder(LEASE, self._clock.now())
        return LearningStatus(holder, tuple(states.get(step, StepState(step)) for step in STEPS))

    async def run_once(
        self, steps: Sequence[str] = STEPS, *, most_batches: int | None = None
    ) -> AsyncGenerator[Progressed | Stepped, None]:
        """Every step once, each part until nothing is left for it (or `most_batches` are done). Failures are told.

        Raises Conflict while another daemon is learning.
        """
        async with aclosing(self._run(steps, most_batches)) as events:
            async for event in events:
                yield event

    async def _run(
        self, steps: Sequence[str], most_batches: int | None, *, rested: bool = False
    ) -> AsyncGenerator[Progressed | Stepped, None]:
        """With `rested`, parts that failed a while ago are left alone until they have rested."""
        async with self._turn:
            await self._claim()
            try:
                for step in STEPS:
                    if step in steps:
                        async with aclosing(self._run_step(step, most_batches, rested=rested)) as events:
                            async for event in events:
                                yield event
            finally:
                with anyio.CancelScope(shield=True):
                    await self._agenda.release(LEASE, self._name)

    async def keep_up(self) -> None:
        """Learn for ever. While another daemon does, this one stands by."""
        while True:
            more = False
            try:
                more = await self._tick()
            except Conflict:
                logger.debug("another daemon is learning; standing by")
            except CoordinatorError:
                logger.exception("learning failed; trying again in %.0f s", self._pace.tick_s)
            if not more:
                await self._wait()

    async def _tick(self) -> bool:
        """One round; whether it left something for another round at once."""
        worked = 0
        async with aclosing(self._run(STEPS, self._pace.most_batches, rested=True)) as events:
            async for event in events:
                worked += isinstance(event, Progressed)
        return worked >= self._pace.most_batches

    async def _wait(self) -> None:
        with anyio.move_on_after(self._pace.tick_s):
            await self._news.wait()
        self._news = anyio.Event()

    async def _claim(self) -> None:
        if not await self._agenda.claim(LEASE, self._name, self._clock.now(), self._pace.lease_s):
            holder = await self._agenda.holder(LEASE, self._clock.now())
            raise Conflict(f"daemon {holder!r} is learning on these stores; wait until it is done, or stop it")

    async def _run_step(
        self, step: str, most_batches: int | None, *, rested: bool
    ) -> AsyncGenerator[Progressed | Stepped, None]:
        turn = _Turn(step, self._clock.monotonic())
        for worker in self._steps[step]:
            if rested and self._rests_until.get(worker, 0.0) > self._clock.monotonic():
                continue
            left = most_batches
            while left is None or left > 0:
                worked = await self._batch(worker, turn)
                if worked is None:
                    break
                left = None if left is None else left - 1
                if worked.done:
                    yield Progressed(step, turn.done, dict(turn.counts), turn.detail)
                if not worked.more:
                    break
        yield Stepped(await self._close(turn), turn.counts)

    async def _batch(self, worker: Worker, turn: _Turn) -> Worked | None:
        """What a batch came to; None when it failed."""
        await self._traffic.calm(self._pace.quiet_s, self._pace.patience_s)
        await self._claim()
        try:
            worked = await worker.work()
        except Exception as error:  # the daemon's tick: whatever it was, the other steps go on
            logger.exception("step %r failed", turn.step)
            turn.error = f"{type(error).__name__}: {error}"
            self._let_rest(worker)
            return None
        self._failures.pop(worker, None)
        turn.add(worked)
        return worked

    def _let_rest(self, worker: Worker) -> None:
        failures = self._failures[worker] = self._failures.get(worker, 0) + 1
        self._rests_until[worker] = self._clock.monotonic() + rest_after(failures, self._pace)

    async def _close(self, turn: _Turn) -> StepState:
        now = self._clock.monotonic()
        before = (await self._agenda.states()).get(turn.step, StepState(turn.step))
        after = replace(
            before,
            ran_at=self._clock.now(),
            seconds=now - turn.started,
            done=before.done + turn.done,
            error=turn.error,
            detail=_tell(turn.counts) or turn.detail or before.detail,
        )
        await self._agenda.note(after)
        return after


def _tell(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count)


def last_run(status: LearningStatus) -> datetime | None:
    """When a step ran last."""
    return max((state.ran_at for state in status.steps if state.ran_at is not None), default=None)
