"""How sure a hit has to be so that wrong answers stay within a share of all requests."""

import math
from dataclasses import dataclass
from itertools import pairwise

BARS = ((0.0, 1.0), (0.01, 0.795), (0.05, 0.4))
"""Error budget and the chance that then has to be reached, from the learning half of a stream (docs/lab.md)."""

CONFIDENCE_Z = 1.645
"""One-sided 95 %."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What happened so far: requests, semantic hits among them, hits somebody judged, and those judged wrong."""

    requests: int = 0
    hits: int = 0
    judged: int = 0
    wrong: int = 0


def needed_chance(budget: float) -> float:
    """The chance of fitting that a semantic hit needs; a budget of 0 allows none."""
    for (low, high_bar), (high, low_bar) in pairwise(BARS):
        if budget <= high:
            return high_bar + (low_bar - high_bar) * (budget - low) / (high - low)
    return BARS[-1][1]


def overspent(tally: Tally, budget: float) -> bool:
    """Whether what was judged proves that wrong hits take more than the budget, by a one-sided 95 % bound."""
    if not tally.requests or not tally.judged:
        return False
    return tally.hits / tally.requests * least_share(tally.wrong, tally.judged) > budget


def least_share(found: int, among: int) -> float:
    """The lower end of the Wilson interval (1927) of a share."""
    share, spread = found / among, CONFIDENCE_Z**2 / among
    middle = share + spread / 2
    return (middle - CONFIDENCE_Z * math.sqrt(share * (1 - share) / among + spread / (4 * among))) / (1 + spread)


def due(number: float, share: float) -> bool:
    """Whether a hit is asked again in the background, given a random number in [0, 1)."""
    return number < share
