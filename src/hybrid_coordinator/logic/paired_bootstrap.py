"""How sure a mean difference over the same items is: the paired bootstrap, with whole groups of items drawn.

The items of a group (wordings of one question) are not independent, so groups are drawn with replacement, each with all
its items, and the difference is computed anew each time; between the 2.5th and the 97.5th percentile of those lies the
95 % interval (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13; of pairs: Koehn, EMNLP 2004; of
clusters: Field and Welsh, Journal of the Royal Statistical Society B 69, 2007). With few groups it is too narrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROUNDS = 2_000
BLOCKS = 20
"""Drawn one after the other, so that memory stays flat."""

CONFIDENCE = 0.95

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pair:
    """An item before and after. Items of the same `group` are drawn together; `weight` is what it counts in means."""

    before: float
    after: float
    group: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Compared:
    """Weighted means, and the bounds of their difference."""

    before: float
    after: float
    low: float
    high: float


def compare(pairs: Sequence[Pair], *, seed: int, relative: bool = False) -> Compared | None:
    """The same for the same pairs and seed. `relative` bounds the difference as a share of `before`.

    None where nothing can be said: fewer than two groups, or a share of nothing.
    """
    sums = _sum_groups(pairs)
    weight, before, after = sums.sum(axis=0)
    if len(sums) < 2 or weight <= 0 or (relative and before <= 0):
        return None
    differences = np.concatenate([_draw(sums, (seed, block), relative=relative) for block in range(BLOCKS)])
    edge = (1 - CONFIDENCE) / 2
    low, high = np.quantile(differences, [edge, 1 - edge])
    return Compared(float(before / weight), float(after / weight), float(low), float(high))


def _sum_groups(pairs: Sequence[Pair]) -> Floats:
    """A row a group: the weights, and the weighted sums before and after."""
    sums: dict[str, Floats] = {}
    for pair in pairs:
        row = pair.weight * np.array([1.0, pair.before, pair.after])
        sums[pair.group] = sums[pair.group] + row if pair.group in sums else row
    return np.array(list(sums.values())).reshape(-1, 3)


def _draw(sums: Floats, seed: tuple[int, int], *, relative: bool) -> Floats:
    """The differences of one block of draws; those of nothing are left out."""
    groups = len(sums)
    drawn = np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), size=ROUNDS // BLOCKS) @ sums
    whole = drawn[:, 1] if relative else drawn[:, 0]
    some = whole > 0
    return np.asarray((drawn[some, 2] - drawn[some, 1]) / whole[some], np.float64)
