"""How a run stands, by what lies in its folder, and the marks that say how it ended."""

import json
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hybrid_coordinator.backends.disk import write_whole
from hybrid_coordinator.backends.trainers.disk import translated
from hybrid_coordinator.backends.trainers.log_file import last_line
from hybrid_coordinator.backends.trainers.run_folder import RunFolder
from hybrid_coordinator.domain.training import Progress, RunState
from hybrid_coordinator.ports import RunReport


def read_standing(run: RunFolder, *, working: bool) -> RunReport:
    """`working` says that a process of ours is at it; one of somebody else's holds the lock. Blocks."""
    progress = read_progress(run)
    if run.manifest.exists():
        return RunReport(RunState.FINISHED, progress)
    if run.cancelled.exists():
        return RunReport(RunState.CANCELLED, progress)
    if working or is_held(run.lock):
        return RunReport(RunState.RUNNING, progress)
    if run.manifest.exists():  # it was written since, by a process that is gone by now
        return RunReport(RunState.FINISHED, progress)
    failure = _read(run.failure)
    state = RunState.FAILED if failure.get("final") else RunState.WAITING
    return RunReport(state, progress, str(failure.get("error", "")))


def read_progress(run: RunFolder) -> Progress:
    """How far it is, as far as that can be read."""
    match said := _read(run.progress):
        case {"stage": str(stage), "done": int(done), "total": int(total)}:
            return Progress(stage, done, total, _number(said.get("seconds_left")), _number(said.get("loss")))
        case _:
            return Progress()


def unexplained(run: RunFolder, ending: str) -> str:
    """What to say of a process that ended without a word of its own."""
    said = last_line(run.log)
    return f"the training process {ending}; it goes on from its last checkpoint; it said last: {said or 'nothing'}"


def fail(run: RunFolder, error: str) -> None:
    """Say that trying again is of no use, and why."""
    with translated(run.path):
        write_whole(run.failure, json.dumps({"error": error, "kind": "other", "final": True}).encode())


def mark_cancelled(run: RunFolder) -> None:
    """Say that somebody ended the run for good; of a run that is gone nothing is said."""
    with translated(run.path):
        if run.path.exists():
            run.cancelled.touch(mode=0o600)


def is_held(lock: Path) -> bool:
    """Whether a process holds the lock of a run."""
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0, thread_local=False):
            return False
    except Timeout:
        return True


def _number(said: Any) -> float | None:
    return float(said) if isinstance(said, (int, float)) else None


def _read(path: Path) -> dict[str, Any]:
    """An object of JSON; an empty one for what is not there, or no such thing."""
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
