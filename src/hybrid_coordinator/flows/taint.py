"""Versions that were trained on what has been excluded since: they are named, and can be dropped and trained anew."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from hybrid_coordinator.domain.learning import Worked
from hybrid_coordinator.domain.training import Run, Teaching
from hybrid_coordinator.domain.versions import ModelVersion, VersionStage
from hybrid_coordinator.flows.versions import Versions
from hybrid_coordinator.logic.version_changes import Ruled, taint
from hybrid_coordinator.ports import Clock, Ledger, Runs

STEP = "deploy"


class TaintMarker:
    """Writes on a version what it should not have been trained on. Such a version is not promoted any more."""

    def __init__(self, runs: Runs, ledger: Ledger, clock: Clock) -> None:
        self._runs = runs
        self._ledger = ledger
        self._clock = clock

    async def mark(self, interaction_id: str, learned_ids: Iterable[str], why: str) -> tuple[str, ...]:
        """Mark the versions that were trained on an interaction that is excluded, or on what was learned from it, and
        name them, the newest first: also those that are marked already. Idempotent."""
        trained = await self._runs.trained_on([interaction_id, *learned_ids])
        ruled = Ruled(self._clock.now(), "person", f"interaction {interaction_id} was excluded: {why}")
        versions = await self._runs.versions()
        for version in versions:
            if version.name in trained:
                await self._mark(version, [interaction_id], ruled)
        return tuple(one.name for one in versions if one.name in trained or interaction_id in one.tainted_by)

    async def work(self) -> Worked:
        """Mark versions that were made of rows frozen before an exclusion. Part of `deploy`, before any promotion."""
        excluded = await self._ledger.excluded()
        trained = await self._runs.trained_on(list(excluded)) if excluded else {}
        ruled = Ruled(self._clock.now(), STEP, "it was trained on interactions that are excluded")
        marked = 0
        for version in await self._runs.versions() if trained else ():
            marked += await self._mark(version, trained.get(version.name, ()), ruled)
        return Worked(done=marked, counts={"tainted": marked})

    async def _mark(self, version: ModelVersion, interaction_ids: Iterable[str], ruled: Ruled) -> bool:
        changes = taint(version, interaction_ids, ruled)
        if changes:
            await self._runs.apply(changes, ruled.at)
        return bool(changes)


class Taint:
    """What a person may do about versions that are tainted."""

    def __init__(self, runs: Runs, versions: Versions, rebuild: Callable[[str], Awaitable[Run]]) -> None:
        """`rebuild` begins a run for a model of the house, on the data as it is now."""
        self._runs = runs
        self._versions = versions
        self._rebuild = rebuild

    async def drop(self, names: Sequence[str], why: str) -> list[ModelVersion]:
        """Drop versions, those that answer last: none of them is ever put in the place of another. Killed in between,
        or run again, it goes on where it was. Raises as `Versions.drop` does."""
        found = [await self._runs.version(name) for name in dict.fromkeys(names)]
        serving_last = sorted(found, key=lambda version: version.stage is VersionStage.SERVING)
        return [await self._versions.drop(version.name, "person", why) for version in serving_last]

    async def rebuild(self, names: Iterable[str]) -> list[Run]:
        """Begin a run for each model that these are versions of; search trains itself. Raises Conflict while one is
        running."""
        found = [await self._runs.version(name) for name in names]
        versions = [version for version in found if version.teaching is not Teaching.RETRIEVER]
        return [await self._rebuild(model) for model in dict.fromkeys(version.model for version in versions)]
