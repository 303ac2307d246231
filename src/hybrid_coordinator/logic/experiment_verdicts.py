"""Whether one variant of an experiment is better than another.

Answers of one session resemble each other, so sessions are what is counted: a mean is a ratio of sums over them
(Cochran, Sampling Techniques, 1977, 6.3). With few sessions its variance comes out too small, and as nothing where all
agree. So each variant gets two sessions that nobody held, one all good and one all bad (Agresti and Caffo, The American
Statistician 54, 2000), and the interval is Student's with Welch's degrees of freedom. It is meant for one look: who
looks every day finds a difference sooner or later.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.logic.auditing import Estimate
from hybrid_coordinator.logic.scoring import credit_for
from hybrid_coordinator.logic.student import reach_of, within

CONFIDENCE = 0.95
_POWER = (1.96 + 0.84) ** 2
"""So many variances over the squared difference are needed to show it four times in five."""


@dataclass(frozen=True, slots=True)
class ExperimentPolicy:
    """A difference under `least_difference` matters to nobody. Ratings decide once `least_rated` sessions of each
    variant gave one; until then successes do."""

    least_difference: float = 0.05
    least_rated: int = 10


@dataclass(frozen=True, slots=True)
class Marks:
    """What the answers of one variant got, between `low` and `high`: a list a session."""

    low: float
    high: float
    sessions: tuple[tuple[float, ...], ...] = ()

    @property
    def answers(self) -> int:
        return sum(map(len, self.sessions))

    @property
    def mean(self) -> float | None:
        """None of nothing."""
        return sum(map(sum, self.sessions)) / self.answers if self.answers else None


@dataclass(frozen=True, slots=True)
class Measure:
    """Two variants by one measure. `difference` is how much `a` is above `b`, None while one of them has no answer;
    `p` is how often chance alone would show one as large."""

    name: str
    a: Marks
    b: Marks
    difference: Estimate | None
    p: float | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two variants by their ratings (-1 to 1) and successes (a partial one is half), and what follows."""

    variant_a: str
    variant_b: str
    rating: Measure
    success: Measure
    verdict: str


def compare(
    names: tuple[str, str], answers: tuple[Iterable[Interaction], Iterable[Interaction]], policy: ExperimentPolicy
) -> Comparison:
    """Compare the settled answers of two variants."""
    a, b = (list(one) for one in answers)
    rating = measure("rating", names, ratings(a), ratings(b), policy)
    success = measure("success", names, successes(a), successes(b), policy)
    rated = min(len(rating.a.sessions), len(rating.b.sessions))
    deciding = rating if rated >= policy.least_rated else success
    return Comparison(*names, rating, success, deciding.verdict)


def ratings(answers: Iterable[Interaction]) -> Marks:
    """What people said."""
    told = [(one, one.outcome.user_feedback) for one in answers if one.outcome is not None]
    return Marks(-1.0, 1.0, _by_session([(one, float(said)) for one, said in told if said is not None]))


def successes(answers: Iterable[Interaction]) -> Marks:
    """What became of them."""
    return Marks(
        0.0, 1.0, _by_session([(one, credit_for(one.outcome.kind)) for one in answers if one.outcome is not None])
    )


def measure(name: str, names: tuple[str, str], a: Marks, b: Marks, policy: ExperimentPolicy) -> Measure:
    """The difference of two means, how sure it is, and what that means in words."""
    one, other = _moments(a), _moments(b)
    spread = math.sqrt(one.variance + other.variance)
    reach = reach_of(CONFIDENCE, _freedom(one, other)) * spread
    shift = one.mean - other.mean
    if a.mean is None or b.mean is None:
        difference, p = None, None
    else:
        difference = Estimate(a.mean - b.mean, shift - reach, shift + reach)
        p = 1 - within(shift / spread, _freedom(one, other))
    return Measure(name, a, b, difference, p, _verdict(names, difference, one, other, policy))


@dataclass(frozen=True, slots=True)
class _Moments:
    """A mean over sessions, the variance of it, and over how many sessions, the two that nobody held among them."""

    mean: float
    variance: float
    sessions: int


def _moments(marks: Marks) -> _Moments:
    size = marks.answers / len(marks.sessions) if marks.sessions else 1.0
    held = [(sum(session), float(len(session))) for session in marks.sessions]
    held += [(size * marks.low, size), (size * marks.high, size)]
    amount, units = (sum(column) for column in zip(*held, strict=True))
    mean = amount / units
    squares = sum((got - mean * answers) ** 2 for got, answers in held)
    return _Moments(mean, squares * len(held) / (len(held) - 1) / units**2, len(held))


def _freedom(one: _Moments, other: _Moments) -> float:
    total = (one.variance + other.variance) ** 2
    parts = sum(each.variance**2 / max(each.sessions - 2, 1) for each in (one, other))
    return max(1.0, total / parts)


def _verdict(
    names: tuple[str, str], difference: Estimate | None, one: _Moments, other: _Moments, policy: ExperimentPolicy
) -> str:
    if difference is not None:
        least = policy.least_difference
        if difference.low > 0:
            return f"{names[0]} is better"
        if difference.high < 0:
            return f"{names[1]} is better"
        if -least < difference.low and difference.high < least:
            return f"no difference of {least:g} or more"
    apart = max(abs(difference.value) if difference else 0.0, policy.least_difference)
    return f"no difference shown yet: about {_needed(one, other, apart):,} more sessions needed"


def _needed(one: _Moments, other: _Moments, difference: float) -> int:
    """Sessions still to be held to show such a difference, to two digits."""
    each = _POWER * (one.variance * one.sessions + other.variance * other.sessions) / difference**2
    more = sum(max(each - arm.sessions, 0.0) for arm in (one, other))
    unit = int(math.pow(10, max(len(str(int(more))) - 2, 0)))
    return max(1, math.ceil(more / unit) * unit)


def _by_session(marked: Sequence[tuple[Interaction, float]]) -> tuple[tuple[float, ...], ...]:
    """Marks by session; an answer without one is its own."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one, mark in marked:
        found[one.asker, one.session_id or one.id].append(mark)
    return tuple(map(tuple, found.values()))
