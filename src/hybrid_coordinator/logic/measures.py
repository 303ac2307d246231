"""The measures of the users' "Continuous Learning System" document, with its targets."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from hybrid_coordinator.domain.measures import Day

VALUE_EDGES = (0.3, 0.5, 0.7)
VALUE_TARGETS: Mapping[str, float] = {"0.0-0.3": 0.20, "0.3-0.5": 0.30, "0.5-0.7": 0.30, "0.7-1.0": 0.20}
"""How value scores should be spread, by the document."""

PATTERNS_A_DAY = (10, 50)
EXAMPLES_A_WEEK = (50, 200)
REUSE = (0.20, 0.40)
MOST_BYTES = 10 * 1024
MOST_LATENCY_MS = 50.0
LEAST_SCORED = 30
"""Fewer values than this say nothing about how they are spread."""

TOLERANCE = 0.10
"""A share further off its target than this is spoken of."""

WEEK = timedelta(days=7)
_Z = 1.959964


@dataclass(frozen=True, slots=True)
class Band:
    """A band of value scores: its share, and the share it should have."""

    name: str
    count: int
    share: float
    target: float


@dataclass(frozen=True, slots=True)
class Trend:
    """The success rate of the last week against that of the week before: the difference with its 95 % interval."""

    now: float
    before: float
    difference: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "no difference shown"


def spread(counts: Sequence[int]) -> tuple[Band, ...]:
    """The four bands of VALUE_TARGETS from how many values lie in each."""
    total = sum(counts)
    return tuple(
        Band(name, count, count / total if total else 0.0, target)
        for (name, target), count in zip(VALUE_TARGETS.items(), counts, strict=True)
    )


def judge_spread(bands: Sequence[Band]) -> str:
    """What the document says to do about a spread that is off."""
    if sum(band.count for band in bands) < LEAST_SCORED:
        return f"fewer than {LEAST_SCORED} values: too early to say"
    lowest, highest = bands[0], bands[-1]
    if lowest.share > lowest.target + TOLERANCE:
        return "too many low values: many answers fail; look at `hybrid-coordinator gaps`"
    if highest.share < highest.target - TOLERANCE:
        return "too few high values: HIGH_VALUE_THRESHOLD may be too high (0.6 gathers faster in the first weeks)"
    return "as it should be"


def learning_rate(days: Sequence[Day]) -> float | None:
    """count(value_score ≥ threshold) / total_interactions."""
    return _ratio(sum(day.high_value for day in days), sum(day.interactions for day in days))


def reuse_rate(days: Sequence[Day]) -> float | None:
    """count(qdrant_results > 0) / total_queries, over whole answers."""
    return _ratio(sum(day.grounded for day in days), sum(day.answered for day in days))


def learned_reuse_rate(days: Sequence[Day]) -> float | None:
    """The share of whole answers that had something learned for context."""
    return _ratio(sum(day.reused for day in days), sum(day.answered for day in days))


def success_rate(days: Sequence[Day]) -> float | None:
    """The mean credit of the settled."""
    return _ratio(sum(day.credit for day in days), sum(day.settled for day in days))


def weekly_examples(days: Sequence[Day]) -> Mapping[date, int]:
    """Teachable interactions by week, under the Monday it begins with."""
    weeks: dict[date, int] = {}
    for day in days:
        monday = day.day - timedelta(days=day.day.weekday())
        weeks[monday] = weeks.get(monday, 0) + day.teachable
    return weeks


def trend(days: Sequence[Day], today: date) -> Trend | None:
    """This week against the last; None unless both have settled answers.

    The interval is Agresti and Caffo's (2000), with half a success and half a failure a sample added twice.
    """
    now = [day for day in days if today - WEEK < day.day <= today]
    before = [day for day in days if today - 2 * WEEK < day.day <= today - WEEK]
    n, m = sum(day.settled for day in now), sum(day.settled for day in before)
    if not n or not m:
        return None
    rate, earlier = sum(day.credit for day in now) / n, sum(day.credit for day in before) / m
    p, q = (rate * n + 1) / (n + 2), (earlier * m + 1) / (m + 2)
    margin = _Z * math.sqrt(p * (1 - p) / (n + 2) + q * (1 - q) / (m + 2))
    return Trend(rate, earlier, rate - earlier, max(-1.0, p - q - margin), min(1.0, p - q + margin))


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
