"""Versions as models of an Ollama server: made of its own model and an adapter, or of merged weights."""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread

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
from hybrid_coordinator.ports import Model, Pause

MERGED = "merged.gguf"
"""Beside the adapter, where the run's recipe asked for it."""

HASH_SHOWN = 12
COPY = "set HYBRID_FINETUNE_BASE to a copy of the GGUF file that it has"


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
        weights: Path | None = None,
        fingerprints: Fingerprints | None = None,
    ) -> None:
        """`model` is the server's name of the base, `weights` a copy of its weights for where the server's files are
        not on this machine. Making a version may take as long as `work_s`."""
        self._card = card
        self._endpoint = Endpoint(f"model {card.name!r}", base_url)
        self._model = model
        self._patience = patience
        self._work_s = work_s
        self._weights = weights
        self._fingerprints = fingerprints or Fingerprints()

    async def base(self) -> BaseWeights:
        """`path` is "" where the weights are not on this machine."""
        path, sha256 = await self._weights_there()
        readable = await anyio.to_thread.run_sync(os.access, path, os.R_OK)  # a service's files may be its own
        here = path if readable else await self._copy(sha256)
        return BaseWeights(self._model, sha256, here)

    async def open(self, version: ModelVersion | None, artefact: Path | None, *, pause: Pause | None = None) -> Model:
        if version is None:
            return await self._heard(self._model, self._model)
        base = BaseWeights(self._model, (await self._weights_there())[1])
        adapter = await check_adapter(version, artefact, base, self._fingerprints)
        name = ollama_name(version)
        async with self._reach() as api:
            if not await api.has(name):
                if pause is not None:
                    await pause()
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

    async def _weights_there(self) -> tuple[str, str]:
        async with self._reach() as api:
            return await api.weights(self._model)

    async def _copy(self, sha256: str) -> str:
        if self._weights is None:
            return ""
        try:
            found = await self._fingerprints.of(self._weights)
        except OSError as error:
            raise self._endpoint.refused(f"has a copy of its weights that cannot be read ({error}): {COPY}") from error
        if found != sha256:
            raise self._endpoint.refused(
                f"has weights of the sha256 {sha256}, and {str(self._weights)!r} has {found}: {COPY}"
            )
        return str(self._weights)

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
