"""Whether what search has learned may be used: on questions it has not seen, and without upsetting the others.

Held out are the families of questions that were first asked last: nothing of them is learned from. Passages may be
known: that the same is asked again in other words is what there is to gain. Both ways search the whole knowledge, as
they would for somebody who asks. What was accepted had been found by the way that serves, which speaks for that way: a
gain is real.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.versions import Decision, Measured, Verdict
from hybrid_coordinator.logic.exam_metrics import measure_pairs
from hybrid_coordinator.logic.paired_bootstrap import Pair
from hybrid_coordinator.logic.retriever_adapter import Example
from hybrid_coordinator.logic.version_names import tell_measured

RECIPROCAL_RANK = "reciprocal rank"
NDCG = "nDCG@10"
AGREEMENT = "passages that stay"

DEPTH = 10
"""So many passages are looked at when a search is judged."""

SHOWN = 5
"""So many count as shown where two searches are compared."""


@dataclass(frozen=True, slots=True)
class RetrieverPolicy:
    """When search learns, and when that is used.

    It begins with `least_examples` questions for which a passage was right, and again after `trigger_every` outcomes;
    outcomes of the last `days` count, and of those the newest `most_examples`. A passage was right from `least_credit`
    on. `held_out_share` of the families, the newest, are kept to measure by, and `least_held_out` are the fewest to
    judge by. Of questions that nobody judged, `untouched` at most, at least `least_agreement` of the passages
    that are shown must stay.
    """

    least_examples: int = 80
    trigger_every: int = 100
    most_examples: int = 2_000
    days: float = 180.0
    least_credit: float = 0.6
    hard: int = 5
    held_out_share: float = 0.25
    least_held_out: int = 20
    untouched: int = 100
    least_agreement: float = 0.6


@dataclass(frozen=True, slots=True)
class Searched:
    """What a question found before and after, by id, best first. Of an untouched question nothing was `accepted`."""

    family: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    accepted: tuple[str, ...] = ()


def hold_out(examples: Sequence[Example], policy: RetrieverPolicy) -> tuple[list[Example], list[Example]]:
    """Those to learn from, oldest first, and those of the families that were first asked last."""
    by_age = sorted(examples, key=lambda one: (one.at, one.source))
    families = list(dict.fromkeys(one.family for one in by_age))
    held = set(families[len(families) - math.ceil(len(families) * policy.held_out_share) :])
    return [one for one in by_age if one.family not in held], [one for one in by_age if one.family in held]


def measure_search(searched: Sequence[Searched]) -> tuple[Measured, ...]:
    """How well accepted passages are found, and how many passages stay where nobody judged: as far as there are any."""
    judged = [one for one in searched if one.accepted]
    untouched = [one for one in searched if not one.accepted]
    measured = (
        measure_pairs(RECIPROCAL_RANK, list(_pairs(judged, reciprocal_rank))),
        measure_pairs(NDCG, list(_pairs(judged, ndcg))),
        measure_pairs(AGREEMENT, [Pair(1.0, agreement(one.before, one.after), one.family) for one in untouched]),
    )
    return tuple(one for one in measured if one is not None)


def decide(measured: Sequence[Measured], families: int, policy: RetrieverPolicy) -> Verdict:
    """Promote, hold or roll back, with the figures. `families` counts those that were held out."""
    by_name: Mapping[str, Measured] = {one.metric: one for one in measured}
    rank, stays = by_name.get(RECIPROCAL_RANK), by_name.get(AGREEMENT)
    if rank is None or families < policy.least_held_out:
        told = f"{families} held-out questions are too few to judge by; {policy.least_held_out} are needed"
        return Verdict(Decision.HOLD, told)
    if rank.high < 0.0:
        return Verdict(Decision.ROLL_BACK, f"it finds worse what was right: {tell_measured(rank)}")
    if stays is not None and stays.after < policy.least_agreement:
        told = f"it changes too much where nobody judged: {tell_measured(stays)}"
        return Verdict(Decision.HOLD, f"{told}; {tell_measured(rank)}")
    if rank.low > 0.0 and by_name[NDCG].low >= 0.0:
        return Verdict(Decision.PROMOTE, f"it finds better what was right: {tell_measured(rank)}")
    return Verdict(Decision.HOLD, f"a gain is not shown: {tell_measured(rank)}")


def reciprocal_rank(found: Sequence[str], accepted: Sequence[str]) -> float:
    """1 / rank of the first accepted among the first ten, else 0."""
    return next((1.0 / rank for rank, id in enumerate(found[:DEPTH], start=1) if id in accepted), 0.0)


def ndcg(found: Sequence[str], accepted: Sequence[str]) -> float:
    """Sum of 1 / log2(rank + 1) over the accepted among the first ten, as a share of what the ideal order gives."""
    gained = sum(1.0 / math.log2(rank + 1) for rank, id in enumerate(found[:DEPTH], start=1) if id in accepted)
    return gained / sum(1.0 / math.log2(rank + 1) for rank in range(1, min(len(accepted), DEPTH) + 1))


def agreement(before: Sequence[str], after: Sequence[str]) -> float:
    """The share of the passages shown before that are shown after; 1 where nothing was."""
    shown = set(before[:SHOWN])
    return len(shown & set(after[:SHOWN])) / len(shown) if shown else 1.0


def _pairs(judged: Sequence[Searched], score: Callable[[Sequence[str], Sequence[str]], float]) -> Iterator[Pair]:
    for one in judged:
        yield Pair(score(one.before, one.accepted), score(one.after, one.accepted), one.family)
