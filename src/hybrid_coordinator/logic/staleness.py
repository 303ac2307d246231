"""When something learned speaks of code that is no longer there.

A passage of a file is named after its content, so one that is gone means that the code it showed has changed.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime

from hybrid_coordinator.domain.learning import Learned, Stage


@dataclass(frozen=True, slots=True)
class StalenessPolicy:
    """Which share of what it rests on may be gone before something is stale."""

    tolerated_share: float = 0.0


def gone_from_under(item: Learned, indexed: Set[str], learned: Mapping[str, Learned]) -> tuple[str, ...]:
    """The passages it rests on that are gone: neither `indexed` nor `learned`, or learned and itself stale."""
    return tuple(
        passage_id
        for passage_id in item.rests_on
        if (passage_id not in indexed and passage_id not in learned)
        or (passage_id in learned and learned[passage_id].stage is Stage.STALE)
    )


def is_stale(item: Learned, gone: tuple[str, ...], policy: StalenessPolicy) -> bool:
    """Whether more of what it rests on is gone than is tolerated."""
    return len(gone) > policy.tolerated_share * len(item.rests_on)


def age_out(item: Learned, gone: tuple[str, ...], at: datetime) -> Learned:
    """The item out of service, with the reason."""
    why = f"{len(gone)} of the {len(item.rests_on)} passages it rests on changed or vanished: {', '.join(gone[:3])}"
    return replace(item, stage=Stage.STALE, why=why, changed_at=at)
