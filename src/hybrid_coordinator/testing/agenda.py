"""Leases and the state of the steps, in dictionaries."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from hybrid_coordinator.domain.learning import StepState


class MemoryAgenda:
    """Whose turn it is, as far as one process can tell."""

    def __init__(self) -> None:
        self._leases: dict[str, tuple[str, datetime]] = {}
        self._states: dict[str, StepState] = {}

    async def claim(self, name: str, holder: str, now: datetime, seconds: float) -> bool:
        until = now + timedelta(seconds=seconds)
        if name in self._leases:
            other, ends = self._leases[name]
            if other != holder and now <= ends <= until:
                return False
        self._leases[name] = (holder, until)
        return True

    async def release(self, name: str, holder: str) -> None:
        if name in self._leases and self._leases[name][0] == holder:
            del self._leases[name]

    async def holder(self, name: str, now: datetime) -> str | None:
        holder, ends = self._leases.get(name, (None, now))
        return holder if now <= ends else None

    async def note(self, state: StepState) -> None:
        self._states[state.step] = state

    async def states(self) -> Mapping[str, StepState]:
        return dict(self._states)
