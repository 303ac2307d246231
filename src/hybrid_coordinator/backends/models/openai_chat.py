"""Any server that speaks OpenAI Chat Completions: llama.cpp, Ollama, OpenAI, DeepSeek, OpenRouter and their like."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import httpx2

from hybrid_coordinator.backends.http import Endpoint
from hybrid_coordinator.backends.models.streaming import Patience, StreamingApi
from hybrid_coordinator.domain.query import Prompt, Spoken
from hybrid_coordinator.domain.route import ModelCard
from hybrid_coordinator.logic.answer_room import cap_answer
from hybrid_coordinator.wire.openai_chat import COMMON, ChatReader, Dialect, encode_prompt

NOTHING_MORE: Mapping[str, Any] = {}


class OpenAIChatModel:
    """A model behind `/v1/chat/completions`."""

    def __init__(
        self,
        card: ModelCard,
        *,
        base_url: str,
        model: str,
        client: httpx2.AsyncClient,
        api_key: str = "",
        patience: Patience,
        dialect: Dialect = COMMON,
    ) -> None:
        """`model` is the server's name for it. The client is this model's own and is closed with it."""
        endpoint = Endpoint(f"model {card.name!r}", base_url, api_key)
        self._api = StreamingApi(endpoint, endpoint.bearer(), client, patience)
        self._card = card
        self._model = model
        self._dialect = dialect

    @property
    def card(self) -> ModelCard:
        return self._card

    async def stream(self, prompt: Prompt, more: Mapping[str, Any] = NOTHING_MORE) -> AsyncGenerator[Spoken, None]:
        """`more` are fields of the request that only this server knows."""
        body = encode_prompt(cap_answer(prompt, self._card.context_tokens), self._model, self._dialect_for(prompt))
        async with aclosing(self._api.stream("/chat/completions", {**body, **more}, ChatReader(self._model))) as pieces:
            async for piece in pieces:
                yield piece

    def _dialect_for(self, prompt: Prompt) -> Dialect:
        """llama.cpp refuses to stream probabilities beside tools."""
        return replace(self._dialect, wants_logprobs=False) if prompt.tools else self._dialect

    async def check(self) -> None:
        await self._api.check()

    async def aclose(self) -> None:
        await self._api.aclose()
