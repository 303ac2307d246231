"""Training runs, one at a time: begun by a person or by the schedule, and looked after until they end."""

import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import anyio

from hybrid_coordinator.domain.learning import Worked
from hybrid_coordinator.domain.training import UNFINISHED, BaseWeights, Recipe, Run, RunState, Teaching
from hybrid_coordinator.errors import BadInput, Conflict, CoordinatorError, Damaged, NotFound, Unavailable
from hybrid_coordinator.flows.freezing import Prepared, Preparer
from hybrid_coordinator.flows.journal import Note
from hybrid_coordinator.flows.run_places import RunPlaces
from hybrid_coordinator.flows.timetable import Timetable
from hybrid_coordinator.flows.tutoring import Course, Tutor
from hybrid_coordinator.logic.finetune_policy import FinetunePolicy
from hybrid_coordinator.ports import Agenda, Clock, Runs, Workshop

LEASE = "training"

LEASE_S = 900.0
"""A run is looked at much more often than this, by the process that it is a child of."""

LEAST_ROWS = 20
"""Rows to train on without which nothing begins: with so few a person may try, where the schedule waits for more."""

PERSON, SCHEDULE = "person", "schedule"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Syllabus:
    """What is taught when training begins by itself. `recipe` raises BadInput for one that cannot be read."""

    teaching: Teaching
    recipe: Callable[[], Recipe]
    policy: FinetunePolicy


class Finetuner:
    """Begins runs, and has them looked after. Over all processes on the same stores one run is unfinished at a time.

    A run whose process died goes on with the process that takes the lease next, if its files lie here.
    """

    def __init__(
        self,
        runs: Runs,
        workshop: Workshop,
        preparer: Preparer,
        tutor: Tutor,
        timetable: Timetable,
        agenda: Agenda,
        clock: Clock,
        note: Note,
        *,
        courses: Mapping[Teaching, Course],
        syllabus: Syllabus,
        places: RunPlaces,
        name: str,
    ) -> None:
        """`name` is that of the data folder, and tells this process from others on the same stores."""
        self._runs = runs
        self._workshop = workshop
        self._preparer = preparer
        self._tutor = tutor
        self._timetable = timetable
        self._agenda = agenda
        self._clock = clock
        self._note = note
        self._courses = courses
        self._syllabus = syllabus
        self._places = places
        self._name = name
        self._turn = anyio.Lock()
        self._refusal = ""

    async def start(
        self, *, recipe: Recipe, teaching: Teaching, started_by: str = PERSON, least_rows: int = LEAST_ROWS
    ) -> Run:
        """Begin a run on the dataset that is there.

        Raises Conflict while one is unfinished, BadInput with all that is missing (rows, an extra, who teaches so),
        NotFound without a dataset, StorageFull, and Unavailable when base or trainer cannot be reached.
        """
        async with self._turn:
            await self._check_free()  # before the lease is claimed: who is at a run needs it
            async with self._leased():
                await self._check_free()
                return await self._begin(recipe, teaching, started_by, least_rows)

    async def _check_free(self) -> None:
        if (other := await self._unfinished()) is not None:
            raise Conflict(f"run {other.id!r} is not finished; wait for it, or cancel it")

    async def work(self) -> Worked:
        """Look after the unfinished run, or begin one when the timetable says so. Part of `train`."""
        async with self._turn:
            run = await self._unfinished()
            await self._tutor.end_unless(run)
            if run is None and (waits_for := await self._timetable.why_not_now()):
                return Worked(detail=f"{waits_for}{self._refusal}")
            if run is not None and await self._places.is_elsewhere(run.id):  # who is at it needs the lease, and says
                return Worked()
            try:
                async with self._leased():
                    return await self._look_after(run) if run else await self._begin_by_itself()
            except Conflict as error:  # somebody else is at it: the next look tells
                return Worked(detail=str(error))

    async def look(self, run_id: str) -> Run:
        """One run as it stands now, brought on where there is something to do. Raises NotFound."""
        async with self._turn:
            run = await self._runs.run(run_id)
            if run.state not in UNFINISHED or await self._places.is_elsewhere(run_id):
                return run
            try:
                async with self._leased():
                    await self._look_after(run)
            except Conflict as error:
                logger.debug("run %s was not looked at: %s", run_id, error)
            return await self._runs.run(run_id)

    async def cancel(self, run_id: str) -> Run:
        """End a run for good; one that is cancelled already is left so. Raises NotFound, and Conflict for one that has
        come to another end."""
        async with self._turn:
            run = await self._runs.run(run_id)
            if run.state is RunState.CANCELLED:
                return run
            if run.state not in UNFINISHED:
                raise Conflict(f"run {run_id!r} is {run.state.value} already; nothing is left to cancel")
            if course := self._courses.get(run.teaching):
                await course.trainer.cancel(run)
            ended = await self._tutor.end(run, RunState.CANCELLED, "cancelled by a person")
            await self._agenda.release(LEASE, self._name)
            return ended

    async def _look_after(self, run: Run) -> Worked:
        """A run that was entered, and killed before its material was frozen, has nothing to go on with."""
        if run.attempts or await self._is_frozen(run):
            return await self._tutor.follow(run)
        ended = await self._tutor.end(run, RunState.FAILED, "it was broken off before it began; start it again")
        return Worked(1, detail=f"training failed: {ended.error}")

    async def _is_frozen(self, run: Run) -> bool:
        try:
            await self._workshop.material(run.id)
        except NotFound:
            return False
        return True

    async def _begin_by_itself(self) -> Worked:
        """What keeps it from beginning is told from then on; the scheduled time is gone by."""
        syllabus = self._syllabus
        try:
            recipe = replace(syllabus.recipe(), minutes=syllabus.policy.minutes)
            run = await self._begin(recipe, syllabus.teaching, SCHEDULE, LEAST_ROWS)
        except (BadInput, NotFound, Damaged) as error:
            self._refusal = f"; the last time it was refused: {error}"
            await self._timetable.pass_over()
            await self._note("training_refused", why=str(error))
            return Worked(detail=str(error))
        self._refusal = ""
        return Worked(1, counts={"training_runs": 1}, detail=f"training has begun: {run.rows:,} rows")

    async def _begin(self, recipe: Recipe, teaching: Teaching, started_by: str, least_rows: int) -> Run:
        course = self._course(teaching)
        await course.trainer.check()
        base = await course.host.base()
        if teaching is Teaching.LORA and not base.path:
            raise BadInput(f"the weights of {base.name!r} are not on this machine; set HYBRID_FINETUNE_BASE to a copy")
        recipe = replace(recipe, merged=recipe.merged or course.merged)
        prepared = await self._preparer.prepare(least_rows)
        run = self._enter(course, base, prepared, recipe=recipe, teaching=teaching, started_by=started_by)
        await self._runs.put_run(run, None)
        frozen = False
        try:
            await self._workshop.freeze(run, prepared.material)
            frozen = True
            return await self._tutor.launch(run, course)
        except CoordinatorError as error:
            if frozen and isinstance(error, Unavailable):  # the job may have begun: the next look finds it
                logger.warning("run %s was not launched; it is tried again: %s", run.id, error)
                return await self._runs.run(run.id)
            await self._tutor.end(await self._runs.run(run.id), RunState.FAILED, str(error))
            await self._workshop.remove(run.id)
            raise

    def _course(self, teaching: Teaching) -> Course:
        if (course := self._courses.get(teaching)) is None:
            offered = ", ".join(one.value for one in self._courses) or "nothing"
            raise BadInput(f"nobody here trains by {teaching.value!r}; offered: {offered}")
        return course

    def _enter(
        self,
        course: Course,
        base: BaseWeights,
        prepared: Prepared,
        *,
        recipe: Recipe,
        teaching: Teaching,
        started_by: str,
    ) -> Run:
        now, material = self._clock.now(), prepared.material
        return Run(
            id=self._clock.new_id(),
            created_at=now,
            changed_at=now,
            state=RunState.WAITING,
            model=course.model,
            teaching=teaching,
            base=base,
            recipe=recipe,
            dataset_hash=prepared.dataset_hash,
            rows=len(material.train),
            pairs=len(material.pairs),
            held_out=len(material.held_out),
            started_by=started_by,
            instance=self._name,
        )

    async def _unfinished(self) -> Run | None:
        return next(iter(await self._runs.runs(limit=1, states=UNFINISHED)), None)

    @asynccontextmanager
    async def _leased(self) -> AsyncGenerator[None]:
        """The lease, which stays while a run is unfinished. Raises Conflict while another process has it."""
        if not await self._agenda.claim(LEASE, self._name, self._clock.now(), LEASE_S):
            holder = await self._agenda.holder(LEASE, self._clock.now())
            raise Conflict(f"process {holder!r} looks after the training on these stores; wait until it is done")
        try:
            yield
        finally:
            if await self._unfinished() is None:
                await self._agenda.release(LEASE, self._name)
