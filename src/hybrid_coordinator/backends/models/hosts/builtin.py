"""Versions in the built-in engine: a llama.cpp process for each that answers."""

from dataclasses import replace
from pathlib import Path

import anyio

from hybrid_coordinator.backends.models.engine import EnginePolicy, LlamaCppEngine
from hybrid_coordinator.backends.models.gguf import check_gguf
from hybrid_coordinator.backends.models.hosts.adapters import Fingerprints, check_adapter
from hybrid_coordinator.backends.models.hosts.naming import hear
from hybrid_coordinator.backends.models.llamacpp import LlamaCppModel
from hybrid_coordinator.backends.models.llamacpp_process import Weights
from hybrid_coordinator.backends.models.streaming import Patience
from hybrid_coordinator.domain.route import ModelCard
from hybrid_coordinator.domain.training import BaseWeights
from hybrid_coordinator.domain.versions import ModelVersion
from hybrid_coordinator.errors import ModelRefused, ModelUnavailable
from hybrid_coordinator.ports import Clock, Model, Pause


class BuiltinHost:
    """Opens a version beside the one that runs, in a process of its own: what crashes there takes nothing along."""

    def __init__(
        self,
        card: ModelCard,
        weights: Weights,
        clock: Clock,
        policy: EnginePolicy,
        patience: Patience,
        fingerprints: Fingerprints | None = None,
    ) -> None:
        """`weights` are those of the base; every version is loaded with the same context, slots and threads."""
        self._card = card
        self._weights = weights
        self._clock = clock
        self._policy = policy
        self._patience = patience
        self._fingerprints = fingerprints or Fingerprints()

    async def base(self) -> BaseWeights:
        path = self._weights.path
        await check_gguf(path)
        return BaseWeights(path.stem, await self._fingerprints.of(path), str(path))

    async def open(self, version: ModelVersion | None, artefact: Path | None, *, pause: Pause | None = None) -> Model:
        weights = await self._weights_of(version, artefact)
        engine = LlamaCppEngine(weights, self._clock, self._policy)
        model = LlamaCppModel(self._card, engine, self._patience)
        try:
            await model.start()
            await _try(model, engine, weights)
        except BaseException:  # a cancelled try, too, must not leave a process behind
            with anyio.CancelScope(shield=True):
                await model.aclose()
            raise
        return model

    async def settle(self, version: ModelVersion | None, artefact: Path | None) -> None:
        """Each version has a process of its own: there is nothing to settle."""

    async def drop(self, version: ModelVersion) -> None:
        """Nothing is kept outside the run's folder."""

    async def _weights_of(self, version: ModelVersion | None, artefact: Path | None) -> Weights:
        if version is None:
            return replace(self._weights, alias=self._weights.path.stem)
        adapter = await check_adapter(version, artefact, await self.base(), self._fingerprints)
        return replace(self._weights, alias=version.name, adapter=adapter, scale=version.scale)


async def _try(model: LlamaCppModel, engine: LlamaCppEngine, weights: Weights) -> None:
    """Weights that the engine dies of will never do; anything else may pass."""
    try:
        await hear(model)
    except ModelUnavailable as error:
        if await engine.died_by_itself():
            raise ModelRefused(
                f"{weights.alias!r} ended the engine with its first word ({error}): train another"
            ) from error
        raise
