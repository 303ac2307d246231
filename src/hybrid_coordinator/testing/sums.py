"""Sums over interactions, one by one in Python: what the databases' sums are held against."""

from collections import Counter
from collections.abc import Iterable, Sequence

from hybrid_coordinator.domain.interaction import (
    REJECTED_TAG,
    AgentType,
    CacheUse,
    Interaction,
    Totals,
)
from hybrid_coordinator.logic.auditing import ArmSums, RatioSums
from hybrid_coordinator.logic.scoring import credit_for


def total_up(interactions: Sequence[Interaction], high_value: float) -> Totals:
    """All but the corrections, which are no interactions."""
    whole = [one for one in interactions if one.failure is None and one.parent_id is None]
    agents = Counter(one.agent_type for one in whole)
    outcomes = [one.outcome for one in interactions if one.outcome is not None]
    values = [one.value.total for one in interactions if one.value is not None]
    at_home = [one for one in whole if one.agent_type is AgentType.LOCAL]
    return Totals(
        interactions=len(interactions),
        local=agents[AgentType.LOCAL],
        remote=agents[AgentType.REMOTE],
        context_only=sum(one.agent_type is AgentType.CONTEXT_ONLY for one in interactions),
        failed=sum(one.failure is not None for one in interactions),
        settled=Counter(outcome.kind.value for outcome in outcomes),
        feedback=Counter(outcome.user_feedback for outcome in outcomes if outcome.user_feedback is not None),
        high_value=sum(value >= high_value for value in values),
        scored=len(values),
        mean_value=_mean(values),
        mean_relevance_local=_mean(one.route.relevance for one in at_home if one.route is not None),
        input_tokens=sum(one.input_tokens for one in interactions),
        output_tokens=sum(one.output_tokens for one in interactions),
        remote_tokens=sum(one.tokens_used for one in interactions if one.agent_type is AgentType.REMOTE),
        tokens_saved=sum(one.tokens_saved for one in interactions),
        cost=sum(one.cost for one in interactions),
        cost_saved=sum(one.cost_saved for one in interactions),
        mean_latency_ms=_mean(one.latency_ms for one in whole),
        recalled=Counter(one.cache.value for one in interactions if one.cache is not CacheUse.NONE),
        escalations=sum(one.parent_id is not None and REJECTED_TAG in one.tags for one in interactions),
        cache_read_tokens=sum(one.cache_read_tokens for one in interactions),
        cache_write_tokens=sum(one.cache_write_tokens for one in interactions),
    )


def _mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return sum(listed) / len(listed) if listed else None


def sum_arm(interactions: Iterable[Interaction]) -> ArmSums:
    """The sums of one arm, by session."""
    costs: dict[str, list[tuple[float, float]]] = {}
    credits: dict[str, list[tuple[float, float]]] = {}
    for one in interactions:
        session = one.session_id or one.parent_id or one.id
        costs.setdefault(session, []).append((one.cost, one.parent_id is None))
        if one.outcome is not None:
            credits.setdefault(session, []).append((credit_for(one.outcome.kind), 1))
    return ArmSums(_ratio(costs.values()), _ratio(credits.values()))


def _ratio(sessions: Iterable[Sequence[tuple[float, float]]]) -> RatioSums:
    sums = [tuple(map(sum, zip(*session, strict=True))) for session in sessions]
    return RatioSums(
        sum(units > 0 for _, units in sums),
        sum(amount for amount, _ in sums),
        sum(units for _, units in sums),
        sum(amount * amount for amount, _ in sums),
        sum(units * units for _, units in sums),
        sum(amount * units for amount, units in sums),
    )
