"""Kernel ridge regression that chooses its ridge, its blend of likenesses and the prior's share on held-out rows."""

from collections.abc import Generator, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.logic.router_views import BLENDS, Blend, Views, likeness

Floats = NDArray[np.float64]
Kernel = NDArray[np.float32]

RIDGES = (1.5, 5.0, 15.0, 50.0)
PRIOR_SHARES = (1.0, 0.5, 0.0)
"""How much of the prior is believed beforehand; rows that speak against it can silence it."""

FOLDS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """prediction = mean + prior_share · prior + weights · likeness; `held_out` is what rows of other folds predict."""

    blend: Blend
    prior_share: float
    mean: float
    weights: Floats
    held_out: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """One choice and what it predicts for rows it did not see."""

    blend: Blend
    ridge: float
    prior_share: float
    held_out: Floats

    def error(self, target: Floats) -> float:
        return float(((self.held_out - target) ** 2).mean())


def fit_ridge(views: Views, target: Floats, folds: NDArray[np.intp]) -> Fit:
    """The choice that errs least on held-out folds, fitted to all rows."""
    words = views.words @ views.words.T
    tried: list[_Trial] = []
    for blend in BLENDS:
        kernel = (likeness(views, views, blend) + blend.words * words).astype(np.float32)
        tried += _hold_out(kernel, target, views.prior, folds, blend)
    best = min(tried, key=lambda trial: trial.error(target))
    kernel = (likeness(views, views, best.blend) + best.blend.words * words).astype(np.float32)
    residual = target - best.prior_share * views.prior
    mean = float(residual.mean())
    return Fit(best.blend, best.prior_share, mean, _solve(kernel, residual - mean, best.ridge), best.held_out)


def assign_folds(groups: Sequence[Hashable]) -> NDArray[np.intp]:
    """The fold of each row: a group stays whole, and neighbours in time are spread."""
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    return np.array([numbers[group] % FOLDS for group in groups], np.intp)


def _hold_out(
    kernel: Kernel, target: Floats, prior: Floats, folds: NDArray[np.intp], blend: Blend
) -> Generator[_Trial]:
    """Every choice of ridge and prior share; one solution serves all shares."""
    offsets = np.outer(prior, PRIOR_SHARES)
    residuals = target[:, None] - offsets
    predictions = {ridge: np.broadcast_to(target.mean(), offsets.shape).copy() for ridge in RIDGES}
    for fold in np.unique(folds):
        out, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        if not len(rest):
            continue
        among, across, means = kernel[np.ix_(rest, rest)], kernel[np.ix_(out, rest)], residuals[rest].mean(axis=0)
        for ridge, predicted in predictions.items():
            predicted[out] = offsets[out] + means + across @ _solve(among, residuals[rest] - means, ridge)
    for ridge, predicted in predictions.items():
        for share, column in zip(PRIOR_SHARES, predicted.T, strict=True):
            yield _Trial(blend, ridge, share, column)


def _solve(kernel: Kernel, target: Floats, ridge: float) -> Floats:
    """Single precision: a ridge of 1 and more leaves nothing to lose by it, and it takes half the time."""
    ridged = kernel + ridge * np.eye(len(target), dtype=np.float32)
    return np.linalg.solve(ridged, target.astype(np.float32)).astype(np.float64)
