"""Take in what other programs wrote down, each event once, and keep their files within bounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread

from hybrid_coordinator.domain.learning import Worked
from hybrid_coordinator.domain.telemetry import DeadLetter, Event
from hybrid_coordinator.logic.field_redaction import redact_all
from hybrid_coordinator.logic.provenance import ProvenancePolicy, report_origin
from hybrid_coordinator.logic.redaction import redact
from hybrid_coordinator.logic.retention import Chore, RetentionPolicy, TelemetryFile, plan_retention
from hybrid_coordinator.ports import Clock, EventLog, TelemetryFiles, TelemetryLine, TelemetryShelf
from hybrid_coordinator.wire.telemetry import read_event
from hybrid_coordinator.wire.telemetry_interactions import told_interaction

ORDINARY = ProvenancePolicy()

BATCH = 1_000
AT_ONCE = 20
"""Lines that are read in one go, less than a millisecond: then those who wait for an answer have their turn."""
MUCH = 65_536
"""More bytes than these are read in a thread."""
CHORES = 4
"""Files that are packed or thrown away in one batch."""
TROUBLES = 5
"""Files that cannot be read and are named."""
BEGINNING = 200
"""So many bytes of a line that is no event are kept."""


@dataclass(slots=True)
class _Sorted:
    """Lines as what they are: events by their ids, or no events."""

    events: dict[str, Event] = field(default_factory=dict)
    letters: list[DeadLetter] = field(default_factory=list)


class Intake:
    """Reads on from the positions of the event log, and commits events and positions together.

    A kill anywhere has the same lines read again, and found known. Lines that are no events are on disk before the
    position behind them is.
    """

    def __init__(
        self, files: TelemetryFiles, event_log: EventLog, clock: Clock, provenance: ProvenancePolicy = ORDINARY
    ) -> None:
        self._files = files
        self._event_log = event_log
        self._clock = clock
        self._provenance = provenance

    async def work(self) -> Worked:
        """Take in one batch of lines."""
        batch = await self._files.read_on(await self._event_log.positions(), self._clock.now(), most=BATCH)
        found = await _sort(batch.lines)
        if found.letters:
            await self._files.bury(found.letters)
        news = found.events or batch.positions
        events = [_bind(event, self._provenance, self._clock.now()) for event in found.events.values()]
        new = await self._event_log.take_in(events, batch.positions) if news else 0
        if batch.gone:
            await self._event_log.forget(batch.gone)
        known = len(batch.lines) - len(found.letters) - new
        return Worked(
            done=new,
            more=batch.more,
            counts={"events": new, "known": known, "dead_letters": len(found.letters)},
            detail="; ".join(f"{path!r} {why}" for path, why in sorted(batch.troubles.items())[:TROUBLES]),
        )


def _bind(event: Event, provenance: ProvenancePolicy, now: datetime) -> Event:
    """What it tells of is only reported, and trusted as reports are; its outcome is known here from now on."""
    told = event.interaction
    if told is None:
        return event
    return replace(event, interaction=replace(told, origin=report_origin(told.origin, provenance), settled_at=now))


async def _sort(lines: Sequence[TelemetryLine]) -> _Sorted:
    found = _Sorted()
    for start in range(0, len(lines), AT_ONCE):
        some = lines[start : start + AT_ONCE]
        much = sum(len(line.content) for line in some) > MUCH
        events, letters = await anyio.to_thread.run_sync(_read, some) if much else _read(some)
        for event in events:
            found.events.setdefault(event.id, event)
        found.letters += letters
        await anyio.lowlevel.checkpoint()
    return found


def _read(lines: Sequence[TelemetryLine]) -> tuple[list[Event], list[DeadLetter]]:
    """Events without secrets and with the interactions they tell of, and the lines that are none."""
    events: list[Event] = []
    letters: list[DeadLetter] = []
    for line in lines:
        try:
            place = f"{line.mark}:{line.offset}"
            events.append(read_event(line.content, line.source, place=place, file_time=line.file_time))
        except ValueError as error:
            letters.append(_letter(line, str(error)))
    cleaned = redact_all([event.fields for event in events])
    return [_finish(event, fields) for event, fields in zip(events, cleaned, strict=True)], letters


def _letter(line: TelemetryLine, reason: str) -> DeadLetter:
    beginning = redact(line.content[:BEGINNING].decode(errors="replace")).text
    return DeadLetter(line.path, line.offset, line.number, redact(reason).text, beginning.encode())


def _finish(event: Event, fields: Mapping[str, Any]) -> Event:
    clean = event if fields is event.fields else replace(event, fields=fields)
    interaction = told_interaction(clean)
    return clean if interaction is None else replace(clean, interaction=interaction)


class Retention:
    """Packs and throws away files of telemetry."""

    def __init__(self, shelf: TelemetryShelf, event_log: EventLog, clock: Clock, policy: RetentionPolicy) -> None:
        self._shelf = shelf
        self._event_log = event_log
        self._clock = clock
        self._policy = policy

    async def work(self) -> Worked:
        """See to a few files, the oldest first; one that changes meanwhile is left for another time."""
        files, positions = await self._shelf.files(), await self._event_log.positions()
        chores = plan_retention(files, positions, self._policy, self._clock.now())
        done = {Chore.PACK: 0, Chore.REMOVE: 0}
        for chore, file in chores[:CHORES]:
            done[chore] += await (self._pack(file) if chore is Chore.PACK else self._shelf.remove(file))
        counts = {"packed": done[Chore.PACK], "removed": done[Chore.REMOVE]}
        finished = sum(counts.values())
        return Worked(done=finished, more=len(chores) > CHORES and finished > 0, counts=counts)

    async def _pack(self, file: TelemetryFile) -> bool:
        """The copy counts as read before it has its name, so that nobody reads it again."""
        position = await self._shelf.pack(file)
        if position is None:
            return False
        if not file.own:
            await self._event_log.take_in((), [position])
        return await self._shelf.swap(file)
