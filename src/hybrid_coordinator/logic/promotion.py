"""Whether a version that was measured may answer people.

It is promoted when it is better on questions that neither it nor the other version was trained on, and has lost nothing
that it should have kept. It is rolled back when it is worse on those, or has clearly lost something. Else it is held.
"Clearly" means that the whole 95 % interval lies beyond the bound; a mean beyond it is enough to hold.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.versions import Decision, Measured, Verdict
from hybrid_coordinator.logic.exam_items import FACTS, FORMATS, GENERAL, LIKENESS
from hybrid_coordinator.logic.exam_metrics import DOCUMENTS, FORGETTING, JUDGE, LIKELIHOOD, MEANING

_TITLES: Mapping[str, str] = {
    FACTS: "exact facts recalled",
    LIKENESS: "likeness to accepted answers",
    MEANING: "likeness of meaning to accepted answers",
    JUDGE: "preferred by the judge",
    LIKELIHOOD: "nats a token of accepted answers",
    GENERAL: "general questions answered right",
    FORMATS: "forms kept",
    FORGETTING: "nats a token of the base's own answers",
    DOCUMENTS: "nats a token of plain texts",
}


@dataclass(frozen=True, slots=True)
class PromotionPolicy:
    """`least_items` held-out questions with answers of their own are the fewest to judge by, `least_checks` items the
    fewest to roll back by. The gain on held-out questions must be more than `least_gain`. The others are what may be
    lost at most: parts of a mean score (`most_general_loss`, `most_format_loss`, `most_facts_loss`,
    `most_likeness_loss`, `most_judge_loss`), and by which share the nats a token may grow (`most_forgetting`,
    `most_document_loss`, `most_likelihood_loss`). Without the metrics `required` nothing is promoted."""

    least_items: int = 20
    least_checks: int = 8
    least_gain: float = 0.02
    most_forgetting: float = 0.05
    most_document_loss: float = 0.10
    most_general_loss: float = 0.10
    most_format_loss: float = 0.10
    most_facts_loss: float = 0.02
    most_likeness_loss: float = 0.02
    most_likelihood_loss: float = 0.02
    most_judge_loss: float = 0.10
    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Bound:
    """What may be lost of a metric at most; where it is `fatal`, a clear loss is a reason to roll back."""

    metric: str
    most: float
    fatal: bool


@dataclass(frozen=True, slots=True)
class _Loss:
    """How much of a metric was lost: the mean, and the least that it can be."""

    measured: Measured
    mean: float
    least: float


def decide(measured: Sequence[Measured], policy: PromotionPolicy) -> Verdict:
    """Promote, hold or roll back, with the figures. What was not measured, and is not required, is not judged."""
    by_name = {one.metric: one for one in measured}
    main = _main(by_name, policy)
    broken, exceeded = _broken(by_name, policy), _exceeded(by_name, policy)
    if worse := _worse(by_name, main, policy):
        return Verdict(Decision.ROLL_BACK, f"it answers worse than what it would replace: {tell(worse)}")
    if broken:
        return Verdict(Decision.ROLL_BACK, f"it has clearly lost too much: {_list(broken)}")
    if main is None:
        return Verdict(Decision.HOLD, _say_too_few(by_name, policy))
    if missing := [_TITLES.get(metric, metric) for metric in policy.required if metric not in by_name]:
        return Verdict(Decision.HOLD, f"it has not been measured: {', '.join(missing)}; {tell(main)}")
    if exceeded:
        return Verdict(Decision.HOLD, f"it has lost too much ({_list(exceeded)}), whatever it gained: {tell(main)}")
    if main.low > policy.least_gain:
        return Verdict(Decision.PROMOTE, f"it answers better: {tell(main)}; {_say_kept(by_name, policy)}")
    return Verdict(Decision.HOLD, f"a gain of more than {policy.least_gain:.2f} is not shown: {tell(main)}")


def tell(one: Measured) -> str:
    """`exact facts recalled 0.03 → 0.95 on 80 items (+0.92, between +0.87 and +0.97)`."""
    form = "+.1%" if one.relative else "+.2f"
    bounds = f"{one.difference:{form}}, between {one.low:{form}} and {one.high:{form}}"
    title = _TITLES.get(one.metric, one.metric)
    return f"{title} {one.before:.2f} → {one.after:.2f} on {one.items} items ({bounds})"


def _main(by_name: Mapping[str, Measured], policy: PromotionPolicy) -> Measured | None:
    """Exact facts where enough questions have some, else likeness."""
    found = (by_name.get(metric) for metric in (FACTS, LIKENESS))
    return next((one for one in found if one is not None and (one.groups or one.items) >= policy.least_items), None)


def _worse(by_name: Mapping[str, Measured], main: Measured | None, policy: PromotionPolicy) -> Measured | None:
    """What is clearly worse on held-out questions: facts, even where they are too few to promote by, or the main."""
    facts = by_name.get(FACTS)
    judged = [main] if facts is None or facts.items < policy.least_checks else [facts, main]
    return next((one for one in judged if one is not None and one.high < 0.0), None)


def _bounds(policy: PromotionPolicy) -> tuple[_Bound, ...]:
    return (
        _Bound(FORGETTING, policy.most_forgetting, fatal=True),
        _Bound(DOCUMENTS, policy.most_document_loss, fatal=True),
        _Bound(GENERAL, policy.most_general_loss, fatal=True),
        _Bound(FORMATS, policy.most_format_loss, fatal=True),
        _Bound(FACTS, policy.most_facts_loss, fatal=False),
        _Bound(LIKENESS, policy.most_likeness_loss, fatal=False),
        _Bound(LIKELIHOOD, policy.most_likelihood_loss, fatal=False),
        _Bound(JUDGE, policy.most_judge_loss, fatal=False),
    )


def _broken(by_name: Mapping[str, Measured], policy: PromotionPolicy) -> list[Measured]:
    """What was clearly lost, on enough items to say so."""
    losses = _losses(by_name, policy)
    broken = (loss for bound, loss in losses if bound.fatal and loss.least > bound.most)
    return [loss.measured for loss in broken if loss.measured.items >= policy.least_checks]


def _exceeded(by_name: Mapping[str, Measured], policy: PromotionPolicy) -> list[Measured]:
    """What was lost in the mean."""
    return [loss.measured for bound, loss in _losses(by_name, policy) if loss.mean > bound.most]


def _losses(by_name: Mapping[str, Measured], policy: PromotionPolicy) -> Iterator[tuple[_Bound, _Loss]]:
    for bound in _bounds(policy):
        if (one := by_name.get(bound.metric)) is not None:
            lower = one.better == "lower"
            yield bound, _Loss(one, one.difference if lower else -one.difference, one.low if lower else -one.high)


def _say_too_few(by_name: Mapping[str, Measured], policy: PromotionPolicy) -> str:
    found = by_name.get(LIKENESS)
    count = (found.groups or found.items) if found else 0
    return f"{count} held-out questions with answers of their own are too few; {policy.least_items} are needed"


def _say_kept(by_name: Mapping[str, Measured], policy: PromotionPolicy) -> str:
    """What was kept within its bound, and what nobody has measured."""
    bounds = [bound.metric for bound in _bounds(policy) if bound.fatal]
    kept = [_TITLES[metric] for metric in bounds if metric in by_name]
    missing = [_TITLES[metric] for metric in bounds if metric not in by_name]
    told = [f"kept within bounds: {', '.join(kept)}"] if kept else []
    return "; ".join([*told, *([f"not measured: {', '.join(missing)}"] if missing else [])])


def _list(measured: Sequence[Measured]) -> str:
    return "; ".join(map(tell, measured))
