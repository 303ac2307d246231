"""A host whose versions say what they were told to."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio

from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.domain.training import BaseWeights
from hybrid_coordinator.domain.versions import ModelVersion
from hybrid_coordinator.ports import Pause
from hybrid_coordinator.testing.model import Script, ScriptedModel


class ScriptedHost:
    """The `ModelHost` port over scripted models.

    `scripts` holds what a version (the base, by its own name) does for each prompt, unless it says "An answer.";
    `troubles` what opening one raises, and `gates` what opening one waits for.
    Those that are `absent` have to be brought to their server first, in a pause. `opened` are all that were opened,
    with their names, in order; `settled` the names that a server outside was settled on, `dropped` those it was told
    to drop.
    """

    def __init__(
        self, base: BaseWeights | None = None, *, scripts: Mapping[str, Sequence[Script]] | None = None
    ) -> None:
        self._base = base or BaseWeights("scripted", "00" * 32)
        self._scripts = scripts or {}
        self.troubles: dict[str, Exception] = {}
        self.gates: dict[str, anyio.Event] = {}
        self.opened: list[tuple[str, ScriptedModel]] = []
        self.absent: set[str] = set()
        self.settled: list[str] = []
        self.dropped: list[str] = []

    async def base(self) -> BaseWeights:
        return self._base

    async def open(
        self, version: ModelVersion | None, artefact: Path | None, *, pause: Pause | None = None
    ) -> ScriptedModel:
        name = version.name if version else self._base.name
        if (gate := self.gates.get(name)) is not None:
            await gate.wait()
        if (trouble := self.troubles.get(name)) is not None:
            raise trouble
        if name in self.absent and pause is not None:
            await pause()
        self.absent.discard(name)
        model = ScriptedModel(*self._scripts.get(name, ()), card=ModelCard(name, Location.LOCAL))
        self.opened.append((name, model))
        return model

    async def settle(self, version: ModelVersion | None, artefact: Path | None) -> None:
        self.settled.append(version.name if version else self._base.name)

    async def drop(self, version: ModelVersion) -> None:
        if (trouble := self.troubles.get(version.name)) is not None:
            raise trouble
        self.dropped.append(version.name)

    @property
    def running(self) -> list[str]:
        """Those that were opened and are not closed, by name."""
        return [name for name, model in self.opened if not model.closed]
