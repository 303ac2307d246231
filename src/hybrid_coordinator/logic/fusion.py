"""How two opinions on what fits a question, the meaning's and the words', become one order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from hybrid_coordinator.domain.knowledge import SearchMode

Name = TypeVar("Name")

SEARCH_DEPTH = 100
"""How many candidates each opinion names for each collection."""

DENSE_WEIGHT = 0.65


@dataclass(frozen=True, slots=True)
class Candidate(Generic[Name]):
    """A passage that may fit. `similarity` is the cosine in [0, 1]; `words` the BM25 score, 0 where no word matches."""

    name: Name
    similarity: float
    words: float


def fuse(candidates: Sequence[Candidate[Name]], mode: SearchMode, limit: int) -> list[tuple[Candidate[Name], float]]:
    """The best candidates with a score in [0, 1], best first."""
    match mode:
        case SearchMode.SEMANTIC:
            scored = [(candidate, candidate.similarity) for candidate in candidates]
        case SearchMode.KEYWORD:
            scored = _by_words(candidates)
        case SearchMode.HYBRID:
            scored = _by_both(candidates)
    return sorted(scored, key=lambda pair: (-pair[1], -pair[0].similarity))[:limit]


def _by_words(candidates: Iterable[Candidate[Name]]) -> list[tuple[Candidate[Name], float]]:
    found = [candidate for candidate in candidates if candidate.words > 0]
    best = max((candidate.words for candidate in found), default=1.0)
    return [(candidate, candidate.words / best) for candidate in found]


def _by_both(candidates: Sequence[Candidate[Name]]) -> list[tuple[Candidate[Name], float]]:
    best = max((candidate.words for candidate in candidates), default=0.0) or 1.0
    return [
        (candidate, DENSE_WEIGHT * candidate.similarity + (1 - DENSE_WEIGHT) * candidate.words / best)
        for candidate in candidates
    ]
