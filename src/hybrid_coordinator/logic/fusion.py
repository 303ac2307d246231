"""How two opinions on what fits a question, the meaning's and the words', become one order.

    raw(d)   = cosine(d) + weight · bm25(d) / idf_max · coverage(d) ^ COVERAGE_POWER
    weight   = WORDS_WEIGHT · USUAL_IDF / idf_max · headroom
    headroom = (1 - best cosine) / (1 - mean cosine of the collection)

`bm25 / idf_max` counts "rarest words matched", so that collections of different sizes can be compared. `coverage` is
the share of the question's rarity whose words occur in d: words that match by chance count little. `headroom` is what
the best cosine leaves unexplained of the similarity there is to gain: a passage that says the same silences the words,
and where nothing is similar they decide.

One rule for every collection. Its constants have the best worst case over cosqa_dev and nine sets made from
documentation and source code. The test sets had no say in the constants, but were seen while the form was found
(docs/lab.md).
"""

import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from heapq import nlargest

from hybrid_coordinator.domain.knowledge import Collection, SearchMode

SEARCH_DEPTH = 100
"""How many candidates each opinion names in each collection."""

WORDS_WEIGHT = 0.3
COVERAGE_POWER = 0.75
USUAL_IDF = 7.0
"""The highest idf in a collection of about 1,600 passages."""

_Scored = tuple[float, float, Collection, int]
"""Raw score, cosine, collection and point: in this order the greatest is the best, and no two are equal."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one collection of `size` passages says to a question; signals are by point.

    Every candidate has a cosine; only those where a word matches have a BM25 score, and the idf of what matched.
    `mean_cosine` is over the whole collection, `question_idf` the sum over all words of the question.
    """

    size: int
    mean_cosine: float
    question_idf: float
    cosines: Mapping[int, float]
    bm25: Mapping[int, float]
    matched_idf: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Found:
    """A point among the best, with its similarity and its score, both in [0, 1]."""

    collection: Collection
    point: int
    similarity: float
    score: float


def fuse(evidence: Mapping[Collection, Evidence], mode: SearchMode, limit: int) -> list[Found]:
    """The best candidates of all collections together, best first."""
    match mode:
        case SearchMode.SEMANTIC:
            scored = _by_meaning(evidence)
        case SearchMode.KEYWORD:
            scored = _by_words(evidence)
        case SearchMode.HYBRID:
            scored = _by_both(evidence)
    best = nlargest(limit, scored)
    full_score = max([1.0, *(raw for raw, *_ in best[:1])])
    return [Found(collection, point, _clip(cosine), _clip(raw / full_score)) for raw, cosine, collection, point in best]


def idf(size: int, holding: int) -> float:
    """How rare a word is that so many of `size` passages hold: the engine's own formula."""
    return math.log(1.0 + (size - holding + 0.5) / (holding + 0.5))


def words_weight(size: int, best_cosine: float, mean_cosine: float) -> float:
    """What one rarest word counts against a cosine."""
    headroom = (1.0 - best_cosine) / max(1.0 - mean_cosine, 1e-3)
    return WORDS_WEIGHT * USUAL_IDF / _idf_max(size) * _clip(headroom)


def _by_meaning(evidence: Mapping[Collection, Evidence]) -> Generator[_Scored]:
    for collection, said in evidence.items():
        for point, cosine in said.cosines.items():
            yield cosine, cosine, collection, point


def _by_words(evidence: Mapping[Collection, Evidence]) -> Generator[_Scored]:
    for collection, said in evidence.items():
        idf_max = _idf_max(said.size)
        for point, bm25 in said.bm25.items():
            yield bm25 / idf_max, said.cosines.get(point, 0.0), collection, point


def _by_both(evidence: Mapping[Collection, Evidence]) -> Generator[_Scored]:
    best_cosine = max((cosine for said in evidence.values() for cosine in said.cosines.values()), default=0.0)
    for collection, said in evidence.items():
        weight = words_weight(said.size, best_cosine, said.mean_cosine) / _idf_max(said.size)
        for point, cosine in said.cosines.items():
            bm25 = said.bm25.get(point)
            lift = weight * bm25 * _coverage(said, point) ** COVERAGE_POWER if bm25 else 0.0
            yield cosine + lift, cosine, collection, point


def _coverage(said: Evidence, point: int) -> float:
    return _clip(said.matched_idf.get(point, 0.0) / said.question_idf) if said.question_idf else 0.0


def _idf_max(size: int) -> float:
    return idf(max(size, 2), holding=1)


def _clip(value: float) -> float:
    return min(1.0, max(0.0, value))
