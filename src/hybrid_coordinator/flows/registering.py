"""A finished run becomes a version of its model, and the folders of runs that nobody needs any more are removed."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.domain.training import UNFINISHED, Run, Teaching
from hybrid_coordinator.domain.versions import ModelVersion, VersionChange, VersionStage
from hybrid_coordinator.errors import Damaged, ModelUnavailable
from hybrid_coordinator.logic.taught_rows import sources_of
from hybrid_coordinator.logic.version_names import version_name
from hybrid_coordinator.logic.version_stages import predecessors
from hybrid_coordinator.ports import Clock, Ledger, Runs, Workshop

STEP = "train"

logger = logging.getLogger(__name__)

LOOKED_AT = 1_000
"""So many of the newest runs are tidied."""

KEPT = frozenset({VersionStage.CANDIDATE, VersionStage.CANARY, VersionStage.SERVING})
"""What a version at such a stage was made of stays."""


class Registrar:
    """Enters versions. `keep_runs` folders of ended runs stay besides those of versions that are needed."""

    def __init__(
        self,
        runs: Runs,
        workshop: Workshop,
        ledger: Ledger,
        clock: Clock,
        *,
        keep_runs: int,
        forget: Callable[[ModelVersion], Awaitable[None]],
    ) -> None:
        """`forget` has a server outside delete what it keeps of a version."""
        self._forget = forget
        self._runs = runs
        self._workshop = workshop
        self._ledger = ledger
        self._clock = clock
        self._keep_runs = keep_runs

    async def register(self, run: Run) -> ModelVersion:
        """Enter what a finished run made, as a candidate; a run that was entered before gives the same version.

        What it was trained on is kept first, so that no version is ever without its sources; what of it was excluded
        meanwhile taints it. Raises Damaged when the run is not whole, or of another base.
        """
        versions = await self._runs.versions()
        if known := next((one for one in versions if one.run_id == run.id), None):
            return known
        manifest = await self._workshop.manifest(run.id)
        version = self._version(run, _checked(run, manifest), _next_number(run, versions))
        material = await self._workshop.material(run.id)
        sources = sources_of((*material.train, *material.validation, *material.pairs))
        await self._runs.keep_sources(version.name, sources)
        tainted = (await self._ledger.excluded()).keys() & set(sources)
        version = replace(version, tainted_by=tuple(sorted(tainted)))
        await self._runs.apply([VersionChange(None, version, "register", STEP)], self._clock.now())
        return version

    async def tidy(self) -> None:
        """Remove the folders of ended runs that are too many, and what a server outside keeps of their versions."""
        versions = await self._runs.versions()
        needed = _needed(versions)
        newest = await self._runs.runs(limit=LOOKED_AT)
        ended = [run for run in newest if run.state not in UNFINISHED and run.teaching is not Teaching.RETRIEVER]
        for run in ended[self._keep_runs :]:
            if run.id in needed or not await self._workshop.size(run.id):
                continue
            try:
                for version in versions:
                    if version.run_id == run.id:
                        await self._forget(version)
            except ModelUnavailable:  # the end of the next run tidies
                logger.warning("a model server keeps an old version for now", exc_info=True, extra={"run": run.id})
                continue
            await self._workshop.remove(run.id)

    def _version(self, run: Run, manifest: Payload, number: int) -> ModelVersion:
        now = self._clock.now()
        artefact, sha256 = _artefact(manifest.get("files", {}))
        return ModelVersion(
            name=version_name(run.base.name, number),
            number=number,
            model=run.model,
            teaching=run.teaching,
            stage=VersionStage.CANDIDATE,
            run_id=run.id,
            base=run.base,
            created_at=now,
            changed_at=now,
            artefact=artefact,
            sha256=sha256,
            scale=float(manifest.get("scale", 1.0)),
            vendor_model=str(manifest.get("vendor_model", "")),
            dataset_hash=run.dataset_hash,
            rows=run.rows,
        )


def _needed(versions: Sequence[ModelVersion]) -> set[str]:
    """Runs of versions that answer, or may yet, and of the last of each model that was replaced."""
    needed = {one.run_id for one in versions if one.stage in KEPT}
    models = {one.model for one in versions}
    below = (predecessors([one for one in versions if one.model == model]) for model in models)
    return needed | {one.run_id for found in below for one in found[:1]}


def _checked(run: Run, manifest: Payload | None) -> Payload:
    if manifest is None:
        raise Damaged(f"run {run.id!r} is said to be finished and has no manifest; train again")
    base = manifest.get("base", {}).get("sha256")
    if base != run.base.sha256:
        raise Damaged(f"run {run.id!r} was trained for the base {base!r}, not {run.base.sha256!r}; train again")
    if not manifest.get("files") and not manifest.get("vendor_model"):
        raise Damaged(f"run {run.id!r} made neither an adapter nor a model at a vendor; train again")
    return manifest


def _artefact(files: Mapping[str, Payload]) -> tuple[str, str]:
    """The adapter with its hash; of several files the first that its trainer names."""
    name = next(iter(files), "")
    name = "adapter.gguf" if "adapter.gguf" in files else name
    return name, str(files[name]["sha256"]) if name else ""


def _next_number(run: Run, versions: Sequence[ModelVersion]) -> int:
    """Behind those of the model, and of others on the same base: a name is given once."""
    taken = [one.number for one in versions if one.model == run.model or one.base.name == run.base.name]
    return max(taken, default=0) + 1
