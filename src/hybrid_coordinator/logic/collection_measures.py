"""What was learned, by the collection it is served from, and across those who taught it and answered with it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.interaction import AgentType
from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.domain.learning import Stage
from hybrid_coordinator.domain.measures import Served, Stored


@dataclass(frozen=True, slots=True)
class Shelf:
    """A collection: the passages it holds, the learned things made for it by stage, their bytes, and how they fared."""

    collection: Collection
    passages: int
    stages: Mapping[Stage, int]
    bytes: int
    uses: int
    credit: float

    @property
    def mean_credit(self) -> float | None:
        """Of settled interactions that had something learned from here; None of nothing."""
        return self.credit / self.uses if self.uses else None


@dataclass(frozen=True, slots=True)
class Crossing:
    """What one kind of agent taught another: the things learned, and how they fared with the other."""

    taught_by: AgentType
    answered_by: AgentType
    items: int
    uses: int
    credit: float

    @property
    def mean_credit(self) -> float | None:
        """None of nothing."""
        return self.credit / self.uses if self.uses else None


def by_collection(
    passages: Mapping[Collection, int], stored: Sequence[Stored], served: Sequence[Served]
) -> tuple[Shelf, ...]:
    """Every collection that `passages` has, in that order."""
    return tuple(
        _shelf(
            collection,
            count,
            [kind for kind in stored if kind.collection is collection],
            [kind for kind in served if kind.collection is collection],
        )
        for collection, count in passages.items()
    )


def _shelf(collection: Collection, passages: int, stored: Sequence[Stored], served: Sequence[Served]) -> Shelf:
    stages = {stage: sum(kind.items for kind in stored if kind.stage is stage) for stage in Stage}
    return Shelf(
        collection,
        passages,
        {stage: items for stage, items in stages.items() if items},
        sum(kind.bytes for kind in stored),
        *_fared(served),
    )


def crossing(stored: Sequence[Stored], served: Sequence[Served], teacher: AgentType, pupil: AgentType) -> Crossing:
    """What the one taught the other."""
    fared = _fared(kind for kind in served if kind.taught_by is teacher and kind.answered_by is pupil)
    return Crossing(teacher, pupil, sum(kind.items for kind in stored if kind.taught_by is teacher), *fared)


def _fared(served: Iterable[Served]) -> tuple[int, float]:
    kinds = list(served)
    return sum(kind.uses for kind in kinds), sum(kind.credit for kind in kinds)


def credit_of_documents(served: Sequence[Served]) -> float | None:
    """The mean credit of what was not learned, to compare with; None of nothing."""
    uses, credit = _fared(kind for kind in served if kind.collection is None)
    return credit / uses if uses else None
