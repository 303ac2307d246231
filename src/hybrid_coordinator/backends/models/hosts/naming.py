"""A model under the name of a version, tried before anybody relies on it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from hybrid_coordinator.domain.query import Finished, Prompt, Spoken
from hybrid_coordinator.domain.route import ModelCard
from hybrid_coordinator.domain.versions import FIRST_WORDS
from hybrid_coordinator.ports import Model


async def hear(model: Model) -> None:
    """Have it say a word or two. Raises ModelUnavailable as any answer does."""
    async with aclosing(model.stream(FIRST_WORDS)) as pieces:
        async for _ in pieces:
            pass


class NamedModel:
    """Answers as the model it stands for, and is called by the name given to it."""

    def __init__(self, model: Model, name: str) -> None:
        self._model = model
        self._name = name

    @property
    def card(self) -> ModelCard:
        return self._model.card

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Spoken, None]:
        async with aclosing(self._model.stream(prompt)) as pieces:
            async for piece in pieces:
                yield replace(piece, model=self._name) if isinstance(piece, Finished) else piece

    async def check(self) -> None:
        await self._model.check()

    async def aclose(self) -> None:
        await self._model.aclose()
