"""Versions on a llama.cpp server that the user runs: adapters that it loaded at its start, chosen by each request."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from hybrid_coordinator.backends.http import Endpoint, open_client
from hybrid_coordinator.backends.models.hosts.adapters import Fingerprints, check_adapter
from hybrid_coordinator.backends.models.hosts.deploy_hook import DeployHook
from hybrid_coordinator.backends.models.hosts.json_api import JsonApi
from hybrid_coordinator.backends.models.hosts.lora_api import LoadedAdapter, LoraApi, restart_command, wishes
from hybrid_coordinator.backends.models.hosts.lora_model import LoraModel
from hybrid_coordinator.backends.models.hosts.naming import hear
from hybrid_coordinator.backends.models.llama_server import LlamaServerModel
from hybrid_coordinator.backends.models.streaming import Patience
from hybrid_coordinator.domain.route import ModelCard
from hybrid_coordinator.domain.training import BaseWeights
from hybrid_coordinator.domain.versions import ModelVersion
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.ports import Model, Pause

LOOK_AGAIN_S = 0.2
"""Between two looks at a server that a hook has restarted: it tells nobody when it is up."""


class LlamaServerHost:
    """Base, serving version and canary share the one server; no answer is given with an adapter not meant for it."""

    def __init__(
        self,
        card: ModelCard,
        *,
        base_url: str,
        api_key: str = "",
        patience: Patience,
        weights: Path | None = None,
        hook: DeployHook | None = None,
        restart_s: float = 120.0,
        fingerprints: Fingerprints | None = None,
    ) -> None:
        """`weights` are the server's where its own path to them means nothing here. The server has `restart_s` to be up
        with an adapter after the `hook` has run."""
        self._card = card
        self._endpoint = Endpoint(f"model {card.name!r}", base_url, api_key)
        self._patience = patience
        self._weights = weights
        self._hook = hook
        self._restart_s = restart_s
        self._fingerprints = fingerprints or Fingerprints()

    async def base(self) -> BaseWeights:
        async with self._reach() as api:
            path = self._weights or Path(await api.weights_path())
        try:
            return BaseWeights(path.stem, await self._fingerprints.of(path), str(path))
        except OSError as error:
            raise self._endpoint.refused(
                f"has weights that cannot be read here ({error}): set HYBRID_FINETUNE_BASE to a copy of that file"
            ) from error

    async def open(self, version: ModelVersion | None, artefact: Path | None, *, pause: Pause | None = None) -> Model:
        base = await self.base()
        path = (await self._brought(version, artefact, base, pause)).path if version else ""
        client = open_client(trust_env=False)
        server = LlamaServerModel(
            self._card,
            base_url=self._endpoint.base_url,
            model="",
            client=client,
            api_key=self._endpoint.key,
            patience=self._patience,
        )
        api = LoraApi(JsonApi(self._endpoint, client, self._patience.first_word_s))
        model = LoraModel(server, api, base.name, version, path)
        try:
            await hear(model)
        except BaseException:
            await model.aclose()
            raise
        return model

    async def settle(self, version: ModelVersion | None, artefact: Path | None) -> None:
        """For those who ask the server without asking here."""
        chosen = await self._loaded(version, artefact, await self.base()) if version else None
        async with self._reach() as api:
            loaded = await api.adapters()
            wanted = wishes(loaded, chosen and _same(loaded, chosen.path), version.scale if version else 0.0)
            await api.scale(wanted)
            if [one.scale for one in await api.adapters()] != [wish["scale"] for wish in wanted]:
                raise self._endpoint.unavailable("did not take the strengths of its adapters: try again")

    async def drop(self, version: ModelVersion) -> None:
        """The server goes on having what it loaded until its owner starts it without that."""

    @asynccontextmanager
    async def _reach(self) -> AsyncIterator[LoraApi]:
        async with open_client(trust_env=False) as client:
            yield LoraApi(JsonApi(self._endpoint, client, self._patience.first_word_s))

    async def _loaded(self, version: ModelVersion, artefact: Path | None, base: BaseWeights) -> LoadedAdapter:
        """The adapter of a version in the server."""
        adapter = await check_adapter(version, artefact, base, self._fingerprints)
        return await self._find(version, adapter, await self._list()) or await self._refuse(version, adapter)

    async def _brought(
        self, version: ModelVersion, artefact: Path | None, base: BaseWeights, pause: Pause | None
    ) -> LoadedAdapter:
        """The same, brought there by the hook where there is one and it must be."""
        if self._hook is None:
            return await self._loaded(version, artefact, base)
        adapter = await check_adapter(version, artefact, base, self._fingerprints)
        loaded = await self._list()
        if found := await self._find(version, adapter, loaded):
            return found
        if pause is not None:
            await pause()
        said = await self._hook.run(version, adapter, base, _still_there(loaded, adapter))
        return await self._await(version, adapter, said)

    async def _list(self) -> tuple[LoadedAdapter, ...]:
        async with self._reach() as api:
            return await api.adapters()

    async def _find(
        self, version: ModelVersion, adapter: Path, loaded: Sequence[LoadedAdapter]
    ) -> LoadedAdapter | None:
        for one in loaded:
            if await self._is(one, version, adapter):
                return one
        return None

    async def _is(self, one: LoadedAdapter, version: ModelVersion, adapter: Path) -> bool:
        """By the file itself where the server's path can be read here, and else by its run's folder and its name."""
        try:
            return await self._fingerprints.of(Path(one.path)) == version.sha256
        except OSError:
            return Path(one.path).parts[-2:] == adapter.parts[-2:]

    async def _await(self, version: ModelVersion, adapter: Path, said: str) -> LoadedAdapter:
        with anyio.move_on_after(self._restart_s):
            while True:
                try:
                    found = await self._find(version, adapter, await self._list())
                except ModelUnavailable:  # it is being restarted
                    found = None
                if found:
                    return found
                await anyio.sleep(LOOK_AGAIN_S)
        raise self._endpoint.unavailable(
            f"has not loaded {str(adapter)!r} although the deploy hook ran; it said: {said or 'nothing'}; mend the hook"
        )

    async def _refuse(self, version: ModelVersion, adapter: Path) -> LoadedAdapter:
        async with self._reach() as api:
            adapters = [*(one.path for one in await api.adapters()), str(adapter)]
            command = restart_command(await api.weights_path(), adapters)
        raise ModelUnavailable(
            f"version {version.name!r} is not loaded by the llama.cpp server at {self._endpoint.base_url!r}, which "
            f"takes adapters at its start only: restart it with its other options and `{command}`, or set a deploy hook"
        )


def _still_there(loaded: Sequence[LoadedAdapter], adapter: Path) -> list[str]:
    """Paths of those adapters of a server that it can load again: not those of runs that were removed here."""
    runs = adapter.parent.parent
    return [one.path for one in loaded if not _is_gone(Path(one.path), runs)]


def _is_gone(path: Path, runs: Path) -> bool:
    """Whether it was of a run. What is not to be found at its path may lie where the server is."""
    here = runs.joinpath(*path.parts[-2:])
    was_of_a_run = path.parent.parent.name == runs.name
    return was_of_a_run and not os.access(path, os.F_OK) and not os.access(here, os.F_OK)


def _same(loaded: tuple[LoadedAdapter, ...], path: str) -> LoadedAdapter | None:
    return next((one for one in loaded if one.path == path), None)
