"""Whether something learned helps: how questions fared with it against those that went without it by chance.

Everything is looked at again after every few outcomes, and with ordinary intervals something useless would be promoted
sooner or later by looking often enough. The intervals here hold at all times at once: a mean p is still possible while
the beta-binomial mixture

    B(1 + S, 1 + n - S) / (p^S · (1 - p)^(n - S))        of n credits in [0, 1] that sum to S

has stayed under 1 / alpha. Under p it is a martingale that starts at one (for credits between 0 and 1: below one, since
p^x · (1 - p)^(1 - x) is convex in x), so that it ever passes 1 / alpha has a chance of alpha at most (Ville; Robbins,
Annals of Mathematical Statistics 41, 1970).
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from hybrid_coordinator.domain.learning import Arm, Uses

_STEPS = 40
"""Halvings: far below any difference that matters."""


@dataclass(frozen=True, slots=True)
class UpliftPolicy:
    """When something has proved itself. `alpha` is the chance of a wrong promotion, however often one looks, and that
    of a wrong retirement. `base_rate` is the least mean credit that questions are taken to earn without it."""

    alpha: float = 0.05
    base_rate: float = 0.5


class Ruling(StrEnum):
    """What becomes of something learned."""

    PROMOTE = "promote"
    HOLD = "hold"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True)
class Uplift:
    """The mean credit with it minus that without, and between what it lies; None while nothing went without."""

    value: float | None
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """A ruling, and the sentence that a person would want to read beside it."""

    ruling: Ruling
    why: str
    uplift: Uplift


def always_valid(arm: Arm, alpha: float) -> tuple[float, float]:
    """Between what the true mean credit lies, at every number of uses at once, with a chance of error of `alpha`."""
    if not arm.uses:
        return 0.0, 1.0
    mean = arm.credit / arm.uses
    return _edge(arm, alpha, inside=mean, outside=0.0), _edge(arm, alpha, inside=mean, outside=1.0)


def _edge(arm: Arm, alpha: float, *, inside: float, outside: float) -> float:
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if _surprise(arm, middle) < -math.log(alpha) else (inside, middle)
    return outside


def _surprise(arm: Arm, p: float) -> float:
    """The logarithm of the mixture at p; infinite where p cannot be."""
    hits, misses = arm.credit, arm.uses - arm.credit
    if (p <= 0.0 < hits) or (p >= 1.0 and misses > 0.0):
        return math.inf
    likely = (hits * math.log(p) if hits else 0.0) + (misses * math.log1p(-p) if misses else 0.0)
    return math.lgamma(1 + hits) + math.lgamma(1 + misses) - math.lgamma(2 + arm.uses) - likely


def measure_uplift(uses: Uses, alpha: float) -> Uplift:
    """With minus without. Each arm errs with a chance of alpha / 2, so the difference with alpha at most."""
    low, high = always_valid(uses.treated, alpha / 2)
    without_low, without_high = always_valid(uses.withheld, alpha / 2)
    treated, withheld = uses.treated.mean, uses.withheld.mean
    value = None if treated is None or withheld is None else treated - withheld
    return Uplift(value, low - without_high, high - without_low)


def decide(
    uses: Uses, corroborated: tuple[bool, str], policy: UpliftPolicy, *, usual: float | None = None
) -> Judgement:
    """Promote, hold or retire. `usual` is the mean credit of other answers, where it is known.

    Promotion takes a measured uplift; or, since few have so many questions, independent successes together with a rate
    of success that is above what questions earn without it. Half of alpha goes to either way.
    """
    base = policy.base_rate if usual is None else max(policy.base_rate, usual)
    uplift = measure_uplift(uses, policy.alpha / 2)
    low, high = always_valid(uses.treated, policy.alpha / 2)
    if uplift.high < 0.0:
        return Judgement(Ruling.RETIRE, f"questions fare better without it: {_describe(uplift)}", uplift)
    if high < policy.base_rate:
        said = f"it helps in at most {high:.2f} of its uses, and {policy.base_rate:.2f} is the least one expects"
        return Judgement(Ruling.RETIRE, said, uplift)
    if uplift.low > 0.0:
        return Judgement(Ruling.PROMOTE, f"questions fare better with it: {_describe(uplift)}", uplift)
    enough, told = corroborated
    if enough and low > base:
        said = f"{told}; it helps in at least {low:.2f} of its uses, and {base:.2f} is usual without it"
        return Judgement(Ruling.PROMOTE, said, uplift)
    return Judgement(Ruling.HOLD, f"not known yet: {_describe(uplift)}; {told}", uplift)


def _describe(uplift: Uplift) -> str:
    if uplift.value is None:
        return "no question went without it so far"
    return f"uplift {uplift.value:+.2f}, between {uplift.low:+.2f} and {uplift.high:+.2f}"
