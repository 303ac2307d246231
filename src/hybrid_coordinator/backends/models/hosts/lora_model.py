"""A version on a llama.cpp server that several versions share."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from hybrid_coordinator.backends.models.hosts.lora_api import LoadedAdapter, LoraApi, request_fields
from hybrid_coordinator.backends.models.llama_server import LlamaServerModel
from hybrid_coordinator.domain.query import Finished, Prompt, Spoken
from hybrid_coordinator.domain.route import ModelCard
from hybrid_coordinator.domain.versions import ModelVersion

logger = logging.getLogger(__name__)


class LoraModel:
    """Every request says which adapter it wants, so that the server's own strengths matter to nobody who asks here.

    The server is asked for its adapters each time, for it may have been started anew with others. Where the adapter of
    the version is gone the base answers, under its own name.
    """

    def __init__(
        self, model: LlamaServerModel, api: LoraApi, base_name: str, version: ModelVersion | None, path: str
    ) -> None:
        """`path` is that of the version's adapter, as the server tells it. The model is closed with this."""
        self._model = model
        self._api = api
        self._base_name = base_name
        self._version = version
        self._path = path

    @property
    def card(self) -> ModelCard:
        return self._model.card

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Spoken, None]:
        loaded = await self._api.adapters()
        chosen = next((one for one in loaded if self._path and one.path == self._path), None)
        name, scale = self._who(chosen)
        async with aclosing(self._model.stream(prompt, request_fields(loaded, chosen, scale))) as pieces:
            async for piece in pieces:
                yield replace(piece, model=name) if isinstance(piece, Finished) else piece

    async def check(self) -> None:
        await self._model.check()

    async def aclose(self) -> None:
        await self._model.aclose()

    def _who(self, chosen: LoadedAdapter | None) -> tuple[str, float]:
        if self._version is None:
            return self._base_name, 0.0
        if chosen is None:
            logger.warning(
                "an adapter is gone from its server; the base answers", extra={"version": self._version.name}
            )
            return self._base_name, 0.0
        return self._version.name, self._version.scale
