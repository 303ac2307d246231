"""The measures of learning, one by one in Python: what the databases' sums are held against."""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection as Some
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date

from hybrid_coordinator.domain.interaction import AgentType, Interaction, OutcomeKind
from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.domain.learning import Learned, Stage
from hybrid_coordinator.domain.measures import Day, Served, Stored
from hybrid_coordinator.logic.scoring import credit_for

_NAMES = ("skill_name", "title", "error_message", "name")


def sum_days(
    interactions: Sequence[Interaction], learned: Iterable[Learned], reused: Some[str], high_value: float
) -> list[Day]:
    """By day, the earliest first; `reused` are the interactions that had something learned."""
    made = Counter(_day_of(item) for item in learned)
    days: dict[date, list[Interaction]] = {day: [] for day in made}
    for one in interactions:
        days.setdefault(_day_of(one), []).append(one)
    return [_day(day, days[day], made[day], reused, high_value) for day in sorted(days)]


def _day_of(one: Interaction | Learned) -> date:
    return one.created_at.astimezone(UTC).date()


def _day(day: date, ours: Sequence[Interaction], learned: int, reused: Some[str], high_value: float) -> Day:
    whole = [one for one in ours if _is_whole(one)]
    judged = [one for one in whole if one.outcome is not None]
    outcomes = [one.outcome for one in ours if one.outcome is not None]
    high = [one for one in ours if one.value is not None and one.value.total >= high_value]
    return Day(
        day,
        interactions=len(ours),
        answered=len(whole),
        local=sum(one.agent_type is AgentType.LOCAL for one in whole),
        grounded=sum(bool(one.context_provided) for one in whole),
        judged=len(judged),
        reused=sum(one.id in reused for one in judged),
        settled=len(outcomes),
        credit=sum(credit_for(outcome.kind) for outcome in outcomes),
        scored=sum(one.value is not None for one in ours),
        high_value=len(high),
        teachable=sum(map(_is_teachable, high)),
        tokens=sum(one.tokens_used for one in ours),
        remote_tokens=sum(one.tokens_used for one in ours if one.agent_type is AgentType.REMOTE),
        tokens_saved=sum(one.tokens_saved for one in ours),
        cost=sum(one.cost for one in ours),
        cost_saved=sum(one.cost_saved for one in ours),
        latency_ms=sum(one.latency_ms for one in whole),
        learned=learned,
    )


def _is_whole(one: Interaction) -> bool:
    return one.failure is None and one.parent_id is None and one.agent_type is not AgentType.CONTEXT_ONLY


def _is_teachable(one: Interaction) -> bool:
    return one.failure is None and one.outcome is not None and one.outcome.kind is OutcomeKind.SUCCESS


def count_bands(interactions: Iterable[Interaction], edges: Sequence[float]) -> list[int]:
    """How many values lie in each band."""
    counts = Counter(bisect_right(edges, one.value.total) for one in interactions if one.value is not None)
    return [counts[number] for number in range(len(edges) + 1)]


def sum_served(used: Iterable[tuple[Interaction, Mapping[str, float]]], learned: Mapping[str, Learned]) -> list[Served]:
    """By kind."""
    earned: dict[tuple[Collection | None, AgentType | None, AgentType], list[float]] = {}
    for interaction, credits in used:
        for passage_id, credit in credits.items():
            kind = (*_kind(learned.get(passage_id)), interaction.agent_type)
            earned.setdefault(kind, []).append(credit)
    return [Served(*kind, len(credits), sum(credits)) for kind, credits in earned.items()]


def _kind(item: Learned | None) -> tuple[Collection | None, AgentType | None]:
    return (item.draft.collection, _taught_by(item)) if item else (None, None)


def _taught_by(item: Learned) -> AgentType | None:
    said = item.draft.payload.get("agent_type")
    return next((agent for agent in (AgentType.LOCAL, AgentType.REMOTE) if agent == said), None)


def sum_stored(items: Mapping[str, Learned], dimension: int) -> list[Stored]:
    """By kind."""
    sizes: dict[tuple[Collection, Stage, AgentType | None], list[int]] = {}
    for item in items.values():
        kind = (item.draft.collection, item.stage, _taught_by(item))
        sizes.setdefault(kind, []).append(_size(item, dimension))
    return [Stored(*kind, len(some), sum(some)) for kind, some in sizes.items()]


def _size(item: Learned, dimension: int) -> int:
    draft = item.draft
    passage = _octets(draft.key, draft.text, _json(draft.payload))
    name = next((str(draft.payload[name]) for name in _NAMES if draft.payload.get(name)), "")
    rest = (item.id, name, draft.source, item.why, item.signature, item.strategy)
    record = passage + _octets(*rest, _json(item.learned_from), _json(item.rests_on))
    return record + (passage + 4 * dimension if item.served else 0)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _octets(*texts: str) -> int:
    return sum(len(text.encode()) for text in texts)
