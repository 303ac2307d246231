"""A version that is opened when somebody first asks it something."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import anyio

from hybrid_coordinator.domain.query import Prompt, Spoken
from hybrid_coordinator.domain.route import ModelCard
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.ports import Model

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """Somebody who may answer, and what it takes to open them."""

    name: str
    open: Callable[[], Awaitable[Model]]


class LateModel:
    """The first of its choices that can be opened, opened once; however many ask at once, they wait for the same.

    `missed` is told the name of each choice that could not be opened.
    """

    def __init__(self, card: ModelCard, choices: Sequence[Choice], missed: Callable[[str], None]) -> None:
        self._card = card
        self._choices = choices
        self._missed = missed
        self._turn = anyio.Lock()
        self._model: Model | None = None
        self._closed = False

    @property
    def card(self) -> ModelCard:
        return self._card

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Spoken, None]:
        model = self._model or await self._open()
        async with aclosing(model.stream(prompt)) as pieces:
            async for piece in pieces:
                yield piece

    async def check(self) -> None:
        """While it is not open, it is taken to be as good as it was."""
        if self._closed:
            raise ModelUnavailable(f"model {self._card.name!r} is closed; build another")
        if self._model is not None:
            await self._model.check()

    async def aclose(self) -> None:
        self._closed = True
        async with self._turn:
            model, self._model = self._model, None
            if model is not None:
                await model.aclose()

    async def _open(self) -> Model:
        async with self._turn:
            if self._closed:
                raise ModelUnavailable(f"model {self._card.name!r} is closed; build another")
            if self._model is None:
                self._model = await self._first()
            return self._model

    async def _first(self) -> Model:
        """Raises what the last choice raised."""
        *first, last = self._choices
        for choice in first:
            try:
                return await choice.open()
            except ModelUnavailable as error:
                logger.warning("version %r cannot be opened, and another answers: %s", choice.name, error)
                self._missed(choice.name)
        return await last.open()
