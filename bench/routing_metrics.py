"""How good an order of questions is, in which they are sent to the strong model one after the other.

`gains` are strong minus weak quality in that order. With all of them sent the whole gap is recovered; the metrics say
how soon (APGR, CPT: arXiv:2406.18665; AIQ: arXiv:2403.12031).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESAMPLES = 500
BINS = 10


def order(p_local: Floats) -> NDArray[np.intp]:
    """Least likely to do well at home first; equals stay in place."""
    return np.argsort(p_local, kind="stable")


def recovered(gains: Floats) -> Floats:
    """The share of the gap that is recovered after 0, 1, 2, … questions; NaN where there is no gap."""
    summed = np.concatenate([[0.0], np.cumsum(gains)])
    shares: Floats = summed / summed[-1] if summed[-1] else np.full_like(summed, np.nan)
    return shares


def apgr(gains: Floats) -> float:
    """The mean share of the gap recovered, over all shares of strong calls: 0.5 for a random order."""
    return float(np.trapezoid(recovered(gains), dx=1.0 / len(gains)))


def call_percentage(gains: Floats, share: float) -> float:
    """The least percentage of strong calls that recovers this share of the gap."""
    enough = np.flatnonzero(recovered(gains) >= share - 1e-12)
    return 100.0 * float(enough[0]) / len(gains) if len(enough) else 100.0


def oracle_normalised(gains: Floats) -> float:
    """What of the oracle's lead over a random order is reached."""
    best = apgr(np.sort(gains)[::-1])
    return (apgr(gains) - 0.5) / (best - 0.5) if best > 0.5 else 0.0


def apgr_interval(gains: Floats, confidence: float = 0.95) -> tuple[float, float]:
    """The percentile interval over resampled questions in their order; the same gains give the same interval."""
    generator = np.random.default_rng(0)
    drawn = [apgr(gains[np.sort(generator.integers(0, len(gains), len(gains)))]) for _ in range(RESAMPLES)]
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def calibration_error(p: Floats, suffices: Floats) -> float:
    """The mean distance between what was expected and what came, over bins of as many questions each."""
    bins = np.array_split(np.argsort(p, kind="stable"), min(BINS, len(p)))
    return float(sum(len(one) * abs(p[one].mean() - suffices[one].mean()) for one in bins) / len(p))


def aiq(points: Sequence[tuple[float, float]], low: float, high: float) -> float:
    """The mean height, from cost `low` to `high`, of the non-decreasing convex hull of (cost, quality) points.

    Left of the cheapest point there is no quality.
    """
    hull = np.array(_hull(points))
    costs = np.unique(np.concatenate([np.clip(hull[:, 0], low, high), [low, high]]))
    heights = np.interp(costs, hull[:, 0], hull[:, 1], left=0.0)
    return float(np.trapezoid(heights, costs) / (high - low))


def _hull(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The upper hull, by ascending cost, as far as quality rises."""
    hull: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda point: (point[0], -point[1])):
        if hull and point[1] <= hull[-1][1]:
            continue
        while len(hull) > 1 and _below(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    return hull


def _below(left: tuple[float, float], middle: tuple[float, float], right: tuple[float, float]) -> bool:
    """The middle point lies on or under the line between the others."""
    rise = (right[1] - left[1]) * (middle[0] - left[0])
    return (middle[1] - left[1]) * (right[0] - left[0]) <= rise
