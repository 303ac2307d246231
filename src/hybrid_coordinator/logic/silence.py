"""When to say nothing: from which similarity on enough of what is shown helps.

The chance that a passage helps is taken to rise with its similarity: the outcomes are fitted by the non-decreasing
steps that lie nearest to them (pool adjacent violators; Ayer et al., Annals of Mathematical Statistics 26, 1955).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from hybrid_coordinator.domain.learning import Injection

HELPS = 0.5
"""A passage that earned more than this helped."""


@dataclass(frozen=True, slots=True)
class SilencePolicy:
    """At most `false_injection_budget` of what is shown may be of no help. With fewer than `least_outcomes` nothing is
    changed; `most_outcomes`, the newest, are looked at."""

    false_injection_budget: float = 0.2
    least_outcomes: int = 50
    most_outcomes: int = 2000


@dataclass(frozen=True, slots=True)
class Step:
    """From this similarity on, up to the next step, a passage helps with this probability."""

    similarity: float
    helpful: float


def fit_steps(injections: Sequence[Injection]) -> list[Step]:
    """The chance to help by similarity, rising, lowest similarity first."""
    pools: list[tuple[float, float, int]] = []  # where it begins, the credits' sum, how many
    for one in sorted(injections, key=lambda one: one.similarity):
        pools.append((one.similarity, float(one.credit > HELPS), 1))
        while len(pools) > 1 and pools[-2][1] * pools[-1][2] >= pools[-1][1] * pools[-2][2]:
            _, helped, count = pools.pop()
            begin, helped_before, count_before = pools.pop()
            pools.append((begin, helped_before + helped, count_before + count))
    return [Step(begin, helped / count) for begin, helped, count in pools]


def choose_threshold(injections: Sequence[Injection], usual: float, policy: SilencePolicy) -> float:
    """The lowest similarity, not under `usual`, from which on what is shown keeps to the budget by its chances.

    `usual` while too little is known. Where no similarity keeps to it, everything but the most similar stays unsaid.
    """
    if len(injections) < policy.least_outcomes:
        return usual
    steps = fit_steps(injections)
    seen = sorted((one.similarity for one in injections), reverse=True)
    doubts = accumulate(1.0 - chance for chance in _chances(steps, seen))
    kept = [seen[at] for at, doubt in enumerate(doubts) if doubt <= policy.false_injection_budget * (at + 1)]
    return max(usual, min(kept)) if kept else max(usual, seen[0])


def _chances(steps: Sequence[Step], descending: Sequence[float]) -> list[float]:
    """Of each similarity, which come in descending order."""
    chances, at = [], len(steps) - 1
    for similarity in descending:
        while at > 0 and steps[at].similarity > similarity:
            at -= 1
        chances.append(steps[at].helpful)
    return chances
