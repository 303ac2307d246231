"""The measures of the users' "Continuous Learning System" document, with its targets."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from hybrid_coordinator.domain.measures import Day

VALUE_EDGES = (0.3, 0.5, 0.7)
VALUE_TARGETS: Mapping[str, float] = {"0.0-0.3": 0.20, "0.3-0.5": 0.30, "0.5-0.7": 0.30, "0.7-1.0": 0.20}
"""How value scores should be spread, by the document."""

LEAST_SCORED = 30
"""Fewer values than this say nothing about how they are spread."""

TOLERANCE = 0.10
"""A share further off its target than this is spoken of."""

WEEK = timedelta(days=7)
_Z = 1.959964


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure (None: there is none yet), and the range that the document wants it in."""

    value: float | None
    low: float
    high: float

    @property
    def standing(self) -> str:
        """`below`, `within` or `above` the range, or `unknown`."""
        if self.value is None:
            return "unknown"
        if self.value < self.low:
            return "below"
        return "above" if self.value > self.high else "within"


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


def patterns_a_day(days: Sequence[Day], today: date) -> Goal:
    """Things first learned, a day since the first of these days: 10 to 50."""
    return Goal(_ratio(sum(day.learned for day in days), _spanned(days, today)), 10, 50)


def examples_a_week(days: Sequence[Day], today: date) -> Goal:
    """Teachable interactions a week, once a whole week has gone by since the first of these days: 50 to 200."""
    spanned = _spanned(days, today)
    mean = _ratio(7 * sum(day.teachable for day in days), spanned)
    return Goal(mean if spanned >= WEEK.days else None, 50, 200)


def reuse_rate(days: Sequence[Day]) -> Goal:
    """count(qdrant_results > 0) / total_queries, over whole answers: 20 to 40 %."""
    return Goal(_ratio(sum(day.grounded for day in days), sum(day.answered for day in days)), 0.20, 0.40)


def learned_reuse_rate(days: Sequence[Day]) -> Goal:
    """The share of whole answers that had something learned for context, of those whose outcome is known."""
    return Goal(_ratio(sum(day.reused for day in days), sum(day.judged for day in days)), 0.20, 0.40)


def bytes_per_pattern(total: int, items: int) -> Goal:
    """At most 10 KB."""
    return Goal(_ratio(total, items), 0, 10 * 1024)


def added_latency(p99s_ms: Sequence[float]) -> Goal:
    """At most 50 ms: an upper bound of the 99th percentile over all parts, or None when nothing was timed."""
    return Goal(sum(p99s_ms) if p99s_ms else None, 0, 50)


def learning_rate(days: Sequence[Day]) -> float | None:
    """count(value_score ≥ threshold) / total_interactions."""
    return _ratio(sum(day.high_value for day in days), sum(day.interactions for day in days))


def local_share(days: Sequence[Day]) -> float | None:
    """Of the whole answers."""
    return _ratio(sum(day.local for day in days), sum(day.answered for day in days))


def success_rate(days: Sequence[Day]) -> float | None:
    """The mean credit of the settled."""
    return _ratio(sum(day.credit for day in days), sum(day.settled for day in days))


def mean_latency_ms(days: Sequence[Day]) -> float | None:
    """Of whole answers."""
    return _ratio(sum(day.latency_ms for day in days), sum(day.answered for day in days))


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


def _spanned(days: Sequence[Day], today: date) -> int:
    """Days from the first of these to today, both counted; a clock may have gone back."""
    return (max(today, days[-1].day) - days[0].day).days + 1 if days else 0


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
