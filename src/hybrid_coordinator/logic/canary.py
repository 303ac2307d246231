"""Whether a version that answers a share of the sessions fares better than the one that answers the rest.

It is looked at after every outcome, so the intervals are those of `logic/uplift.py`, which hold at all times at once.
The units are sessions: what is said in one hangs together. Half of alpha goes to how the answers fared, half to whether
there were any: the chance that a version as good as the other is ever rolled back is alpha at most.
"""

from dataclasses import dataclass
from enum import StrEnum

from hybrid_coordinator.domain.learning import Arm, Uses
from hybrid_coordinator.domain.measures import Fared
from hybrid_coordinator.domain.versions import Decision, Measured, ModelVersion
from hybrid_coordinator.logic.uplift import Uplift, measure_uplift


@dataclass(frozen=True, slots=True)
class CanaryPolicy:
    """How a version is tried out. `share` of the sessions are with the canary; and after a promotion, for `watch_days`,
    with the version that served before (none for 0 days).

    `alpha` is the chance of a wrong rollback, however often one looks. A canary that is not worse by `margin` is
    promoted too once both sides have `least_sessions`: its measurement has already shown that it is better at what it
    was taught. After `most_days` without a ruling it is withdrawn.
    """

    share: float = 0.3
    alpha: float = 0.05
    margin: float = 0.2
    least_sessions: int = 20
    most_days: float = 14.0
    watch_days: float = 7.0


class Fate(StrEnum):
    """What becomes of a version on trial: it goes on, answers everybody, goes back, or is withdrawn undecided."""

    GO_ON = "go on"
    PROMOTE = "promote"
    ROLL_BACK = "roll back"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Ruling:
    """A fate, the sentence that a person would want to read beside it, and its figures."""

    fate: Fate
    why: str
    measured: tuple[Measured, ...]


def judge_canary(
    canary: Fared, serving: Fared, days: float, policy: CanaryPolicy, *, measured_better: bool = True
) -> Ruling:
    """What becomes of a canary after so many days. To fare no worse is enough for one that has `measured_better`; one
    that a person put on trial without has to fare better."""
    credit, failures = _compare(canary, serving, policy)
    good = _good_enough(canary, serving, credit, policy) if measured_better or credit.low > 0.0 else None
    ruling = _worse(credit, failures, "it") or good
    if ruling is not None:
        fate, why = ruling
    elif days >= policy.most_days:
        fate, why = Fate.WITHDRAW, f"undecided after {policy.most_days:g} days: {_describe(credit)}"
    else:
        fate, why = Fate.GO_ON, f"not known yet: {_describe(credit)}"
    return Ruling(fate, why, (credit, failures))


def judge_trial(canary: ModelVersion, mine: Fared, others: Fared, days: float, policy: CanaryPolicy) -> Ruling:
    """What becomes of this version on trial: what it was trained on comes first, then how it fares."""
    better = has_measured_better(canary)
    return judge_tainted(canary) or judge_canary(mine, others, days, policy, measured_better=better)


def has_measured_better(version: ModelVersion) -> bool:
    """Whether an examination has said that it may answer people."""
    return version.verdict is not None and version.verdict.decision is Decision.PROMOTE


def judge_tainted(canary: ModelVersion) -> Ruling | None:
    """A canary that was trained on what has been excluded since answers nobody any more, however it fares."""
    if not canary.tainted_by:
        return None
    told = ", ".join(map(repr, canary.tainted_by[:3]))
    return Ruling(Fate.WITHDRAW, f"it was trained on {told}, excluded since: drop it and train another", ())


def judge_promoted(serving: Fared, control: Fared, policy: CanaryPolicy) -> Ruling:
    """What becomes of a version that was promoted, against the one that served before: PROMOTE says that it needs no
    control any more."""
    credit, failures = _compare(serving, control, policy)
    if worse := _worse(credit, failures, "now that it answers everybody, it"):
        return Ruling(*worse, (credit, failures))
    if credit.low > 0.0:
        return Ruling(Fate.PROMOTE, f"it stays better: {_describe(credit)}", (credit, failures))
    return Ruling(Fate.GO_ON, f"watched: {_describe(credit)}", (credit, failures))


def _worse(credit: Measured, failures: Measured, it: str) -> tuple[Fate, str] | None:
    if credit.high < 0.0:
        return Fate.ROLL_BACK, f"{it} fares worse: {_describe(credit)}"
    if failures.low > 0.0:
        return Fate.ROLL_BACK, f"{it} fails to answer more often: {_describe(failures)}"
    return None


def _good_enough(canary: Fared, serving: Fared, credit: Measured, policy: CanaryPolicy) -> tuple[Fate, str] | None:
    if credit.low > 0.0:
        return Fate.PROMOTE, f"it fares better: {_describe(credit)}"
    if credit.low > -policy.margin and min(canary.arm.uses, serving.arm.uses) >= policy.least_sessions:
        return Fate.PROMOTE, f"it measured better and fares no worse by {policy.margin:g}: {_describe(credit)}"
    return None


def _compare(one: Fared, other: Fared, policy: CanaryPolicy) -> tuple[Measured, Measured]:
    """The difference in credit by session and in failures by question, each at half of alpha."""
    fails = Uses(_failing(one), _failing(other))
    return (
        _measured("credit", Uses(one.arm, other.arm), policy.alpha / 2, "higher"),
        _measured("failures", fails, policy.alpha / 2, "lower"),
    )


def _failing(fared: Fared) -> Arm:
    return Arm(fared.interactions, float(fared.failed), float(fared.failed), fared.interactions)


def _measured(metric: str, uses: Uses, alpha: float, better: str) -> Measured:
    uplift: Uplift = measure_uplift(uses, alpha)
    before, after = uses.withheld.mean or 0.0, uses.treated.mean or 0.0
    return Measured(metric, uses.treated.uses, before, after, uplift.low, uplift.high, better)


def _describe(measured: Measured) -> str:
    """The figures in words; of nothing it says so."""
    if not measured.items:
        return f"no {measured.metric} so far"
    told = f"{measured.metric} {measured.after:.2f} against {measured.before:.2f}"
    return (
        f"{told}, a difference between {measured.low:+.2f} and {measured.high:+.2f} over {measured.items:,} of its own"
    )
