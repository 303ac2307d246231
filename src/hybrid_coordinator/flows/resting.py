"""Leaving a vendor alone for as long as it asked to be: a wrapper with the interface of a model."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from hybrid_coordinator.domain.query import Prompt, Spoken
from hybrid_coordinator.domain.route import ModelCard
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.ports import Clock, Model

LONGEST_REST_S = 3600.0
"""A vendor that asks for more is tried again after this long all the same."""


class Rests:
    """Until when whom is left alone. Those who need it no longer are forgotten."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def begin(self, who: str, wait_s: float) -> None:
        """Somebody asked for this wait, from now on; a longer one that runs already goes on."""
        now = self._clock.monotonic()
        self._until = {other: until for other, until in self._until.items() if until > now}
        self._until[who] = max(self._until.get(who, now), now + min(wait_s, LONGEST_REST_S))

    def left_s(self, who: str) -> float:
        """How long somebody is still to be left alone; 0 when they may be asked."""
        return max(0.0, self._until.get(who, 0.0) - self._clock.monotonic())


class RestingModel:
    """Fails at once while `who` rests, and goes to rest when it is told to come again later."""

    def __init__(self, model: Model, rests: Rests, who: str) -> None:
        self._model = model
        self._rests = rests
        self._who = who

    @property
    def card(self) -> ModelCard:
        return self._model.card

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Spoken, None]:
        self._admit()
        try:
            async with aclosing(self._model.stream(prompt)) as pieces:
                async for piece in pieces:
                    yield piece
        except ModelUnavailable as error:
            if error.retry_after_s:
                self._rests.begin(self._who, error.retry_after_s)
            raise

    async def check(self) -> None:
        self._admit()
        await self._model.check()

    async def aclose(self) -> None:
        await self._model.aclose()

    def _admit(self) -> None:
        left = self._rests.left_s(self._who)
        if left > 0:
            raise ModelUnavailable(
                f"model {self.card.name!r} asked to be left alone: it is asked again in {left:.0f} s",
                retry_after_s=left,
            )
