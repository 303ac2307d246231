"""A run on its way: launched, looked after, launched again when it breaks off, and brought to its end."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from hybrid_coordinator.domain.learning import Worked
from hybrid_coordinator.domain.training import Run, RunState, Teaching
from hybrid_coordinator.errors import BadInput, CoordinatorError, Damaged, NotFound
from hybrid_coordinator.flows.courtesy import Courtesy
from hybrid_coordinator.flows.journal import Note
from hybrid_coordinator.flows.registering import Registrar
from hybrid_coordinator.logic.run_standing import (
    PAUSES,
    broken_off,
    fruitless_breaks,
    goes_on_at,
    is_overdue,
    tell_progress,
)
from hybrid_coordinator.ports import Clock, ModelHost, RunReport, Runs, Trainer

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Course:
    """Who trains in one way of teaching, and for which model of the house; `merged` says that its host takes whole
    weights only."""

    model: str
    trainer: Trainer
    host: ModelHost
    merged: bool = False


class Tutor:
    """Brings runs on, one step each time it is called. The caller sees to it that nobody else does so meanwhile."""

    def __init__(
        self,
        runs: Runs,
        registrar: Registrar,
        courses: Mapping[Teaching, Course],
        courtesy: Courtesy,
        clock: Clock,
        note: Note,
        *,
        attempts: int,
        pauses: Sequence[timedelta] = PAUSES,
    ) -> None:
        """A run that breaks off `attempts` times without getting any further has failed; between them are `pauses`."""
        self._pauses = pauses
        self._runs = runs
        self._registrar = registrar
        self._courses = courses
        self._courtesy = courtesy
        self._clock = clock
        self._note = note
        self._attempts = attempts
        self._looked: tuple[str, float] | None = None
        self._launched: Run | None = None

    async def launch(self, run: Run, course: Course) -> Run:
        """It counts as launched before it is: a kill in between costs an attempt, and never makes two jobs."""
        self._launched = launched = await self._keep(run, state=RunState.RUNNING, attempts=run.attempts + 1, error="")
        job = await course.trainer.launch(launched)
        self._launched = launched = await self._keep(launched, job=job)
        self._looked = run.id, self._active_s()
        if not run.attempts:
            told = {"rows": run.rows, "pairs": run.pairs, "held_out": run.held_out, "started_by": run.started_by}
            await self._note("training_started", run_id=run.id, model=run.model, base=run.base.name, **told)
        return launched

    async def follow(self, run: Run) -> Worked:
        """Look at an unfinished run, and do what is to be done. Raises Unavailable when it cannot be looked at now."""
        course = self._courses.get(run.teaching)
        if course is None:
            return Worked(detail=f"run {run.id!r} waits: nobody here trains by {run.teaching.value!r}; cancel it")
        report = await course.trainer.poll(run)
        active_s = self._active_since(run)
        spent_s = run.spent_s + (active_s if goes_on_at(run) is None else 0.0)
        run = await self._keep(run, progress=report.progress, spent_s=spent_s)
        match report.state:
            case RunState.FINISHED:
                return await self._finish(run)
            case RunState.FAILED | RunState.CANCELLED:
                return _told(await self.end(run, report.state, report.error))
            case RunState.WAITING:
                return await self._mend(run, course, report) if run.attempts else await self._go_on(run, course)
        if run.teaching is Teaching.LORA and is_overdue(run):  # a vendor's queue takes nothing from this machine
            await course.trainer.cancel(run)
            return _told(await self.end(run, RunState.FAILED, f"it took more than its {run.recipe.minutes:g} minutes"))
        return Worked(detail=f"training: {tell_progress(run.progress)}")

    async def end(self, run: Run, state: RunState, error: str, version: str = "") -> Run:
        """Say that a run has come to its end, and remove what is old."""
        ended = await self._keep(run, state=state, error=error, version=version)
        self._launched = None
        told = {"version": version, "error": error, "seconds": round(run.spent_s)}
        await self._note(f"training_{state.value}", run_id=run.id, **told)
        try:
            await self._registrar.tidy()
        except CoordinatorError:  # the run has ended all the same; the end of the next one tidies
            logger.exception("the folders of old runs were not removed")
        return ended

    async def end_unless(self, unfinished: Run | None) -> None:
        """End what this process has launched, unless that is the run which is unfinished: somebody else cancelled it,
        and could not reach it."""
        launched = self._launched
        if launched is None or (unfinished and unfinished.id == launched.id):
            return
        if course := self._courses.get(launched.teaching):
            await course.trainer.cancel(launched)
        self._launched = None

    async def _mend(self, run: Run, course: Course, report: RunReport) -> Worked:
        """Launch a run again that broke off, unless it does so again and again at one place; after a pause where this
        process, which launched it, saw it get no further."""
        was_seen = self._launched is not None and self._launched.id == run.id
        if goes_on_at(run) is None:
            notes = broken_off(run, self._clock.now(), self._pauses if was_seen else ()).notes
            run = await self._keep(run, state=RunState.WAITING, notes=notes, error=report.error)
        if (times := fruitless_breaks(run)) >= self._attempts:
            why = f"it broke off {times} times without getting any further; {report.error or 'its log may say why'}"
            await course.trainer.cancel(run)  # a vendor may go on with what broke off here
            return _told(await self.end(run, RunState.FAILED, why))
        again = goes_on_at(run)
        if was_seen and again is not None and self._clock.now() < again <= self._clock.now() + self._pauses[-1]:
            return Worked(
                detail=f"training broke off, and goes on at {again:%H:%M} UTC: {run.error or 'no reason given'}"
            )
        return await self._go_on(run, course)

    async def _go_on(self, run: Run, course: Course) -> Worked:
        try:
            await self.launch(run, course)
        except (BadInput, NotFound, Damaged) as error:  # trying again is of no use
            return _told(await self.end(await self._runs.run(run.id), RunState.FAILED, str(error)))
        return Worked(1, detail="training goes on")

    async def _finish(self, run: Run) -> Worked:
        try:
            version = await self._registrar.register(run)
        except (Damaged, NotFound) as error:
            return _told(await self.end(run, RunState.FAILED, str(error)))
        await self.end(run, RunState.FINISHED, "", version.name)
        return Worked(1, counts={"model_versions": 1}, detail=f"{version.name} is trained")

    async def _keep(self, run: Run, **changes: Any) -> Run:
        """Put what has changed of a run in its place; what has not is not written."""
        if (changed := replace(run, **changes)) == run:
            return run
        changed = replace(changed, changed_at=self._clock.now())
        await self._runs.put_run(changed, run)
        return changed

    def _active_s(self) -> float:
        return self._clock.monotonic() - self._courtesy.stood_s

    def _active_since(self, run: Run) -> float:
        """Seconds of training since the last look at it; what passed before this process looked is not known."""
        now, looked = self._active_s(), self._looked
        self._looked = run.id, now
        return now - looked[1] if looked and looked[0] == run.id else 0.0


def _told(run: Run) -> Worked:
    state = run.state.value
    return Worked(1, counts={f"{state}_training_runs": 1}, detail=f"training {state}: {run.error or 'no reason given'}")
