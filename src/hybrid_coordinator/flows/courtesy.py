"""Trainers stand still while somebody waits for an answer: a request is never delayed by what learns."""

import logging
import math
from collections.abc import Sequence

from hybrid_coordinator.errors import CoordinatorError
from hybrid_coordinator.flows.traffic import Traffic
from hybrid_coordinator.ports import Clock, Trainer

logger = logging.getLogger(__name__)


class Courtesy:
    """Pauses training as soon as somebody asks, and lets it go on when nobody has for `quiet_s`."""

    def __init__(self, trainers: Sequence[Trainer], traffic: Traffic, clock: Clock, *, quiet_s: float = 5.0) -> None:
        self._trainers = tuple(trainers)
        self._traffic = traffic
        self._clock = clock
        self._quiet_s = quiet_s
        self._stood_s = 0.0
        self._since: float | None = None

    @property
    def stood_s(self) -> float:
        """For how many seconds training has stood still so far."""
        return self._stood_s + (0.0 if self._since is None else self._clock.monotonic() - self._since)

    async def keep_up(self) -> None:
        """Be polite for ever."""
        while True:
            await self._traffic.rush()
            self._since = self._clock.monotonic()
            await self._pause(True)
            await self._traffic.calm(self._quiet_s, math.inf)
            self._stood_s, self._since = self.stood_s, None
            await self._pause(False)

    async def _pause(self, paused: bool) -> None:
        for trainer in self._trainers:
            try:
                await trainer.pause(paused)
            except CoordinatorError:  # the next question tries again
                logger.exception("training was not %s", "paused" if paused else "let go on")
