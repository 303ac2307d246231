"""Let each model answer as its versions are on record, whoever wrote that: this process, one killed, or another."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import anyio

from hybrid_coordinator.domain.versions import ModelVersion, VersionStage
from hybrid_coordinator.errors import CoordinatorError, ModelRefused
from hybrid_coordinator.flows.enacting import Enactor
from hybrid_coordinator.logic.version_changes import Ruled, stop_watching
from hybrid_coordinator.logic.version_stages import Arms, at_stage, predecessors
from hybrid_coordinator.ports import Runs, Workshop

FOLLOW_S = 30.0
"""How often the records are looked at."""

ACTOR = "open"
"""Who rolls back what cannot be opened any more."""

logger = logging.getLogger(__name__)


class Following:
    """Changes records only to roll back what can never be opened again."""

    def __init__(self, runs: Runs, workshop: Workshop, enactor: Enactor) -> None:
        self._runs = runs
        self._workshop = workshop
        self._enactor = enactor
        self._lineup = enactor.lineup
        self._missed: set[str] = set()

    async def restore(self) -> None:
        """Let each model answer as what serves, opened when somebody first asks: where that fails, as what served
        before it, or as the base. Opens nothing and raises nothing: a model whose versions cannot be read answers as
        its base until `follow` has read them."""
        for model in self._lineup.models:
            try:
                versions = await self._runs.versions(model)
            except CoordinatorError:
                logger.exception("the versions of a model cannot be read; its base answers", extra={"model": model})
                continue
            if (serving := self._enactor.arms(versions).serving) is not None:
                await self._lineup.install_late(model, [serving, *predecessors(versions)], self._miss)

    async def follow(self, model: str) -> None:
        """Let those answer who should. Raises ModelUnavailable for whoever cannot be opened now: the next time may."""
        async with self._enactor.turn:
            await self._follow_serving(model)
            await self._follow_trial(model)

    async def keep_up(self) -> None:
        """Follow for ever; and delete what a kill has left of dropped versions."""
        await self._attempt(self._sweep)
        while True:
            for model in self._lineup.models:
                await self._attempt(partial(self.follow, model))
            with anyio.move_on_after(FOLLOW_S):
                await self._enactor.news.wait()
            self._enactor.news = anyio.Event()

    async def _follow_serving(self, model: str) -> None:
        versions = await self._runs.versions(model)
        arms = self._enactor.arms(versions)
        serving = arms.serving
        missed = serving is not None and serving.name in self._missed
        if self._lineup.serves(model, serving) and not missed:
            return
        try:
            opened = await self._lineup.open(model, serving, anew=missed)
        except ModelRefused as error:
            if serving is None:
                raise
            await self._lineup.check_base(model)
            await self._enactor.take_back(serving, versions, self._unopened(error))
        else:
            await self._lineup.install(model, arms, opened)
        self._missed.clear()

    async def _follow_trial(self, model: str) -> None:
        """A canary that cannot be opened is rolled back; what serves is not watched without its control."""
        versions = await self._runs.versions(model)
        arms = self._enactor.arms(versions)
        if self._lineup.tries(model, arms):
            return
        try:
            opened = await self._lineup.open(model, arms.trial.version) if arms.trial else None
        except ModelRefused as error:
            await self._lineup.check_base(model)
            await self._give_up_trial(versions, arms, self._unopened(error))
        else:
            await self._lineup.install(model, arms, opened)

    async def _give_up_trial(self, versions: Sequence[ModelVersion], arms: Arms, ruled: Ruled) -> None:
        if (canary := at_stage(versions, VersionStage.CANARY)) is not None:
            await self._enactor.take_back(canary, versions, ruled)
        elif arms.serving is not None:
            await self._enactor.carry_out(arms.serving, versions, stop_watching(arms.serving, ruled))

    def _unopened(self, error: ModelRefused) -> Ruled:
        return self._enactor.ruled(ACTOR, f"it cannot be opened any more: {error}")

    def _miss(self, name: str) -> None:
        self._missed.add(name)
        self._enactor.news.set()

    async def _sweep(self) -> None:
        for version in await self._runs.versions():
            if version.stage is VersionStage.DROPPED and await self._workshop.size(version.run_id):
                await self._lineup.drop(version)
                await self._workshop.remove(version.run_id)

    async def _attempt(self, do: Callable[[], Awaitable[None]]) -> None:
        try:
            await do()
        except CoordinatorError:
            logger.exception("models do not answer as they should yet; trying again in %.0f s", FOLLOW_S)
