"""How long answers wait for what is done on behalf of learning."""

import math
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from hybrid_coordinator.domain.measures import Lap
from hybrid_coordinator.ports import Clock

RANKING = "ranking by use"
WITHHOLDING = "withholding by chance"

REMEMBERED = 2_000
"""The latest runs of each part, of which the 99th percentile is."""


@dataclass(slots=True)
class _Part:
    """A part, as it goes; in seconds."""

    count: int = 0
    total: float = 0.0
    latest: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


class Stopwatch:
    """Times parts of answering, since the process began."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._parts: dict[str, _Part] = {}

    @contextmanager
    def timing(self, name: str) -> Iterator[None]:
        """Count what is done in here to a part. What fails counts too: somebody waited for it."""
        started = self._clock.monotonic()
        try:
            yield
        finally:
            part = self._parts.setdefault(name, _Part())
            seconds = self._clock.monotonic() - started
            part.count += 1
            part.total += seconds
            part.latest.append(seconds)

    @property
    def laps(self) -> tuple[Lap, ...]:
        """Every part that ran, the first to run first."""
        return tuple(
            Lap(name, part.count, 1_000 * part.total / part.count, 1_000 * _p99(part.latest))
            for name, part in self._parts.items()
        )


def _p99(seconds: deque[float]) -> float:
    """The nearest rank."""
    return sorted(seconds)[math.ceil(0.99 * len(seconds)) - 1]
