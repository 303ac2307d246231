"""How good a ranking is, by the gains of what it should hold. Ranks count from one; figures are in [0, 1]."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

RESAMPLES = 2_000


def ndcg(ranking: Sequence[str], gains: Mapping[str, float], depth: int) -> float:
    """Sum of gain / log2(rank + 1) over the first `depth`, divided by what the ideal order would give."""
    found = _discounted([gains.get(name, 0.0) for name in ranking[:depth]])
    ideal = _discounted(sorted(gains.values(), reverse=True)[:depth])
    return found / ideal if ideal else 0.0


def reciprocal_rank(ranking: Sequence[str], gains: Mapping[str, float], depth: int) -> float:
    """1 / rank of the first relevant among the first `depth`, else 0."""
    ranks = (rank for rank, name in enumerate(ranking[:depth], start=1) if gains.get(name, 0.0) > 0)
    return 1.0 / next(ranks, math.inf)


def recall(ranking: Sequence[str], gains: Mapping[str, float], depth: int) -> float:
    """The share of everything relevant that is among the first `depth`."""
    relevant = {name for name, gain in gains.items() if gain > 0}
    return len(relevant.intersection(ranking[:depth])) / len(relevant) if relevant else 0.0


def bootstrap_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """The percentile interval of the mean over resampled queries; the same values give the same interval."""
    drawn = np.random.default_rng(0).choice(np.asarray(values), (RESAMPLES, len(values)))
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn.mean(axis=1), [tail, 1 - tail])
    return float(low), float(high)


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def wilson(right: int, asked: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, Journal of the American Statistical Association 22, 1927)."""
    share, spread = right / asked, z * z / asked
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / asked + spread / (4 * asked)) / (1 + spread)
    return middle - half, middle + half
