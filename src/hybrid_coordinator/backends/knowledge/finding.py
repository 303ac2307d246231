"""From what a store says of its points to candidates, and from the best candidates to passages."""

from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping
from typing import Any, TypeAlias

from hybrid_coordinator.backends.knowledge.payloads import passage
from hybrid_coordinator.domain.knowledge import Collection, Passage
from hybrid_coordinator.logic.fusion import Candidate

Place: TypeAlias = tuple[Collection, int]


def gather(
    collection: Collection, cosines: Mapping[int, float], bm25: Mapping[int, float]
) -> Generator[Candidate[Place]]:
    """The points of a collection that either signal names."""
    for point, cosine in cosines.items():
        yield Candidate((collection, point), min(1.0, max(0.0, cosine)), bm25.get(point, 0.0))


def places(best: Iterable[tuple[Candidate[Place], float]]) -> dict[Collection, list[int]]:
    """Where to fetch the payloads of the best."""
    wanted: dict[Collection, list[int]] = defaultdict(list)
    for candidate, _ in best:
        collection, point = candidate.name
        wanted[collection].append(point)
    return wanted


def found_passages(
    best: Iterable[tuple[Candidate[Place], float]], payloads: Mapping[Collection, Mapping[int, Mapping[str, Any]]]
) -> Generator[Passage]:
    """Passages in the order given; one that was deleted since it was found is left out."""
    for candidate, score in best:
        collection, point = candidate.name
        payload = payloads[collection].get(point)
        if payload is not None:
            yield passage(collection, payload, candidate.similarity, score)
