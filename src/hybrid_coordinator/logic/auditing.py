"""Whether the detours save money: what was routed here against a random share that went the plain way.

Chance picks whole sessions, so that a session's prompt cache at a vendor lies wholly in one arm. What a question cost
is what it cost in fact: the plain arm's price holds its cheap cache reads, the other arm's the cache it lost by going
elsewhere. Their difference is therefore net of lost prompt caching, with no model of what might have been. Time of
this machine's own is no money. Who is in which arm depends on the draw alone: a question whose asker insisted on a
model, and which therefore went the same way as in the other arm, counts in the arm of its session.

Questions of one session resemble each other, so sessions are what is drawn: a mean over questions is a ratio of sums
over sessions, with the variance of a ratio of cluster totals (Cochran, Sampling Techniques, 1977, 6.3). A few sessions
cost most of the money, so the interval of a mean cost is taken on its logarithm, which reaches further up than down;
the two means' intervals give that of their difference (Zou and Donner, Statistics in Medicine 27, 2008).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

LEAST_SESSIONS = 30
"""Of each arm: with fewer the interval itself is not to be trusted."""

_Z = 1.959963984540054
"""95% of a normal distribution lies within."""


@dataclass(frozen=True, slots=True)
class RatioSums:
    """Sums over sessions from which the mean of an amount per unit and its variance follow."""

    sessions: int = 0
    amount: float = 0.0
    units: float = 0.0
    amount_squared: float = 0.0
    units_squared: float = 0.0
    amount_times_units: float = 0.0

    @property
    def mean(self) -> float:
        """The amount per unit."""
        return self.amount / self.units

    @property
    def variance(self) -> float:
        """Of the mean."""
        mean = self.mean
        spread = self.amount_squared - 2 * mean * self.amount_times_units + mean * mean * self.units_squared
        return max(0.0, spread) * self.sessions / (self.sessions - 1) / self.units**2


@dataclass(frozen=True, slots=True)
class ArmSums:
    """One arm: micro-dollars per question, and success (a partial one is half) per question whose outcome is known."""

    cost: RatioSums = RatioSums()
    success: RatioSums = RatioSums()


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, and between what it lies with 95% confidence."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Audit:
    """What going the detours brought. Money is micro-dollars, negative where the plain way would have been cheaper.

    `saving` is per question, `total_saving` of all that were routed, `share` of what the plain way costs; `success` is
    how much more often an answer was right than on the plain way. They are None without enough sessions in both arms.
    """

    questions: int
    sessions: int
    held_out_questions: int
    held_out_sessions: int
    verdict: str
    saving: Estimate | None = None
    total_saving: Estimate | None = None
    share: float | None = None
    success: Estimate | None = None


def in_holdout(draw: float, share: float) -> bool:
    """Whether the session of that draw, in [0, 1), is held out. A larger share only adds sessions."""
    return draw < share


def audit(treated: ArmSums, control: ArmSums) -> Audit:
    """Compare what was routed with what went the plain way."""
    saving = _difference(control.cost, treated.cost, _money_interval)
    success = _difference(treated.success, control.success, _rate_interval)
    plain = control.cost.mean if control.cost.units else 0.0
    return Audit(
        questions=round(treated.cost.units),
        sessions=treated.cost.sessions,
        held_out_questions=round(control.cost.units),
        held_out_sessions=control.cost.sessions,
        verdict=_verdict(treated, control, saving, success),
        saving=saving,
        total_saving=None if saving is None else _times(saving, treated.cost.units),
        share=None if saving is None or plain <= 0 else saving.value / plain,
        success=success,
    )


def _difference(one: RatioSums, other: RatioSums, interval: Callable[[RatioSums], Estimate]) -> Estimate | None:
    """How much the first mean is above the second; None when there is too little to say."""
    if min(one.sessions, other.sessions) < LEAST_SESSIONS:
        return None
    upper, lower = interval(one), interval(other)
    value = upper.value - lower.value
    down = math.hypot(upper.value - upper.low, lower.high - lower.value)
    up = math.hypot(upper.high - upper.value, lower.value - lower.low)
    return Estimate(value, value - down, value + up)


def _money_interval(sums: RatioSums) -> Estimate:
    if sums.mean <= 0:
        return Estimate(sums.mean, sums.mean, sums.mean)
    factor = math.exp(_reach(sums) / sums.mean)
    return Estimate(sums.mean, sums.mean / factor, sums.mean * factor)


def _rate_interval(sums: RatioSums) -> Estimate:
    return Estimate(sums.mean, sums.mean - _reach(sums), sums.mean + _reach(sums))


def _reach(sums: RatioSums) -> float:
    return _student(sums.sessions - 1) * math.sqrt(sums.variance)


def _student(freedom: float) -> float:
    """The 97.5% quantile of Student's distribution, by Abramowitz and Stegun 26.7.5: good from ten degrees up."""
    terms = (
        (_Z**3 + _Z) / 4,
        (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / 96,
        (3 * _Z**7 + 19 * _Z**5 + 17 * _Z**3 - 15 * _Z) / 384,
    )
    return _Z + sum(term / freedom**power for power, term in enumerate(terms, 1))


def _times(estimate: Estimate, factor: float) -> Estimate:
    return Estimate(estimate.value * factor, estimate.low * factor, estimate.high * factor)


def _verdict(treated: ArmSums, control: ArmSums, saving: Estimate | None, success: Estimate | None) -> str:
    if saving is None:
        return (
            f"not enough evidence yet: {treated.cost.sessions} sessions were routed and {control.cost.sessions} went "
            f"the plain way; {LEAST_SESSIONS} of each are needed"
        )
    between = f"between {_dollars(saving.low)} and {_dollars(saving.high)} a question, 95% sure"
    if saving.low > 0:
        said = f"routing saves money: {between}"
    elif saving.high < 0:
        said = f"routing costs more than the plain way: the saving is {between}"
    else:
        said = f"not enough evidence yet: the saving is {between}"
    return said + _judge_success(success)


def _judge_success(success: Estimate | None) -> str:
    if success is None:
        return "; too few outcomes are known to compare the answers"
    between = f"{success.low:+.1%} to {success.high:+.1%}"
    if success.high < 0:
        return f"; its answers are right less often ({between})"
    if success.low > 0:
        return f"; its answers are right more often ({between})"
    return f"; no difference in how often answers are right is shown ({between})"


def _dollars(micro_dollars: float) -> str:
    return f"{'−' if micro_dollars < 0 else ''}${abs(micro_dollars) / 1e6:.6f}"
