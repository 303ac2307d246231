"""Who answers here as each model of the house, and how that is brought to what it should be."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio

from hybrid_coordinator.domain.versions import ModelVersion
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.flows.late_model import Choice, LateModel
from hybrid_coordinator.flows.versioned_model import VersionedModel
from hybrid_coordinator.logic.version_stages import Arms
from hybrid_coordinator.ports import Model, ModelHost, Pause, Workshop

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """A version that is open and checked, beside those that answer."""

    name: str
    model: Model


class Lineup:
    """Knows the engines and nothing of what is stored. A model that does not answer in this process is passed over."""

    def __init__(
        self,
        workshop: Workshop,
        hosts: Mapping[str, ModelHost],
        models: Mapping[str, VersionedModel],
        pause: Pause | None = None,
    ) -> None:
        """Each model answers as its base when this is made. `pause` comes before a server outside is disturbed."""
        self._pause = pause
        self._workshop = workshop
        self._hosts = hosts
        self._models = {name: model for name, model in models.items() if name in hosts}
        self._bases = {name: model.serving for name, model in self._models.items()}

    @property
    def models(self) -> Sequence[str]:
        """Those that answer here, by name."""
        return tuple(self._models)

    def serves(self, model: str, version: ModelVersion | None) -> bool:
        """Whether that version (None: the base) serves here. A model that does not answer here wants nothing."""
        house = self._models.get(model)
        return house is None or house.serving == self._name(model, version)

    def tries(self, model: str, arms: Arms) -> bool:
        """Whether that is on trial here which should be, if anything."""
        house = self._models.get(model)
        wanted = self._name(model, arms.trial.version) if arms.trial else None
        return house is None or _trial(house) == wanted

    async def open(self, model: str, version: ModelVersion | None, *, anew: bool = False) -> Opened | None:
        """A version beside those that answer; None where it answers already, unless `anew`. Raises as `ModelHost.open`
        does."""
        house, name = self._models.get(model), self._name(model, version)
        if house is None or (not anew and name in (house.serving, _trial(house))):
            return None
        await self._name_base(house, model, version)
        return Opened(name, await self._open(model, version))

    async def check_base(self, model: str) -> None:
        """Raise ModelUnavailable when not even the base can be opened: that is no version's fault."""
        opened = await self._open(model, None)
        await opened.aclose()

    async def install(self, model: str, arms: Arms, opened: Opened | None = None) -> None:
        """Let those answer who should, as far as they are open; one on trial that should not be goes. Without waiting
        for anything but a server outside, and whole even when it is cancelled."""
        house = self._models.get(model)
        if house is None:
            return
        with anyio.CancelScope(shield=True):
            await self.discard(await self._seat(house, model, arms, opened))
            await self._settle(model, arms.serving)

    async def drop(self, version: ModelVersion) -> None:
        """Have a server outside delete what it keeps of a version. Raises ModelUnavailable."""
        if (host := self._hosts.get(version.model)) is not None:
            await host.drop(version)

    async def discard(self, opened: Opened | None) -> None:
        """Close what was opened and is not wanted."""
        if opened is not None:
            with anyio.CancelScope(shield=True):
                await opened.model.aclose()

    async def install_late(self, model: str, versions: Sequence[ModelVersion], missed: Callable[[str], None]) -> None:
        """Let the first of these versions serve that can be opened once somebody asks, or else the base."""
        house = self._models[model]
        choices = [
            Choice(self._name(model, one), partial(self._open_to_serve, model, one)) for one in (*versions, None)
        ]
        await house.switch(LateModel(house.card, choices, missed), choices[0].name)

    async def _seat(self, house: VersionedModel, model: str, arms: Arms, opened: Opened | None) -> Opened | None:
        """What was opened, where it has found no place."""
        serving, share = self._name(model, arms.serving), arms.trial.share if arms.trial else 0.0
        trial = self._name(model, arms.trial.version) if arms.trial else None
        if _trial(house) == serving:
            await house.swap(share if house.serving == trial else 0.0)
        elif opened is not None and opened.name == serving:
            await house.switch(opened.model, serving)
            opened = None
        if _trial(house) != trial:
            await house.end_trial()
        if opened is not None and opened.name == trial:
            await house.try_out(opened.model, trial, share)
            opened = None
        return opened

    async def _settle(self, model: str, version: ModelVersion | None) -> None:
        """What a server outside answers to others is not worth breaking off for."""
        try:
            await self._hosts[model].settle(version, self._artefact(version))
        except ModelUnavailable:
            logger.exception("a model server goes on as before", extra={"model": model})

    async def _open_to_serve(self, model: str, version: ModelVersion | None) -> Model:
        """While somebody waits: what takes a server to be started anew, or a model to be made there, is left to
        `Following`."""
        opened = await self._hosts[model].open(version, self._artefact(version), pause=_not_now)
        await self._settle(model, version)
        return opened

    async def _open(self, model: str, version: ModelVersion | None) -> Model:
        return await self._hosts[model].open(version, self._artefact(version), pause=self._pause)

    def _artefact(self, version: ModelVersion | None) -> Path | None:
        return self._workshop.folder(version.run_id) / version.artefact if version and version.artefact else None

    async def _name_base(self, house: VersionedModel, model: str, version: ModelVersion | None) -> None:
        """Let the base of a server outside answer by the name that its version knows it by: theirs are compared."""
        known = self._bases[model]
        if version is None or house.serving != known or known == version.base.name:
            return
        await house.switch(await self._open(model, None), version.base.name)
        self._bases[model] = version.base.name

    def _name(self, model: str, version: ModelVersion | None) -> str:
        return version.name if version else self._bases.get(model, "")


async def _not_now() -> None:
    raise ModelUnavailable("somebody waits for an answer: it is brought to its server in a pause")


def _trial(house: VersionedModel) -> str | None:
    return house.trial.name if house.trial else None
