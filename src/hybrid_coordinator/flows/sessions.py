"""Which model each session is with."""

from collections import OrderedDict
from dataclasses import dataclass

from hybrid_coordinator.domain.query import Usage
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.logic.switching import Stay
from hybrid_coordinator.ports import Clock

MOST_SESSIONS = 10_000
"""Sessions that are remembered; the one that was silent longest is forgotten first."""


@dataclass(frozen=True, slots=True)
class _Seat:
    card: ModelCard
    cached_tokens: int
    at: float


class Sessions:
    """Remembers the model of every session that is going on. A restart forgets, which costs a prompt cache at most."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seats: OrderedDict[str, _Seat] = OrderedDict()

    def note(self, session_id: str | None, card: ModelCard, usage: Usage) -> None:
        """A model answered in this session."""
        if not session_id:
            return
        remote = card.location is Location.REMOTE
        cached = usage.cache_read_tokens + usage.cache_write_tokens if remote else 0
        self._seats[session_id] = _Seat(card, cached, self._clock.monotonic())
        self._seats.move_to_end(session_id)
        while len(self._seats) > MOST_SESSIONS:
            self._seats.popitem(last=False)

    def stay_of(self, session_id: str | None) -> Stay | None:
        """Where a session is, or None for a new one."""
        seat = self._seats.get(session_id) if session_id else None
        return None if seat is None else Stay(seat.card, seat.cached_tokens, self._clock.monotonic() - seat.at)
