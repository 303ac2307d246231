"""Versions that a vendor has trained and keeps."""

from collections.abc import Callable
from pathlib import Path

from hybrid_coordinator.backends.models.hosts.naming import NamedModel, hear
from hybrid_coordinator.domain.training import BaseWeights
from hybrid_coordinator.domain.versions import ModelVersion
from hybrid_coordinator.errors import ModelRefused
from hybrid_coordinator.logic.teaching_backends import vendor_base
from hybrid_coordinator.ports import Model, Pause


class OpenAIHost:
    """The vendor runs them all: opening one makes a way to it, and a word is asked for to see that it answers."""

    def __init__(self, name: str, model: Callable[[str], Model]) -> None:
        """`name` is the vendor's for the base; `model` makes the model of a name."""
        self._name = name
        self._model = model

    async def base(self) -> BaseWeights:
        """Known by its name alone."""
        return vendor_base(self._name)

    async def open(self, version: ModelVersion | None, artefact: Path | None, *, pause: Pause | None = None) -> Model:
        if version is not None and not version.vendor_model:
            raise ModelRefused(f"version {version.name!r} has no name at its vendor: train a new version there")
        if version is not None and version.base.name != self._name:
            raise ModelRefused(f"version {version.name!r} is one of {version.base.name!r}, not of {self._name!r}")
        vendors = version.vendor_model if version else self._name
        model = NamedModel(self._model(vendors), version.name if version else self._name)
        try:
            await hear(model)
        except BaseException:
            await model.aclose()
            raise
        return model

    async def settle(self, version: ModelVersion | None, artefact: Path | None) -> None:
        """Every request names the model it wants: there is nothing to settle."""

    async def drop(self, version: ModelVersion) -> None:
        """What was paid for stays: deleting it there takes an owner's rights, which an API key need not have."""
