"""Any server that speaks Anthropic Messages: Anthropic itself, llama.cpp, and gateways before them."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import httpx2

from hybrid_coordinator.backends.http import Endpoint
from hybrid_coordinator.backends.models.streaming import Patience, StreamingApi
from hybrid_coordinator.domain.query import Prompt, Spoken
from hybrid_coordinator.domain.route import ModelCard
from hybrid_coordinator.wire.anthropic import VERSION, MessageReader, encode_prompt


class AnthropicModel:
    """A model behind `/v1/messages`."""

    def __init__(
        self,
        card: ModelCard,
        *,
        base_url: str,
        model: str,
        client: httpx2.AsyncClient,
        api_key: str,
        patience: Patience,
        takes_temperature: bool = True,
    ) -> None:
        """`model` is the server's name for it. The client is this model's own and is closed with it."""
        headers = {b"x-api-key": api_key.encode(), b"anthropic-version": VERSION.encode()}
        self._api = StreamingApi(Endpoint(f"model {card.name!r}", base_url, api_key), headers, client, patience)
        self._card = card
        self._model = model
        self._takes_temperature = takes_temperature

    @property
    def card(self) -> ModelCard:
        return self._card

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Spoken, None]:
        body = encode_prompt(prompt, self._model, takes_temperature=self._takes_temperature)
        async with aclosing(self._api.stream("/messages", body, MessageReader(self._model))) as pieces:
            async for piece in pieces:
                yield piece

    async def check(self) -> None:
        await self._api.check()

    async def aclose(self) -> None:
        await self._api.aclose()
