"""From a score to a probability, and from a promise on quality to a threshold on that probability."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.domain.evidence import Trial

Floats = NDArray[np.float64]

USUAL_SLOPE = 4.0
"""A shortfall that is predicted exactly turns into its own probability near one half."""

SLOPE_SPREAD = 3.0
LEVEL_SPREAD = 1.5
LEAST_SLOPE = 0.2
STEPS = 30

CAUTION = 1.64
"""Standard errors that a promise is kept by: one-sided 95%."""

NEVER_LOCAL, ALWAYS_LOCAL = 1.0, 0.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """p = 1 / (1 + exp(-(level - slope · (shortfall - centre)))): strictly falling, so that no order is lost."""

    centre: float
    level: float
    slope: float

    def apply(self, shortfalls: Floats) -> Floats:
        """The probability that local suffices, in (0, 1)."""
        return _logistic(self.level - self.slope * (shortfalls - self.centre))


def calibrate(shortfalls: Floats, suffices: Floats) -> Calibration:
    """Platt's scaling of held-out shortfalls, with a prior that a few rows do not overrule (Newton's method).

    `suffices` in [0, 1] says how far each local answer was as good as the remote one.
    """
    centre = float(shortfalls.mean())
    inputs = np.column_stack([np.ones_like(shortfalls), centre - shortfalls])
    usual = np.array([_logit(float(suffices.sum() + 1) / (len(suffices) + 2)), USUAL_SLOPE])
    precision = np.diag([LEVEL_SPREAD**-2, SLOPE_SPREAD**-2])
    weights = usual.copy()
    for _ in range(STEPS):
        p = _logistic(inputs @ weights)
        gradient = inputs.T @ (suffices - p) - precision @ (weights - usual)
        curvature = (inputs * (p * (1 - p))[:, None]).T @ inputs + precision
        weights = weights + np.linalg.solve(curvature, gradient)
    return Calibration(centre, float(weights[0]), max(LEAST_SLOPE, float(weights[1])))


def threshold_for(target: float, trials: Sequence[Trial], *, caution: float = CAUTION) -> float:
    """The least threshold on p above which answering at home keeps `target` times the remote quality.

    It holds on the trials with `caution` standard errors to spare; 1, which no p exceeds, where no threshold does.
    """
    ranked = sorted(trials, key=lambda trial: -trial.p)
    spared = [trial.local - target * trial.remote for trial in ranked]
    kept = [trial.remote - target * trial.remote for trial in ranked]
    threshold = NEVER_LOCAL
    for count in range(1, len(ranked) + 1):
        following = ranked[count].p if count < len(ranked) else ALWAYS_LOCAL
        if following < ranked[count - 1].p and _holds(np.array(spared[:count] + kept[count:]), caution):
            threshold = following
    return threshold


def threshold_sending(share: float, trials: Sequence[Trial]) -> float | None:
    """The threshold on p that sends about this share of the trials away; None where there are none to tell by."""
    return float(np.quantile([trial.p for trial in trials], share)) if trials else None


def _holds(surplus: Floats, caution: float) -> bool:
    """The mean surplus is at least 0, with so many of its standard errors to spare."""
    return bool(surplus.mean() >= caution * surplus.std() / len(surplus) ** 0.5)


def _logistic(logits: Floats) -> Floats:
    p: Floats = 1.0 / (1.0 + np.exp(-np.clip(logits, -30.0, 30.0)))
    return p


def _logit(p: float) -> float:
    return float(np.log(p / (1.0 - p)))
