"""How what nobody uses fades.

    freshness = 0.5 ^ (idle days / half-life)

A day is idle when nothing retrieved the item. What has proven itself fades more slowly.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from hybrid_coordinator.domain.learning import Learned, Stage

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class DecayPolicy:
    """Days without use until something is worth half, and until it is archived; longer for what is proven."""

    half_life_days: float = 30.0
    archive_after_days: float = 90.0
    proven_half_life_days: float = 180.0
    archive_proven_after_days: float = 365.0


def freshness(item: Learned, used_at: datetime | None, now: datetime, policy: DecayPolicy) -> float:
    """What an item is worth beside an equal one that was used just now, in (0, 1]."""
    proven = item.stage is Stage.PROVEN
    half_life = policy.proven_half_life_days if proven else policy.half_life_days
    return float(0.5 ** (idle_days(item, used_at, now) / half_life))


def idle_days(item: Learned, used_at: datetime | None, now: datetime) -> float:
    """Days since it was made, changed or used, whichever came last; 0 when that is still to come by this clock."""
    last = max(item.created_at, item.changed_at, used_at or item.created_at)
    return max(0.0, (now - last).total_seconds() / DAY_S)


def has_faded(item: Learned, used_at: datetime | None, now: datetime, policy: DecayPolicy) -> bool:
    """Whether it has gone without use for so long that it belongs into the archive."""
    proven = item.stage is Stage.PROVEN
    limit = policy.archive_proven_after_days if proven else policy.archive_after_days
    return idle_days(item, used_at, now) >= limit


def archive(item: Learned, used_at: datetime | None, now: datetime) -> Learned:
    """The item out of service, with the reason."""
    days = idle_days(item, used_at, now)
    return replace(item, stage=Stage.ARCHIVED, why=f"not used for {days:.0f} days", changed_at=now)
