"""What every stage of a run works with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybrid_coordinator.domain.training import Recipe
from hybrid_coordinator.training.checkpoints import Shelf
from hybrid_coordinator.training.data import Curriculum
from hybrid_coordinator.training.limits import StopSign
from hybrid_coordinator.training.order import Order
from hybrid_coordinator.training.progress import Tracker
from hybrid_coordinator.training.weights import Weights

CHECKPOINTS = "checkpoints"

MOST_SPEAKERS, TOKENS_A_SPEAKER = 64, 16

TRAINING_SHARE = 0.9
"""Of the run's time, from its beginning. The rest is for making files of what was learned, and for measuring it."""


@dataclass(frozen=True, slots=True)
class Room:
    """A run at work. `recipe` is resolved, `weights` are what the base says of itself."""

    folder: Path
    order: Order
    recipe: Recipe
    curriculum: Curriculum
    weights: Weights
    threads: int
    tracker: Tracker
    stop: StopSign

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.folder / CHECKPOINTS)

    @property
    def time_is_up(self) -> bool:
        """Whether training must stop where it is."""
        return self.tracker.spent_s >= self.recipe.minutes * 60 * TRAINING_SHARE


@dataclass(slots=True)
class Learner:
    """The base weights with their adapter, and the tokenizer."""

    model: Any
    tokenizer: Any
    most_tokens: int

    @property
    def speakers(self) -> int:
        """How many answers are made side by side: a step takes a small model hardly longer for many than for one. What
        each keeps in mind of its few hundred tokens is less than what training on `TOKENS_A_SPEAKER` takes."""
        return max(1, min(MOST_SPEAKERS, self.most_tokens // TOKENS_A_SPEAKER))
