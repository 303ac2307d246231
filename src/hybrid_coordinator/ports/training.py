"""The doors of training: the runs and what came of them, who trains, and where a version of a model answers."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.domain.training import BaseWeights, Progress, Run, RunState
from hybrid_coordinator.domain.versions import ExamAnswer, ModelVersion, VersionChange
from hybrid_coordinator.ports.answering import Model


@dataclass(frozen=True, slots=True)
class Material:
    """What a run works on, frozen before it begins. Rows and pairs are those of the exported dataset.

    Nothing of `held_out` is ever trained on: each row's `metadata.set` says which held-out set it belongs to.
    On `replay`, general questions with the base model's own answers, and on `keep`, conversations as rows are, it stays
    what it is;
    `regression` are other general questions and `documents` plain texts, on which forgetting is measured.
    """

    train: Sequence[Payload]
    validation: Sequence[Payload] = ()
    held_out: Sequence[Payload] = ()
    pairs: Sequence[Payload] = ()
    keep: Sequence[Payload] = ()
    replay: Sequence[str] = ()
    regression: Sequence[str] = ()
    documents: Sequence[str] = ()


class Workshop(Protocol):
    """The folders of runs: what each works on, and what it made."""

    def folder(self, run_id: str) -> Path:
        """Where everything of a run lies, or will."""

    async def freeze(self, run: Run, material: Material) -> None:
        """Write what a run works on, all or nothing; again with the same it changes nothing. Raises StorageFull."""

    async def material(self, run_id: str) -> Material:
        """What was frozen. Raises NotFound, and Damaged when it is no longer what was frozen."""

    async def manifest(self, run_id: str) -> Payload | None:
        """What a finished run says of itself; None while it is not whole. Raises Damaged when a file it names is
        missing or not what it was."""

    async def size(self, run_id: str) -> int:
        """How many bytes a run takes; 0 for one that is gone."""

    async def remove(self, run_id: str) -> None:
        """Delete everything of a run; one that is gone is passed over."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """How a run stands: RUNNING, FINISHED (its manifest is whole), FAILED (trying again is of no use; `error` says
    why), WAITING (it stopped before its end and goes on when it is launched again), or CANCELLED."""

    state: RunState
    progress: Progress = field(default_factory=Progress)
    error: str = ""


class Trainer(Protocol):
    """Who trains: a child process here, or a vendor."""

    async def check(self) -> None:
        """Raise BadInput (MissingExtra, SettingError) unless a run launched now could begin. Starts nothing."""

    async def launch(self, run: Run) -> str:
        """Begin a run whose material is frozen, or go on with it; the name of the job. While it works this does
        nothing. Raises Unavailable."""

    async def poll(self, run: Run) -> RunReport:
        """How it stands. Cheap. Raises Unavailable when that cannot be known now."""

    async def cancel(self, run: Run) -> None:
        """End it for good. Idempotent."""

    async def pause(self, paused: bool) -> None:
        """Stand still, or go on: somebody is waiting for an answer on the same machine. Idempotent, and at once."""

    async def aclose(self) -> None:
        """End what runs here, so that a later launch can go on with it. Idempotent."""


Pause = Callable[[], Awaitable[None]]
"""Returns when nobody who waits for an answer is disturbed; raises ModelUnavailable for what must not be done now."""


class ModelHost(Protocol):
    """Where the versions of one model of the house run."""

    async def base(self) -> BaseWeights:
        """The weights that adapters of it are made for. Raises ModelUnavailable."""

    async def open(self, version: ModelVersion | None, artefact: Path | None, *, pause: Pause | None = None) -> Model:
        """A model that answers as this version (None: as the base), beside whatever answers now, loaded and checked.

        `pause` comes just before a server is started anew, or a model is made on one; None: nobody asks it.
        Its `Finished.model` is the version's name. Closing it ends what was started for it. Raises ModelRefused for a
        version that never will (of another base, a spoilt file, a server that must be restarted first: the message has
        the exact command), ModelUnavailable for what may pass.
        """

    async def settle(self, version: ModelVersion | None, artefact: Path | None) -> None:
        """Let a server outside answer everybody as this version from now on; nothing where each version has a process
        of its own. Idempotent. Raises as `open` does, and brings nothing to a server."""

    async def drop(self, version: ModelVersion) -> None:
        """Delete what a server outside keeps of a version that never answers again; a vendor's is left to its owner.
        Idempotent. Raises ModelUnavailable."""


class Runs(Protocol):
    """Every training run, the versions that came of them, and the log of what became of those. Everything that
    returned survives a kill."""

    async def put_run(self, run: Run, before: Run | None) -> None:
        """Keep a run in place of what it was before (None: it is new). Raises Conflict when it is not as `before`."""

    async def run(self, run_id: str) -> Run:
        """One run. Raises NotFound."""

    async def runs(self, *, limit: int, states: Sequence[RunState] | None = None) -> list[Run]:
        """Runs in these states (None: in any), the newest first."""

    async def apply(self, changes: Sequence[VersionChange], at: datetime) -> None:
        """Make changes of versions and write them to the end of the log, all or none. Raises Conflict when a version is
        not what its change says it was before (None: not there yet)."""

    async def version(self, name: str) -> ModelVersion:
        """One version. Raises NotFound."""

    async def versions(self, model: str | None = None) -> list[ModelVersion]:
        """Every version, or those of one model of the house, the newest (by number) first."""

    async def log(self, *, name: str | None = None, limit: int) -> list[tuple[datetime, VersionChange]]:
        """What became of versions, or of one, the newest first."""

    async def check_log(self) -> int | None:
        """The place (1 for the first) of an entry of the log that is not as it was written; None when all are."""

    async def keep_sources(self, name: str, source_ids: Sequence[str]) -> None:
        """Say of which interactions, corrections and learned things a version was trained. Idempotent."""

    async def trained_on(self, source_ids: Sequence[str]) -> Mapping[str, list[str]]:
        """The versions that were trained on any of these, by name, each with those it was trained on."""

    async def keep_answers(self, name: str, answers: Sequence[ExamAnswer]) -> None:
        """Keep what a version answered when it was examined; the same item again replaces it."""

    async def answers(self, name: str) -> Mapping[str, ExamAnswer]:
        """What a version answered, by item."""
