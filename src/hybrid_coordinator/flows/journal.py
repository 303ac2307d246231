"""The coordinator's own events: noted, derived from what the ledger recorded, and written down for others to read."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from hybrid_coordinator.domain.interaction import AgentType, Interaction
from hybrid_coordinator.domain.learning import StepState, Worked
from hybrid_coordinator.domain.telemetry import Event, TelemetrySource
from hybrid_coordinator.logic.field_redaction import redact_fields
from hybrid_coordinator.ports import Agenda, Clock, EventLog, Ledger, OwnTelemetry
from hybrid_coordinator.wire.telemetry import write_event

BATCH = 500
STEP = "chronicle"
"""The name under which the chronicler's place is kept."""
OVERLAP = timedelta(minutes=10)
"""Answers are recorded in the order in which they end, not begin: so far back is looked each time."""
MOST_ANSWERS = 2_000
"""After a longer pause than so many answers, only the newest of them are told of."""
MOST_VALUES = 500
VALUED_WITHIN = timedelta(days=7)
"""Values are looked for among so many answers, the newest that have one, and so far back."""
LONGEST_QUERY = 2_000
"""So many characters of a question are told."""
REMEMBERED = 20_000
"""Events that are known to be told: those are not even put together again."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What may be told of an interaction."""

    kind: str
    interaction: Interaction
    at: datetime
    fields: Mapping[str, Any]
    told_apart_by: str = ""

    @property
    def name(self) -> str:
        """The same whenever it is told."""
        parts = "\n".join((self.kind, self.interaction.id, self.told_apart_by))
        return blake2b(parts.encode(), digest_size=16).hexdigest()


Note = Callable[..., Awaitable[None]]
"""Keeps an event: its kind, and its fields by name."""


class Journal:
    """Keeps own events in the event log."""

    def __init__(self, event_log: EventLog, clock: Clock) -> None:
        self._event_log = event_log
        self._clock = clock

    async def note(self, kind: str, **fields: Any) -> None:
        """Keep an event. Fields are JSON values; secrets leave them."""
        event = Event(
            self._clock.new_id(), TelemetrySource.HYBRID, kind, self._clock.now(), redact_fields(fields), own=True
        )
        await self._event_log.take_in([event], ())


class JournalWriter:
    """Writes own events to their file, each once: what a kill left there is replaced."""

    def __init__(self, event_log: EventLog, own: OwnTelemetry, clock: Clock) -> None:
        self._event_log = event_log
        self._own = own
        self._clock = clock

    async def work(self) -> Worked:
        """Write a batch of events that are not written yet."""
        waiting = await self._event_log.unwritten(limit=BATCH)
        if waiting:
            file, size = await self._event_log.written()
            lines = [write_event(event) for _, event in waiting]
            file, size = await self._own.write(lines, self._clock.now(), file=file, size=size)
            await self._event_log.mark_written(waiting[-1][0], file, size)
        return Worked(done=len(waiting), more=len(waiting) == BATCH, counts={"written": len(waiting)})


class Chronicler:
    """Tells of answers and values after the fact, so that nobody who asks waits for it.

    An event has the name of what it tells, so telling it twice changes nothing. What came in as telemetry was told by
    others.
    """

    def __init__(self, ledger: Ledger, agenda: Agenda, event_log: EventLog, clock: Clock) -> None:
        self._ledger = ledger
        self._agenda = agenda
        self._event_log = event_log
        self._clock = clock
        self._known: OrderedDict[str, None] = OrderedDict()

    async def work(self) -> Worked:
        """Tell of a batch of what was recorded or valued since the last time, the oldest first."""
        now = self._clock.now()
        state = (await self._agenda.states()).get(STEP, StepState(STEP))
        untold = [told for told in await self._since(_until(state), now) if told.name not in self._known]
        events = [_event(told) for told in untold[:BATCH]]
        new = await self._event_log.take_in(events, ()) if events else 0
        self._remember(events)
        if len(untold) <= BATCH:
            cursor = {"until": now.isoformat()}
            await self._agenda.note(StepState(STEP, ran_at=now, done=state.done + new, cursor=cursor))
        return Worked(done=new, more=len(untold) > BATCH, counts={"told": new})

    async def _since(self, until: datetime | None, now: datetime) -> list[_Told]:
        """What there is to tell, from a little before the last time on; from before now, if the clock has gone back."""
        last = until and min(until, now)
        answers = await self._ledger.recent(limit=MOST_ANSWERS, since=last and last - OVERLAP)
        valued = await self._ledger.recent(limit=MOST_VALUES, since=last and last - VALUED_WITHIN, min_value=0.0)
        told = [told for one in reversed(answers) if _is_ours(one) for told in _answer(one)]
        return told + [told for one in reversed(valued) if _is_ours(one) for told in _value(one)]

    def _remember(self, events: Sequence[Event]) -> None:
        self._known.update((event.id, None) for event in events)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def _until(state: StepState) -> datetime | None:
    until = state.cursor.get("until")
    return datetime.fromisoformat(until) if isinstance(until, str) else None


def _is_ours(interaction: Interaction) -> bool:
    return not interaction.channel.startswith("telemetry:")


def _answer(interaction: Interaction) -> Iterator[_Told]:
    used = list(interaction.context_provided)
    if used or interaction.agent_type is AgentType.CONTEXT_ONLY:
        fields = {"context_used": used, "qdrant_results": len(used), "similarities": list(interaction.similarities)}
        yield _Told("context_augmented", interaction, interaction.created_at, fields)
    if (route := interaction.route) is not None:
        fields = {
            "confidence_score": route.confidence,
            "route": route.target.value,
            "reasoning": route.reason,
            "context_used": used,
            "model": interaction.model_used,
            "latency_ms": interaction.latency_ms,
        }
        yield _Told("route_decided", interaction, interaction.created_at, fields)


def _value(interaction: Interaction) -> Iterator[_Told]:
    """A value that was computed anew is told anew."""
    if (value := interaction.value) is not None:
        fields = {"value_score": value.total, "parts": dict(value.parts)}
        at = interaction.settled_at or interaction.created_at
        yield _Told("value_score_computed", interaction, at, fields, told_apart_by=str(value.total))


def _event(told: _Told) -> Event:
    interaction = told.interaction
    fields = {"query": interaction.query[:LONGEST_QUERY], "interaction_id": interaction.id, **told.fields}
    return Event(told.name, TelemetrySource.HYBRID, told.kind, told.at, redact_fields(fields), own=True)
