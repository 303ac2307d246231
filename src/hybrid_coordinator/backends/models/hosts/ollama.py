"""Versions as models of an Ollama server: made of its own model and an adapter, or of merged weights."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from hybrid_coordinator.backends.http import Endpoint, open_client
from hybrid_coordinator.backends.models.hosts.adapters import Fingerprints, check_adapter
from hybrid_coordinator.backends.models.hosts.json_api import JsonApi
from hybrid_coordinator.backends.models.hosts.naming import NamedModel, hear
from hybrid_coordinator.backends.models.hosts.ollama_api import OllamaApi
from hybrid_coordinator.backends.models.openai_chat import OpenAIChatModel
from hybrid_coordinator.backends.models.streaming import Patience
from hybrid_coordinator.domain.route import ModelCard
from hybrid_coordinator.domain.training import BaseWeights
from hybrid_coordinator.domain.versions import ModelVersion
from hybrid_coordinator.errors import ModelRefused
from hybrid_coordinator.ports import Model

MERGED = "merged.gguf"
"""Beside the adapter, where the run's recipe asked for it."""

HASH_SHOWN = 12


class OllamaHost:
    """A version stays on the server when its model is closed, which the server unloads by itself; `drop` deletes it."""

    def __init__(
        self,
        card: ModelCard,
        *,
        base_url: str,
        model: str,
        patience: Patience,
        work_s: float = 600.0,
        fingerprints: Fingerprints | None = None,
    ) -> None:
        """`model` is the server's name of the base. Making a version may take as long as `work_s`."""
        self._card = card
        self._endpoint = Endpoint(f"model {card.name!r}", base_url)
        self._model = model
        self._patience = patience
        self._work_s = work_s
        self._fingerprints = fingerprints or Fingerprints()

    async def base(self) -> BaseWeights:
        """`path` is "" where the server's files are not on this machine."""
        async with self._reach() as api:
            path, sha256 = await api.weights(self._model)
        return BaseWeights(self._model, sha256, path if await anyio.Path(path).is_file() else "")

    async def open(self, version: ModelVersion | None, artefact: Path | None, *, at_once: bool = False) -> Model:
        if version is None:
            return await self._heard(self._model, self._model)
        adapter = await check_adapter(version, artefact, await self.base(), self._fingerprints)
        name = ollama_name(version)
        async with self._reach() as api:
            if not await api.has(name):
                if at_once:
                    raise self._endpoint.unavailable(f"has no model {name!r} any more: it is made again")
                await self._make(api, version, adapter)
        return await self._heard(name, version.name)

    async def settle(self, version: ModelVersion | None, artefact: Path | None) -> None:
        """Everybody names the model they want: there is nothing to settle."""

    async def drop(self, version: ModelVersion) -> None:
        async with self._reach() as api:
            await api.delete(ollama_name(version))

    @asynccontextmanager
    async def _reach(self) -> AsyncIterator[OllamaApi]:
        async with open_client(trust_env=False) as client:
            yield OllamaApi(JsonApi(self._endpoint, client, self._patience.first_word_s), self._work_s)

    async def _make(self, api: OllamaApi, version: ModelVersion, adapter: Path) -> None:
        """Ollama knows no strength of an adapter, and since 0.34.1 it takes none at all."""
        merged = adapter.with_name(MERGED)
        if await anyio.Path(merged).is_file():
            digest = await api.put(merged, await self._fingerprints.of(merged))
            await api.make(ollama_name(version), {"files": {merged.name: digest}})
            return
        if version.scale != 1.0:
            raise _needs_merged(version, f"Ollama cannot apply an adapter with the strength {version.scale:g}")
        digest = await api.put(adapter, version.sha256)
        try:
            await api.make(ollama_name(version), {"from": self._model, "adapters": {adapter.name: digest}})
        except ModelRefused as error:
            raise _needs_merged(version, str(error)) from error

    async def _heard(self, model: str, name: str) -> Model:
        client = open_client(trust_env=False)
        chat = OpenAIChatModel(
            self._card, base_url=self._endpoint.base_url, model=model, client=client, patience=self._patience
        )
        named = NamedModel(chat, name)
        try:
            await hear(named)
        except BaseException:
            await named.aclose()
            raise
        return named


def ollama_name(version: ModelVersion) -> str:
    """What Ollama calls a version. Another file under the same version's name is another model."""
    slug = re.sub(r"[^a-z0-9._-]+", "-", version.name.lower())
    return f"hybrid-{slug}-{version.sha256[:HASH_SHOWN]}"


def _needs_merged(version: ModelVersion, why: str) -> ModelRefused:
    step = "train again with `merged = true` in the recipe"
    return ModelRefused(f"version {version.name!r} cannot go to Ollama as an adapter: {why}; {step}")
