"""A model behind llama.cpp's own server, which holds answers to a grammar."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import httpx2

from hybrid_coordinator.backends.http import Endpoint
from hybrid_coordinator.backends.models.chat_template import ChatTemplate
from hybrid_coordinator.backends.models.openai_chat import NOTHING_MORE, OpenAIChatModel
from hybrid_coordinator.backends.models.streaming import Patience
from hybrid_coordinator.domain.query import Prompt, Spoken, fold
from hybrid_coordinator.domain.route import ModelCard
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.logic.tool_grammar import offered_tools, speaks_of_tools, tool_prompt, tool_spoken
from hybrid_coordinator.wire.openai_chat import LLAMA_CPP


class LlamaServerModel:
    """Calls tools even where the chat template of the model knows none: the grammar of the answer makes it."""

    def __init__(
        self,
        card: ModelCard,
        *,
        base_url: str,
        model: str,
        client: httpx2.AsyncClient,
        api_key: str = "",
        patience: Patience,
    ) -> None:
        """`model` is the server's name for it. The client is this model's own and is closed with it."""
        self._template = ChatTemplate(Endpoint(f"model {card.name!r}", base_url, api_key), client, patience.connect_s)
        self._chat = OpenAIChatModel(
            card, base_url=base_url, model=model, client=client, api_key=api_key, patience=patience, dialect=LLAMA_CPP
        )

    @property
    def card(self) -> ModelCard:
        return self._chat.card

    async def stream(self, prompt: Prompt, more: Mapping[str, Any] = NOTHING_MORE) -> AsyncGenerator[Spoken, None]:
        """`more` are fields of the request that only llama.cpp knows."""
        try:
            by_grammar = speaks_of_tools(prompt) and not await self._template.knows_tools()
            telling = self._call(prompt, more) if by_grammar else self._chat.stream(prompt, more)
            async with aclosing(telling) as pieces:
                async for piece in pieces:
                    yield piece
        except ModelUnavailable:
            self._template.forget()
            raise

    async def _call(self, prompt: Prompt, more: Mapping[str, Any]) -> AsyncGenerator[Spoken, None]:
        """Half a call means nothing: where one may come, the answer is told when it is whole."""
        async with aclosing(self._chat.stream(tool_prompt(prompt, self.card.context_tokens), more)) as pieces:
            if offered_tools(prompt):
                for piece in tool_spoken(fold([piece async for piece in pieces]), prompt):
                    yield piece
            else:
                async for piece in pieces:
                    yield piece

    async def check(self) -> None:
        await self._chat.check()

    async def aclose(self) -> None:
        await self._chat.aclose()
