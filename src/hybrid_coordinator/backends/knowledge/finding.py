"""From the best points of a search to passages."""

from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping
from typing import Any

from hybrid_coordinator.backends.knowledge.payloads import passage
from hybrid_coordinator.domain.knowledge import Collection, Passage
from hybrid_coordinator.logic.fusion import Found


def places(best: Iterable[Found]) -> dict[Collection, list[int]]:
    """Where to fetch the payloads of the best."""
    wanted: dict[Collection, list[int]] = defaultdict(list)
    for found in best:
        wanted[found.collection].append(found.point)
    return wanted


def found_passages(
    best: Iterable[Found], payloads: Mapping[Collection, Mapping[int, Mapping[str, Any]]]
) -> Generator[Passage]:
    """Passages in the order given; one that was deleted since it was found is left out."""
    for found in best:
        payload = payloads[found.collection].get(found.point)
        if payload is not None:
            yield passage(found.collection, payload, found.similarity, found.score)
