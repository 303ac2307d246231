"""Events and file positions, in dictionaries."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from hybrid_coordinator.domain.telemetry import Event, FilePosition
from hybrid_coordinator.testing.ledger import MemoryLedger


class MemoryEventLog:
    """The events that were taken in; what they hold as interactions goes to the ledger it was made with."""

    def __init__(self, ledger: MemoryLedger | None = None) -> None:
        self._ledger = ledger or MemoryLedger()
        self._events: dict[str, Event] = {}
        self._positions: dict[tuple[int, int], FilePosition] = {}
        self._written = (0, "", 0)

    async def positions(self) -> list[FilePosition]:
        return list(self._positions.values())

    async def take_in(self, events: Sequence[Event], positions: Sequence[FilePosition]) -> int:
        before = len(self._events)
        for event in events:
            if event.id not in self._events:
                self._events[event.id] = event
                if event.interaction is not None:
                    await self._ledger.append(event.interaction)
        self._positions.update(((one.device, one.inode), one) for one in positions)
        return len(self._events) - before

    async def forget(self, positions: Sequence[FilePosition]) -> None:
        for one in positions:
            self._positions.pop((one.device, one.inode), None)

    async def unwritten(self, *, limit: int) -> list[tuple[int, Event]]:
        places = enumerate(self._events.values(), start=1)
        waiting = [(place, event) for place, event in places if event.own and place > self._written[0]]
        return waiting[:limit]

    async def mark_written(self, place: int, file: str, size: int) -> None:
        self._written = (place, file, size)

    async def written(self) -> tuple[str, int]:
        return self._written[1:]

    async def tally(self, since: datetime | None) -> Mapping[tuple[str, str], int]:
        fitting = (event for event in self._events.values() if since is None or event.at >= since)
        return Counter((event.source.value, event.kind) for event in fitting)
