"""Whether somebody is waiting for an answer: what runs behind their backs gives way to them."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager

import anyio

from hybrid_coordinator.domain.query import Prompt, Spoken
from hybrid_coordinator.domain.route import ModelCard
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.ports import Model

GAVE_WAY = "a person asked something, and goes first; try again in a pause"


class Traffic:
    """Counts the questions that are being answered."""

    def __init__(self) -> None:
        self._waiting = 0
        self._last = float("-inf")
        self._giving_way: set[anyio.CancelScope] = set()
        self._rush = anyio.Event()

    @property
    def busy(self) -> bool:
        """Whether somebody is waiting now."""
        return self._waiting > 0

    @property
    def quiet_s(self) -> float:
        """For how long nobody has waited; without end before anybody did."""
        return 0.0 if self.busy else anyio.current_time() - self._last

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Somebody waits for as long as this lasts. What can give way does so at once."""
        self._waiting += 1
        for scope in self._giving_way:
            scope.cancel()
        self._rush.set()
        try:
            yield
        finally:
            self._waiting -= 1
            self._last = anyio.current_time()

    async def rush(self) -> None:
        """Wait until somebody waits for an answer: at once while somebody does."""
        if not self.busy:
            self._rush = anyio.Event() if self._rush.is_set() else self._rush
            await self._rush.wait()

    async def calm(self, quiet_s: float, patience_s: float) -> None:
        """Wait until nobody has been answered for `quiet_s`, at most for `patience_s`."""
        with anyio.move_on_after(patience_s):
            while True:
                left = quiet_s - self.quiet_s
                if left <= 0:
                    return
                await anyio.sleep(left)

    @contextmanager
    def giving_way(self) -> Iterator[anyio.CancelScope]:
        """What is done in here is cancelled as soon as somebody asks something."""
        with anyio.CancelScope() as scope:
            self._giving_way.add(scope)
            try:
                yield scope
            finally:
                self._giving_way.discard(scope)


class PoliteModel:
    """A model for work in the background: with the interface of a model, it stops when a person wants one."""

    def __init__(self, model: Model, traffic: Traffic) -> None:
        self._model = model
        self._traffic = traffic

    @property
    def card(self) -> ModelCard:
        return self._model.card

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Spoken, None]:
        async with aclosing(self._model.stream(prompt)) as pieces:
            while (piece := await self._next(pieces)) is not None:
                yield piece

    async def _next(self, pieces: AsyncGenerator[Spoken, None]) -> Spoken | None:
        if self._traffic.busy:
            raise ModelUnavailable(GAVE_WAY)
        piece: Spoken | None = None
        with self._traffic.giving_way() as scope:
            piece = await anext(pieces, None)
        if scope.cancelled_caught:
            raise ModelUnavailable(GAVE_WAY)
        return piece

    async def check(self) -> None:
        await self._model.check()

    async def aclose(self) -> None:
        """The model belongs to those who answer: it stays open."""
