"""Rows of the tables to values of the domain and back. Both ways are exact."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import Row

from hybrid_coordinator.domain.interaction import (
    AgentType,
    CacheUse,
    Correction,
    Interaction,
    Outcome,
    OutcomeKind,
    PreferencePair,
    ValueScore,
)
from hybrid_coordinator.domain.knowledge import Source
from hybrid_coordinator.domain.query import Profile, Speciality
from hybrid_coordinator.domain.route import Route, Target
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.logic.question_key import question_key
from hybrid_coordinator.ports import EvidenceRecord

Values = dict[str, Any]
"""What a row holds, by column."""

LONGEST_TAG = 64

_PLAIN = (
    "id",
    "created_at",
    "query",
    "response",
    "model_used",
    "session_id",
    "parent_id",
    "input_tokens",
    "output_tokens",
    "tokens_used",
    "latency_ms",
    "first_token_ms",
    "cost",
    "tokens_saved",
    "cost_saved",
    "failure",
    "settled_at",
    "asker",
    "cache_read_tokens",
    "cache_write_tokens",
    "holdout",
    "channel",
)
"""Fields of an interaction that are columns as they stand."""

_UNROUTED: Values = dict.fromkeys(
    ("target", "attempts", "route_reason", "confidence", "relevance", "complexity", "speciality", "profile")
)
_UNSETTLED: Values = dict.fromkeys(("outcome", "user_feedback", "iterations", "copied", "modified"))
_UNSCORED: Values = dict.fromkeys(("value_score", "value_parts", "value_weights"))


def interaction_values(interaction: Interaction) -> Values:
    """One row of the interactions: every column, so that rows of different interactions go into one statement."""
    return {
        **{name: getattr(interaction, name) for name in _PLAIN},
        "agent_type": interaction.agent_type.value,
        "cache": interaction.cache.value,
        "origin": interaction.origin.value,
        "context_provided": interaction.context_provided,
        "similarities": interaction.similarities,
        "withheld": interaction.withheld,
        "tags": interaction.tags,
        "question_key": question_key(interaction.query),
        **_route_values(interaction.route),
        **_outcome_values(interaction.outcome),
        **value_values(interaction.value),
    }


def tag_values(interaction: Interaction) -> list[Values]:
    """What leads from each tag to the interaction, when that is the one which was kept under its id."""
    keys = dict.fromkeys(map(tag_key, interaction.tags))
    return [{"kept_tag": key, "kept_id": interaction.id, "kept_tags": interaction.tags} for key in keys]


def tag_key(tag: str) -> str:
    """What stands for a tag in the table of tags: itself, or for one that no index holds, its hash."""
    if len(tag) <= LONGEST_TAG:
        return tag
    return blake2b(tag.encode("utf-8", "surrogatepass"), digest_size=32).hexdigest()


def settlement_values(outcome: Outcome | None, value: ValueScore | None, at: datetime | None) -> Values:
    """The columns that settling writes."""
    return {**_outcome_values(outcome), **value_values(value), "settled_at": at}


def _route_values(route: Route | None) -> Values:
    if route is None:
        return _UNROUTED
    return {
        "target": route.target.value,
        "attempts": route.attempts,
        "route_reason": route.reason,
        "confidence": route.confidence,
        "relevance": route.relevance,
        "complexity": route.complexity,
        "speciality": route.speciality.value,
        "profile": route.profile.value,
    }


def _outcome_values(outcome: Outcome | None) -> Values:
    if outcome is None:
        return _UNSETTLED
    return {
        "outcome": outcome.kind.value,
        "user_feedback": outcome.user_feedback,
        "iterations": outcome.iterations,
        "copied": outcome.copied,
        "modified": outcome.modified,
    }


def value_values(value: ValueScore | None) -> Values:
    """The columns of a value."""
    if value is None:
        return _UNSCORED
    return {
        "value_score": value.total,
        "value_parts": dict(value.parts),
        "value_weights": dict(value.weights),
    }


def correction_values(correction: Correction) -> Values:
    """One row of the corrections."""
    return {**asdict(correction), "origin": correction.origin.value}


def preference_values(pair: PreferencePair) -> Values:
    """One row of the preferences."""
    return asdict(pair)


def source_values(source: Source) -> Values:
    """One row of the sources."""
    return asdict(source)


def to_interaction(row: Row[Any]) -> Interaction:
    """An interaction from a whole row."""
    values = row._mapping
    return Interaction(
        **{name: values[name] for name in _PLAIN},
        agent_type=AgentType(row.agent_type),
        cache=CacheUse(row.cache),
        origin=Origin(row.origin),
        context_provided=tuple(row.context_provided),
        similarities=tuple(row.similarities),
        withheld=tuple(row.withheld),
        tags=tuple(row.tags),
        route=_route(values),
        outcome=_outcome(values),
        value=_value(values),
    )


def _route(values: Mapping[Any, Any]) -> Route | None:
    if values["target"] is None:
        return None
    return Route(
        target=Target(values["target"]),
        attempts=tuple(values["attempts"]),
        reason=values["route_reason"],
        confidence=values["confidence"],
        relevance=values["relevance"],
        complexity=values["complexity"],
        speciality=Speciality(values["speciality"]),
        profile=Profile(values["profile"]),
    )


def _outcome(values: Mapping[Any, Any]) -> Outcome | None:
    if values["outcome"] is None:
        return None
    return Outcome(
        kind=OutcomeKind(values["outcome"]),
        user_feedback=values["user_feedback"],
        iterations=values["iterations"],
        copied=values["copied"],
        modified=values["modified"],
    )


def _value(values: Mapping[Any, Any]) -> ValueScore | None:
    if values["value_score"] is None:
        return None
    return ValueScore(values["value_score"], values["value_parts"], values["value_weights"])


def to_correction(row: Row[Any]) -> Correction:
    """A correction from a whole row."""
    return Correction(
        id=row.id,
        created_at=row.created_at,
        query=row.query,
        correction=row.correction,
        rating=row.rating,
        interaction_id=row.interaction_id,
        tags=tuple(row.tags),
        origin=Origin(row.origin),
    )


def to_preference(row: Row[Any]) -> PreferencePair:
    """A pair from a whole row."""
    return PreferencePair(**{field.name: row._mapping[field.name] for field in fields(PreferencePair)})


def to_evidence(row: Row[Any]) -> EvidenceRecord:
    """An interaction's whole row with its features."""
    return EvidenceRecord(to_interaction(row), row.features)


def to_source(row: Row[Any]) -> Source:
    """A source from a whole row."""
    return Source(row.root, row.path, row.content_hash, tuple(row.passage_ids))
