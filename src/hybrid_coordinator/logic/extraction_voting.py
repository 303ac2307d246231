"""Which of several extractions of one answer is the one to keep.

    agreement(a) = mean over the others b of |words(a) ∩ words(b)| / |words(b)|
    vote         = the greatest agreement + SUPPORT · support; of equal ones the first

Agreement is how much of what the others extracted a pattern has too: one that leaves out half of the steps agrees with
nobody. Support is how much of what a model said was true; it weighs little, since what was not is gone already.
"""

from collections.abc import Sequence
from statistics import fmean

from hybrid_coordinator.logic.extraction_check import EXTRACTIVE, Extracted
from hybrid_coordinator.logic.words import STOPWORDS, stem, words_of

SUPPORT = 0.25


def vote(candidates: Sequence[Extracted]) -> Extracted:
    """The winner of at least one. One that a model made and that holds wins over a copy that stands in for another."""
    made = [one for one in candidates if one.strategy == one.tried] or list(candidates)
    return max(made, key=lambda one: _agreement(one, candidates) + SUPPORT * _support(one))


def _support(one: Extracted) -> float:
    return 1.0 if one.strategy == EXTRACTIVE else one.support


def _agreement(one: Extracted, candidates: Sequence[Extracted]) -> float:
    others = [other for other in candidates if other is not one]
    return fmean(_overlap(one, other) for other in others) if others else 0.0


def _overlap(one: Extracted, other: Extracted) -> float:
    mine, theirs = _words(one), _words(other)
    return len(mine & theirs) / len(theirs) if theirs else 0.0


def _words(one: Extracted) -> frozenset[str]:
    told = " ".join((*one.pattern.steps, *one.pattern.prerequisites, one.pattern.example))
    return frozenset(stem(word) for word in words_of(told) if word not in STOPWORDS)
