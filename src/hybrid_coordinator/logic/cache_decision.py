"""Hit or miss: the guards first, then the chance that the answer fits, against what the error budget demands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hybrid_coordinator.domain.caching import CacheEntry, Layer, Neighbour, Verdict
from hybrid_coordinator.logic.cache_guards import refuse
from hybrid_coordinator.logic.cache_likeness import chance_of_fit
from hybrid_coordinator.logic.cache_reading import Reading, read

NEIGHBOURS = 10
"""So many of the nearest entries say something about a question."""

CANDIDATES = 3
"""So many of them may answer it."""

FLOOR = 0.72
"""Below this similarity nothing is a candidate."""


@dataclass(frozen=True, slots=True)
class _Weighed:
    """A candidate, the guard that refuses it if any, and else the chance that its answer fits."""

    candidate: Neighbour
    guard: str | None
    chance: float


def usable(entry: CacheEntry, now: datetime) -> bool:
    """Whether an entry may answer at all."""
    return not entry.distrusted and now < entry.expires_at


def decide(text: str, around: Sequence[Neighbour], bar: float, now: datetime) -> Verdict:
    """The verdict on a question. `around` are its nearest entries by descending similarity."""
    candidates = [near for near in around if near.similarity >= FLOOR and usable(near.entry, now)][:CANDIDATES]
    if not candidates:
        return _nothing_near(around)
    asked = read(text)
    best = max((_weigh(asked, one, around) for one in candidates), key=lambda weighed: weighed.chance)
    return Verdict(
        reason=_reason(best, bar),
        layer=Layer.SEMANTIC if best.guard is None and best.chance >= bar else None,
        nearest=best.candidate.entry,
        similarity=best.candidate.similarity,
        probability=best.chance,
        guard=best.guard,
    )


def _weigh(asked: Reading, candidate: Neighbour, around: Sequence[Neighbour]) -> _Weighed:
    stored = read(candidate.entry.key.text)
    guard = refuse(asked, stored)
    return _Weighed(candidate, guard, 0.0 if guard else chance_of_fit(asked, stored, candidate, around))


def _nothing_near(around: Sequence[Neighbour]) -> Verdict:
    if not around:
        return Verdict("nothing is stored that could answer this")
    nearest = around[0]
    return Verdict("nothing usable is near enough", nearest=nearest.entry, similarity=nearest.similarity)


def _reason(best: _Weighed, bar: float) -> str:
    near = f"similarity {best.candidate.similarity:.2f}"
    if best.guard is not None:
        return f"the nearest question ({near}) differs in its {best.guard}"
    chance = f"the answer to the nearest question ({near}) fits with a chance of {best.chance:.2f}"
    return f"{chance}, and {bar:.2f} is enough" if best.chance >= bar else f"{chance}, less than {bar:.2f}"
