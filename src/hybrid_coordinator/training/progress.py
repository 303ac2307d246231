"""How far a run is, and how long it will still take: `progress.json` in its folder."""

import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from hybrid_coordinator.training.writing import write_whole

PROGRESS = "progress.json"

TICK_S = 0.5
"""No more often is the file written."""

LONGEST_TICK_S = 3.0
"""What lasted longer was no work: the process stood still, for somebody who waited for an answer."""


@dataclass(slots=True)
class Outlook:
    """What is left to do, in the time of one token forward through the model, by stage.

    The pace is that of the stage at work, once it has done something; before, that of the last one that had.
    """

    work: Mapping[str, float] = field(default_factory=dict)
    pace: float | None = None

    def seconds_left(self, stage: str, share: float, spent_s: float) -> float | None:
        """With that share of a stage done in so many seconds; None as long as there is nothing to tell it by."""
        own = self.work.get(stage, 0.0)
        if share > 0 and own:
            self.pace = spent_s / (own * share)
        if self.pace is None:
            return None
        names = list(self.work)
        later = names[names.index(stage) + 1 :] if stage in names else names
        return self.pace * (own * (1 - share) + sum(self.work[name] for name in later))


class Tracker:
    """Keeps the file up to date from a thread of its own, and counts the seconds worked, over all launches."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / PROGRESS
        self._spent_s = _spent_before(self._path)
        self._outlook = Outlook()
        self._stage, self._done, self._total = "load", 0, 0
        self._first_done, self._began_s = 0, self._spent_s
        self._loss: float | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)
        self._thread.start()

    @property
    def spent_s(self) -> float:
        return self._spent_s

    def plan(self, work: Mapping[str, float]) -> None:
        """Say what there is to do, by stage in order, before the first of them is entered."""
        self._outlook = Outlook(work)

    def enter(self, stage: str, total: int = 1, done: int = 0) -> None:
        """Begin a stage, or go on with it."""
        self._stage, self._done, self._total = stage, done, total
        self._first_done, self._began_s = done, self._spent_s
        print(f"{datetime.now(UTC):%H:%M:%S} {stage}: {done} of {total}", flush=True)  # noqa: T201 - the log of the run

    def advance(self, done: int, loss: float | None = None) -> None:
        self._done, self._loss = done, self._loss if loss is None else loss

    def close(self) -> None:
        """Write the last word. Idempotent."""
        self._over.set()
        self._thread.join()

    def _tick(self) -> None:
        last = time.monotonic()
        over = False
        while not over:
            over = self._over.wait(TICK_S)
            now = time.monotonic()
            self._spent_s += min(now - last, LONGEST_TICK_S)
            last = now
            try:
                write_whole(self._path, json.dumps(self._tell()).encode())
            except OSError:  # a full disk is met, and told, by who has something to keep
                continue

    def _tell(self) -> dict[str, object]:
        done, total = self._done, self._total
        ahead = max(1, total - self._first_done)
        left_s = self._outlook.seconds_left(
            self._stage, (done - self._first_done) / ahead, self._spent_s - self._began_s
        )
        return {
            "stage": self._stage,
            "done": done,
            "total": total,
            "seconds_left": None if left_s is None else round(left_s, 1),
            "loss": self._loss,
            "spent_s": round(self._spent_s, 1),
            "at": datetime.now(UTC).isoformat(),
            "pid": os.getpid(),
        }


def _spent_before(path: Path) -> float:
    try:
        return float(json.loads(path.read_bytes())["spent_s"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0
