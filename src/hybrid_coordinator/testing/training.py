"""Training without a model: runs that are over at once, and their folders in memory."""

import copy
import json
from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.domain.training import Run, RunState
from hybrid_coordinator.errors import Conflict, CoordinatorError, Damaged, NotFound
from hybrid_coordinator.ports import Material, RunReport

ARTEFACT = "adapter.gguf"


class MemoryWorkshop:
    """The `Workshop` port in dictionaries. Nothing lies where `folder` says."""

    def __init__(self) -> None:
        self._materials: dict[str, Material] = {}
        self._manifests: dict[str, Payload] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        """What runs made: contents by run and name."""

    def folder(self, run_id: str) -> Path:
        return Path("/workshop") / run_id

    async def freeze(self, run: Run, material: Material) -> None:
        """As the port says. Raises Conflict when the run works on other material already."""
        if self._materials.setdefault(run.id, copy.deepcopy(material)) != material:
            raise Conflict(f"run {run.id!r} works on other material already; start a new run")

    async def material(self, run_id: str) -> Material:
        if run_id not in self._materials:
            raise NotFound(f"run {run_id!r} has no material; start a new run")
        return copy.deepcopy(self._materials[run_id])

    def finish(self, manifest: Payload, files: Mapping[str, bytes]) -> None:
        """Let a run have made these; the manifest gets their sizes and hashes."""
        told = {name: {"bytes": len(made), "sha256": sha256(made).hexdigest()} for name, made in files.items()}
        self.files[manifest["run_id"]] = dict(files)
        self._manifests[manifest["run_id"]] = {**manifest, "files": told}

    async def manifest(self, run_id: str) -> Payload | None:
        manifest = self._manifests.get(run_id)
        for name, told in (manifest or {"files": {}})["files"].items():
            made = self.files.get(run_id, {}).get(name)
            if made is None or sha256(made).hexdigest() != told["sha256"]:
                raise Damaged(f"{name!r} of run {run_id!r} is not what the run made; train again")
        return copy.deepcopy(manifest)

    async def size(self, run_id: str) -> int:
        frozen = self._materials.get(run_id)
        rows = [*frozen.train, *frozen.validation, *frozen.held_out, *frozen.pairs] if frozen else []
        return sum(map(len, self.files.get(run_id, {}).values())) + sum(len(json.dumps(row)) for row in rows)

    async def remove(self, run_id: str) -> None:
        for kept in (self._materials, self._manifests, self.files):
            kept.pop(run_id, None)


class InstantTrainer:
    """The `Trainer` port without training: a run is finished when it is first asked after.

    `report` may say something else of a run than that, by how often it was asked after before (None: finish it). Each
    launch that began or went on with a run is in `launched`; `refusal` is what `check` raises.
    """

    def __init__(
        self,
        workshop: MemoryWorkshop,
        *,
        report: Callable[[Run, int], RunReport | None] = lambda _run, _polls: None,
        refusal: CoordinatorError | None = None,
        manifest: Mapping[str, object] | None = None,
    ) -> None:
        """`manifest` holds fields that every manifest gets."""
        self._workshop = workshop
        self._report = report
        self._manifest = manifest or {}
        self._working: set[str] = set()
        self._cancelled: set[str] = set()
        self._polls: Counter[str] = Counter()
        self.refusal = refusal
        self.launched: list[str] = []
        self.paused = False
        self.closed = False

    async def check(self) -> None:
        if self.refusal is not None:
            raise self.refusal

    async def launch(self, run: Run) -> str:
        """As the port says. Raises Conflict for a run that was cancelled."""
        if run.id in self._cancelled:
            raise Conflict(f"run {run.id!r} was cancelled; start a new one")
        if run.id not in self._working:
            self._working.add(run.id)
            self.launched.append(run.id)
        return run.id

    async def poll(self, run: Run) -> RunReport:
        if await self._workshop.manifest(run.id) is not None:
            return RunReport(RunState.FINISHED)
        if run.id not in self._working:
            return RunReport(RunState.CANCELLED if run.id in self._cancelled else RunState.WAITING)
        report = self._report(run, self._polls[run.id])
        self._polls[run.id] += 1
        if report is None:
            self._workshop.finish(self._manifest_of(run), {ARTEFACT: f"adapter of {run.id}".encode()})
            report = RunReport(RunState.FINISHED)
        if report.state is not RunState.RUNNING:
            self._working.discard(run.id)
        return report

    async def cancel(self, run: Run) -> None:
        self._cancelled.add(run.id)
        self._working.discard(run.id)

    async def pause(self, paused: bool) -> None:
        self.paused = paused

    async def aclose(self) -> None:
        """As the port says; what was under way waits to be launched again."""
        self.closed = True
        self._working.clear()

    def _manifest_of(self, run: Run) -> Payload:
        return {
            "format": 1,
            "run_id": run.id,
            "made_at": run.created_at.isoformat(),
            "base": {"name": run.base.name, "sha256": run.base.sha256},
            "dataset_hash": run.dataset_hash,
            "scale": 1.0,
            "metrics": {},
            **self._manifest,
        }
