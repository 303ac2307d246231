"""When what was learned may decide, when the tree must, and when neither is asked."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

REFIT_FRACTION = 20

LEAST_CHANCE = 0.01
"""However even the errors are: less than this is no matter of concern."""


@dataclass(frozen=True, slots=True)
class LearningPolicy:
    """How much has to be known before the learned router decides, and when it stops to.

    `exploration` is the share of questions that go the other way, so that what is never tried can be learned about.
    `drift_caution` are the standard errors by which it must have become worse.
    """

    least_rows: int = 50
    least_of_each: int = 5
    most_rows: int = 2_000
    refit_rows: int = 25
    exploration: float = 0.02
    drift_window: int = 60
    drift_least: int = 20
    drift_caution: float = 3.0

    def refit_due(self, unlearned: int, rows: int) -> bool:
        """Learning again costs more the more is known, and changes less."""
        return unlearned >= max(self.refit_rows, rows // REFIT_FRACTION)


def brier(p: Floats, suffices: Floats) -> Floats:
    """The squared error of each probability."""
    errors: Floats = (p - suffices) ** 2
    return errors


def deserves_trust(p: Floats, tree: Floats, suffices: Floats, policy: LearningPolicy) -> bool:
    """There is enough evidence of either outcome, and held-out rows show less error than the tree and the bare rate."""
    good = int((suffices >= 0.5).sum())
    if len(suffices) < policy.least_rows or min(good, len(suffices) - good) < policy.least_of_each:
        return False
    rate = np.full_like(suffices, suffices.mean())
    error = brier(p, suffices).mean()
    return bool(error < brier(tree, suffices).mean() and error < brier(rate, suffices).mean())


def drifted(recent: Sequence[float], held_out: Sequence[float], policy: LearningPolicy) -> bool:
    """Squared errors of late exceed those of held-out rows by more than chance allows (difference of two means)."""
    window = np.array(recent[-policy.drift_window :])
    if len(window) < policy.drift_least or len(held_out) < policy.drift_least:
        return False
    known = np.array(held_out)
    chance = float(np.sqrt(window.var() / len(window) + known.var() / len(known)))
    return bool(window.mean() - known.mean() > policy.drift_caution * max(chance, LEAST_CHANCE))


def explores(draw: float, policy: LearningPolicy) -> bool:
    """Whether a question with this number in [0, 1) goes where it would not have gone."""
    return draw < policy.exploration
