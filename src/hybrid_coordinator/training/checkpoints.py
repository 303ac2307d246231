"""What a run has made so far: checkpoints that are whole, the best state, and the result of each stage."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybrid_coordinator.training.writing import make_part, publish, sync, write_whole

WHOLE = "whole"
OUTCOME = "outcome.json"


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folder of a run's checkpoints."""

    path: Path

    def attempts(self, stage: str) -> Path:
        """Where a stage keeps its checkpoints while it works."""
        return self.path / stage

    def newest(self, stage: str) -> Path | None:
        """The last whole checkpoint of a stage; those that were being written are thrown away."""
        found: dict[int, Path] = {}
        for folder in self.attempts(stage).glob("checkpoint-*"):
            if (folder / WHOLE).exists():
                found[int(folder.name.rpartition("-")[2])] = folder
            else:
                shutil.rmtree(folder)
        return found[max(found)] if found else None

    def seal(self, stage: str, step: int) -> None:
        """Say that the checkpoint of this step is whole, once all of it is on the disk."""
        folder = self.attempts(stage) / f"checkpoint-{step}"
        for file in folder.rglob("*"):
            sync(file)
        write_whole(folder / WHOLE, b"")

    def keep(self, name: str, save: Callable[[Path], Any], outcome: Mapping[str, Any]) -> None:
        """Put what `save` writes into a folder, with what is to be known of it, in place of what was kept there."""
        folder = self.path / name
        part = make_part(folder)
        save(part)
        write_whole(part / OUTCOME, json.dumps(outcome).encode())
        publish(part, folder)

    def outcome(self, name: str) -> dict[str, Any] | None:
        """What is known of what is kept under a name; None while nothing is."""
        try:
            outcome: dict[str, Any] = json.loads((self.path / name / OUTCOME).read_bytes())
        except FileNotFoundError:
            return None
        return outcome

    def sweep(self) -> None:
        """Throw away everything that is not whole: on a full disk there is no room left to say so."""
        for stage in self.path.glob("*"):
            self.newest(stage.name)
        for part in self.path.glob("*.part"):
            shutil.rmtree(part, ignore_errors=True)

    def clear(self, stage: str) -> None:
        """Let go of a stage's checkpoints: its result is kept."""
        shutil.rmtree(self.attempts(stage), ignore_errors=True)
