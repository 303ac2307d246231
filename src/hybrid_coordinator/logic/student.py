"""Student's distribution, for intervals over few of anything.

The two-sided probability is an integral of a power of the cosine (Abramowitz and Stegun, Handbook of Mathematical
Functions, 26.7.1 in trigonometric form), taken by Simpson's rule.
"""

import math

_STEPS = 200
_LARGEST_ANGLE = math.pi / 2


def within(reach: float, freedom: float) -> float:
    """The probability that Student's t lies within `reach` of zero."""
    return _integral(math.atan(abs(reach) / math.sqrt(freedom)), freedom)


def reach_of(probability: float, freedom: float) -> float:
    """How far from zero t lies with that probability at most: the inverse of `within`."""
    low, high = 0.0, _LARGEST_ANGLE
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _integral(middle, freedom) < probability else (low, middle)
    return math.tan((low + high) / 2) * math.sqrt(freedom)


def _integral(angle: float, freedom: float) -> float:
    scale = 2 / math.sqrt(math.pi) * math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2))
    width = angle / _STEPS
    heights = [math.pow(math.cos(step * width), freedom - 1) for step in range(_STEPS + 1)]
    total = heights[0] + heights[-1] + 4 * sum(heights[1:-1:2]) + 2 * sum(heights[2:-1:2])
    return min(1.0, scale * total * width / 3)
