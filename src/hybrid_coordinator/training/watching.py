"""What happens between two updates: progress is told, states are kept, and it is decided whether to go on."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from hybrid_coordinator.training.room import Room

SAVE_EVERY_S = 120.0
"""Of long epochs no more than that is lost by a kill."""

BEST = "best"


@dataclass(frozen=True, slots=True)
class Course:
    """A stage with its updates. `save` writes the adapter as it is now; `patience` is 0 where nothing is watched."""

    stage: str
    per_epoch: int
    patience: int
    save: Callable[[Path], Any]


class Watch(TrainerCallback):
    """Looks at every update of one stage."""

    def __init__(self, room: Room, course: Course) -> None:
        self._room = room
        self._course = course
        self._saved_at = time.monotonic()
        self.stopped_early = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._room.tracker.enter(self._course.stage, state.max_steps, state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        step = state.global_step
        self._room.tracker.advance(step)
        last = step >= state.max_steps
        if step % self._course.per_epoch == 0 or last:
            control.should_evaluate = control.should_evaluate or self._course.patience > 0
            control.should_save = True
        if time.monotonic() - self._saved_at > SAVE_EVERY_S:
            control.should_save = True
        if self._room.stop.raised or self._room.time_is_up:
            control.should_save = control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if "loss" in (logs or {}):
            self._room.tracker.advance(state.global_step, float(logs["loss"]))

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """Keep the best state, and stop when it is `patience` epochs old."""
        if not self._course.patience or not state.global_step:
            return
        step, loss = state.global_step, float(metrics["eval_loss"])
        best = self._room.shelf.outcome(BEST)
        if best is None or loss < best["loss"] or step <= best["step"]:
            self._room.shelf.keep(BEST, self._course.save, {"step": step, "loss": loss})
        elif step - best["step"] >= self._course.patience * self._course.per_epoch:
            self.stopped_early = control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._room.shelf.seal(self._course.stage, state.global_step)
        self._saved_at = time.monotonic()
