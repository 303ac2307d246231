"""Rows of the tables to values of the domain and back. Both ways are exact."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from hybrid_coordinator.domain.interaction import AgentType, Correction, Interaction, Outcome, OutcomeKind, ValueScore
from hybrid_coordinator.domain.knowledge import Source
from hybrid_coordinator.domain.query import Profile, Speciality
from hybrid_coordinator.domain.route import Route, Target

Values = dict[str, Any]
"""What a row holds, by column."""

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
)
"""Fields of an interaction that are columns as they stand."""


def interaction_values(interaction: Interaction) -> Values:
    """One row of the interactions."""
    return {
        **{name: getattr(interaction, name) for name in _PLAIN},
        "agent_type": interaction.agent_type.value,
        "context_provided": interaction.context_provided,
        "tags": interaction.tags,
        **_route_values(interaction.route),
        **_outcome_values(interaction.outcome),
        **_value_values(interaction.value),
    }


def settlement_values(outcome: Outcome, value: ValueScore, at: datetime) -> Values:
    """The columns that settling writes."""
    return {**_outcome_values(outcome), **_value_values(value), "settled_at": at}


def _route_values(route: Route | None) -> Values:
    if route is None:
        return {}
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
        return {}
    values = asdict(outcome)
    return {"outcome": values.pop("kind").value, **values}


def _value_values(value: ValueScore | None) -> Values:
    if value is None:
        return {}
    return {
        "value_score": value.total,
        "value_parts": dict(value.parts),
        "value_weights": dict(value.weights),
    }


def correction_values(correction: Correction) -> Values:
    """One row of the corrections."""
    return asdict(correction)


def source_values(source: Source) -> Values:
    """One row of the sources."""
    return asdict(source)


def to_interaction(row: Row[Any]) -> Interaction:
    """An interaction from a whole row."""
    values = row._mapping
    return Interaction(
        **{name: values[name] for name in _PLAIN},
        agent_type=AgentType(row.agent_type),
        context_provided=tuple(row.context_provided),
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
    )


def to_source(row: Row[Any]) -> Source:
    """A source from a whole row."""
    return Source(row.root, row.path, row.content_hash, tuple(row.passage_ids))
