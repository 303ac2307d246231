"""Leaving a broken model alone for a while: a wrapper with the interface of a model."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from hybrid_coordinator.domain.query import Finished, Prompt, Spoken
from hybrid_coordinator.domain.route import ModelCard
from hybrid_coordinator.errors import ModelRefused, ModelUnavailable
from hybrid_coordinator.ports import Clock, Model


@dataclass(frozen=True, slots=True)
class CircuitPolicy:
    """How many failures in a row open the circuit, and how long it stays open."""

    failures: int = 5
    cool_down_s: float = 30.0


class CircuitBreaker:
    """Fails at once while the circuit is open; after the cool-down one prompt at a time tries the model again.

    Only a whole answer closes the circuit: a model that dies in every answer is broken, too. A refusal is an answer,
    for it shows that the model is there. A caller who hangs up proves nothing.
    """

    def __init__(self, model: Model, clock: Clock, policy: CircuitPolicy) -> None:
        self._model = model
        self._clock = clock
        self._policy = policy
        self._failures = 0
        self._tried_again_at = 0.0
        self._trying = False

    @property
    def card(self) -> ModelCard:
        return self._model.card

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Spoken, None]:
        self._admit()
        self._trying = trying = self._open
        try:
            async with aclosing(self._model.stream(prompt)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Finished):
                        self._failures = 0
                    yield piece
        except ModelRefused:
            self._failures = 0
            raise
        except ModelUnavailable:
            self._note_failure()
            raise
        finally:
            if trying:
                self._trying = False

    async def check(self) -> None:
        self._admit()
        await self._model.check()

    async def aclose(self) -> None:
        await self._model.aclose()

    @property
    def _open(self) -> bool:
        return self._failures >= self._policy.failures

    def _admit(self) -> None:
        if not self._open:
            return
        wait = self._tried_again_at - self._clock.monotonic()
        if wait > 0:
            raise self._left_alone(f"it is tried again in {wait:.0f} s", wait)
        if self._trying:
            raise self._left_alone("another prompt is trying it now", None)

    def _left_alone(self, until: str, wait_s: float | None) -> ModelUnavailable:
        return ModelUnavailable(
            f"model {self.card.name!r} failed {self._failures} times in a row and is left alone: {until}",
            retry_after_s=wait_s,
        )

    def _note_failure(self) -> None:
        self._failures += 1
        if self._open:
            self._tried_again_at = self._clock.monotonic() + self._policy.cool_down_s
