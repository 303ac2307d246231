"""How the answers of a model fared, one by one in Python: what the databases' sums are held against."""

from collections.abc import Iterable
from statistics import fmean

from hybrid_coordinator.domain.interaction import HUNG_UP, REJECTED_TAG, CacheUse, Interaction
from hybrid_coordinator.domain.learning import Arm
from hybrid_coordinator.domain.measures import Fared
from hybrid_coordinator.logic.gaps import SYNTHETIC
from hybrid_coordinator.logic.scoring import credit_for


def sum_fared(answers: Iterable[Interaction]) -> Fared:
    """Of one model."""
    counted = [one for one in answers if _is_counted(one)]
    waits = [one.first_token_ms for one in counted if one.first_token_ms is not None]
    return Fared(
        _arm(counted),
        interactions=len(counted),
        rejected=sum(REJECTED_TAG in one.tags for one in counted),
        failed=sum(_is_broken_off(one) and REJECTED_TAG not in one.tags for one in counted),
        first_token_ms=fmean(waits) if waits else None,
    )


def _is_counted(one: Interaction) -> bool:
    practice = SYNTHETIC in one.tags or one.channel == SYNTHETIC
    reported = one.channel == "track" or one.channel.startswith("telemetry:")
    return not practice and not reported and one.cache is CacheUse.NONE


def _is_broken_off(one: Interaction) -> bool:
    return one.failure is not None and one.failure != HUNG_UP


def _arm(counted: Iterable[Interaction]) -> Arm:
    sessions: dict[str, list[float]] = {}
    for one in counted:
        credit = _credit(one)
        if credit is not None:
            sessions.setdefault(one.session_id or one.id, []).append(credit)
    means = [fmean(credits) for credits in sessions.values()]
    return Arm(len(means), sum(means), sum(mean * mean for mean in means), len(means))


def _credit(one: Interaction) -> float | None:
    if REJECTED_TAG in one.tags or _is_broken_off(one):
        return 0.0
    if one.outcome is None:
        return None
    return 0.0 if one.outcome.user_feedback == -1 else credit_for(one.outcome.kind)
