"""Time that a test holds still."""

from datetime import UTC, datetime, timedelta
from uuid import UUID


class ManualClock:
    """Time that moves only when told to, and names that count up from one."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start
        self._monotonic = 0.0
        self._names = 0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def new_id(self) -> str:
        self._names += 1
        return str(UUID(int=self._names))

    def advance(self, seconds: float) -> None:
        """Move both clocks on; negative seconds turn the wall clock back and leave the monotonic one alone."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += max(seconds, 0.0)
