"""Asking again: a wrapper with the interface of a model."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from random import random

import anyio

from hybrid_coordinator.domain.query import Prompt, Spoken
from hybrid_coordinator.domain.route import ModelCard
from hybrid_coordinator.errors import ModelRefused, ModelUnavailable
from hybrid_coordinator.ports import Model


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a prompt is sent again, and the waits before that, in seconds."""

    retries: int = 2
    first_wait_s: float = 0.5
    longest_wait_s: float = 8.0

    def wait_s(self, retry: int, luck: float, asked_s: float | None) -> float | None:
        """The wait before retry 0, 1, …; None to give up. `luck` in [0, 1) spreads those who failed together.

        Full jitter (M. Brooker, "Exponential Backoff And Jitter"), added to what the server asked for.
        """
        if retry >= self.retries or (asked_s or 0.0) > self.longest_wait_s:
            return None
        return (asked_s or 0.0) + luck * min(self.longest_wait_s, self.first_wait_s * 2.0**retry)


class RetryingModel:
    """Sends a prompt again when the model failed before its first word in a way that may pass."""

    def __init__(
        self,
        model: Model,
        policy: RetryPolicy,
        *,
        luck: Callable[[], float] = random,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._model = model
        self._policy = policy
        self._luck = luck
        self._sleep = sleep

    @property
    def card(self) -> ModelCard:
        return self._model.card

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Spoken, None]:
        retry = 0
        while True:
            spoken = False
            try:
                async with aclosing(self._model.stream(prompt)) as pieces:
                    async for piece in pieces:
                        spoken = True
                        yield piece
                return
            except ModelUnavailable as error:
                wait = self._policy.wait_s(retry, self._luck(), error.retry_after_s)
                if spoken or wait is None or isinstance(error, ModelRefused):
                    raise
            await self._sleep(wait)
            retry += 1

    async def check(self) -> None:
        await self._model.check()

    async def aclose(self) -> None:
        await self._model.aclose()
