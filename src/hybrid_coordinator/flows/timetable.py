"""Whether a training should begin by itself now, and if not, what it waits for."""

from collections.abc import Callable
from datetime import datetime

from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.domain.learning import StepState
from hybrid_coordinator.domain.training import Run, RunState, Teaching
from hybrid_coordinator.errors import Damaged, NotFound
from hybrid_coordinator.logic.finetune_policy import FinetunePolicy, Supply, lacks, tell_supply, why_not_idle
from hybrid_coordinator.logic.finetune_schedule import due, next_run
from hybrid_coordinator.logic.taught_rows import id_of
from hybrid_coordinator.ports import Agenda, Clock, Datasets, Runs, Workshop

STEP = "finetune"
"""The name under which it is kept since when the schedule is watched."""


LOOKED_AT = 1_000
"""So many of the newest runs are looked at: those of search come often."""


def wall_time(moment: datetime) -> datetime:
    """What the clock on the wall shows then, in the zone of this machine."""
    return moment.astimezone().replace(tzinfo=None)


class Timetable:
    """Watches the schedule, the dataset, and how busy the machine is."""

    def __init__(
        self,
        datasets: Datasets,
        runs: Runs,
        workshop: Workshop,
        agenda: Agenda,
        clock: Clock,
        policy: FinetunePolicy,
        *,
        teaching: Teaching,
        load: Callable[[], float],
        quiet_s: Callable[[], float],
        wall: Callable[[datetime], datetime] = wall_time,
    ) -> None:
        """`load` tells the load average for each core, `quiet_s` for how long nobody has asked anything."""
        self._datasets = datasets
        self._runs = runs
        self._workshop = workshop
        self._agenda = agenda
        self._clock = clock
        self._policy = policy
        self._teaching = teaching
        self._load = load
        self._quiet_s = quiet_s
        self._wall = wall
        self._counted: tuple[tuple[str, str], Supply] | None = None

    async def why_not_now(self) -> str:
        """What a training waits for; "" when it should begin. A scheduled time without enough rows is passed over."""
        supply = await self.supply()
        told = tell_supply(supply, self._policy)
        if not self._policy.enabled:
            await self._forget()
            return f"{told}; training by itself is off"
        since, now = self._wall(await self._since()), self._wall(self._clock.now())
        if not due(self._policy.schedule, since, now):
            when = next_run(self._policy.schedule, since)
            return f"{told}; the next may begin on {when:%Y-%m-%d at %H:%M}"
        if lacks(supply, self._policy):
            await self.pass_over()
            return told
        return why_not_idle(self._load(), self._quiet_s(), self._policy)

    async def pass_over(self) -> None:
        """Let the scheduled time that is due go by."""
        await self._watch_from(self._clock.now())

    async def supply(self) -> Supply:
        """How many rows there are. What is new is counted once for each dataset."""
        card = await self._datasets.card() or {}
        last = await self._last(RunState.FINISHED)
        if last is None:
            return Supply(int(card.get("rows", 0)))
        key = str(card.get("content_hash", "")), last.id
        if self._counted is None or self._counted[0] != key:
            self._counted = key, Supply(int(card.get("rows", 0)), await self._count_new(card, last))
        return self._counted[1]

    async def _count_new(self, card: Payload, last: Run) -> int:
        if not card or card.get("content_hash") == last.dataset_hash:
            return 0
        try:
            known = await self._workshop.material(last.id)
        except (NotFound, Damaged):  # removed, or spoilt: rows can still be counted
            return max(0, int(card["rows"]) - last.rows - last.held_out)
        ids = {id_of(row) for row in (*known.train, *known.validation, *known.held_out)}
        return sum(id_of(row) not in ids for row in await self._datasets.rows(""))

    async def _since(self) -> datetime:
        """The last run, or since when the schedule is watched; nothing that is said to lie in the future."""
        now = self._clock.now()
        last = await self._last()
        watched = await self._watched()
        if watched is None or watched > now:
            watched = now
            await self._watch_from(now)
        return max(watched, last.created_at) if last is not None and last.created_at <= now else watched

    async def _last(self, *states: RunState) -> Run | None:
        found = await self._runs.runs(limit=LOOKED_AT, states=states or None)
        return next((run for run in found if run.teaching is self._teaching), None)

    async def _watched(self) -> datetime | None:
        """Another schedule is watched anew."""
        state = (await self._agenda.states()).get(STEP, StepState(STEP))
        match state.cursor:
            case {"since": str(since), "schedule": self._policy.schedule}:
                return datetime.fromisoformat(since)
            case _:
                return None

    async def _watch_from(self, moment: datetime) -> None:
        cursor = {"since": moment.isoformat(), "schedule": self._policy.schedule}
        await self._agenda.note(StepState(STEP, ran_at=moment, cursor=cursor))

    async def _forget(self) -> None:
        if await self._watched() is not None:
            await self._agenda.note(StepState(STEP))
