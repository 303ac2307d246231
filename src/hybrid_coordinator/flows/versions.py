"""The versions of a model, and what is done with them, by a step or by a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hybrid_coordinator.domain.training import Run
from hybrid_coordinator.domain.versions import ANSWERING, Measured, ModelVersion, VersionChange, VersionStage
from hybrid_coordinator.errors import Conflict, NotFound
from hybrid_coordinator.flows.enacting import Enactor
from hybrid_coordinator.logic.version_changes import (
    drop,
    put_in_service,
    put_on_trial,
    stop_watching,
    withdraw,
)
from hybrid_coordinator.logic.version_stages import Act, at_stage, check_act, check_turn
from hybrid_coordinator.ports import Runs, Workshop

LOGGED = 200
"""So many changes of one version are shown."""

Shown = tuple[Measured, ...]
"""How a version fared on trial."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a version came from and what became of it. `sources` counts the rows it was trained on, `excluded` are the
    interactions among them that have been excluded since; `log` is the newest first."""

    version: ModelVersion
    run: Run | None
    sources: int
    excluded: tuple[str, ...]
    log: tuple[tuple[datetime, VersionChange], ...]


class Versions:
    """Each act gives the version as it is afterwards. All raise NotFound for a name that is none, and Conflict for what
    the version's stage forbids or when somebody else changed it meanwhile; the message says what can be done."""

    def __init__(self, runs: Runs, workshop: Workshop, enactor: Enactor) -> None:
        self._runs = runs
        self._workshop = workshop
        self._enactor = enactor

    async def list(self, model: str | None = None) -> Sequence[ModelVersion]:
        """Every version, or those of one model of the house, the newest first."""
        return await self._runs.versions(model)

    async def lineage(self, name: str) -> Lineage:
        """Where a version came from, and what became of it."""
        version = await self._runs.version(name)
        log = await self._runs.log(name=name, limit=LOGGED)
        try:
            run = await self._runs.run(version.run_id)
        except NotFound:  # a version outlives the record of its run
            run = None
        return Lineage(version, run, version.rows, version.tainted_by, tuple(log))

    async def start_canary(self, name: str, actor: str, why: str) -> ModelVersion:
        """Let a version answer a share of the sessions; for a person's sake another that did is held, a step waits.
        Raises as `ModelHost.open` does too, and Conflict for one that was trained on what has been excluded."""
        async with self._enactor.turn:
            version, versions = await self._found(name, Act.CANARY)
            check_turn(version, versions, actor)
            changes = put_on_trial(version, versions, self._enactor.ruled(actor, why))
            opened = await self._enactor.lineup.open(version.model, version)
            return await self._enactor.carry_out(version, versions, changes, opened)

    async def promote(self, name: str, actor: str, why: str, shown: Shown = ()) -> ModelVersion:
        """Let a version serve. The one that did retires, and keeps a share of the sessions for a while, as its control.
        Raises as `start_canary` does."""
        async with self._enactor.turn:
            version, versions = await self._found(name, Act.PROMOTE)
            ruled = self._enactor.ruled(actor, why, shown)
            changes = put_in_service(version, versions, ruled, self._enactor.policy.watch_days)
            opened = await self._enactor.lineup.open(version.model, version)
            return await self._enactor.carry_out(version, versions, changes, opened)

    async def hold(self, name: str, actor: str, why: str, shown: Shown = ()) -> ModelVersion:
        """Let a version wait, and answer nobody."""
        async with self._enactor.turn:
            version, versions = await self._found(name, Act.HOLD)
            changes = withdraw(version, self._enactor.ruled(actor, why, shown))
            return await self._enactor.carry_out(version, versions, changes)

    async def roll_back(self, name: str, actor: str, why: str, shown: Shown = ()) -> ModelVersion:
        """Take back a version or, by the name of a model, the one that serves as it, or else is on trial.

        Where it served, the newest before it that is clean and can still be opened serves again, or else the base.
        Raises ModelUnavailable when nobody can be opened now: then it goes on serving.
        """
        async with self._enactor.turn:
            version, versions = await self._found(await self._answering(name), Act.ROLL_BACK)
            return await self._enactor.take_back(version, versions, self._enactor.ruled(actor, why, shown))

    async def stop_watching(self, name: str, actor: str, why: str, shown: Shown = ()) -> ModelVersion:
        """Let the version that serves answer everybody: it needs no control any more."""
        async with self._enactor.turn:
            version = await self._runs.version(name)
            versions = await self._runs.versions(version.model)
            changes = stop_watching(version, self._enactor.ruled(actor, why, shown))
            return await self._enactor.carry_out(version, versions, changes)

    async def drop(self, name: str, actor: str, why: str) -> ModelVersion:
        """Let a version never answer again, and delete what its run made, here and on a server outside. One that
        answers is rolled back first, and raises as `roll_back` does. Raises ModelUnavailable when that server cannot be
        reached: dropping twice finishes what was left."""
        async with self._enactor.turn:
            version = await self._runs.version(name)
            ruled = self._enactor.ruled(actor, why)
            if version.stage in ANSWERING:
                version = await self._enactor.take_back(version, await self._runs.versions(version.model), ruled)
            if version.stage is not VersionStage.DROPPED:
                versions = await self._runs.versions(version.model)
                version = await self._enactor.carry_out(version, versions, drop(version, ruled))
            await self._enactor.lineup.drop(version)
            await self._workshop.remove(version.run_id)
            return version

    async def _found(self, name: str, act: Act) -> tuple[ModelVersion, Sequence[ModelVersion]]:
        """A version with which that may be done, and all of its model."""
        version = await self._runs.version(name)
        check_act(act, version)
        return version, await self._runs.versions(version.model)

    async def _answering(self, name: str) -> str:
        """The version meant by the name of a version or of a model."""
        versions = await self._runs.versions(name)
        if not versions:
            return name
        serving, canary = at_stage(versions, VersionStage.SERVING), at_stage(versions, VersionStage.CANARY)
        if serving is not None and canary is not None:
            raise Conflict(f"{serving.name!r} answers and {canary.name!r} is on trial: say which of the two goes back")
        meant = serving or canary
        if meant is None:
            raise Conflict(f"model {name!r} answers as its base: there is nothing to roll back")
        return meant.name
