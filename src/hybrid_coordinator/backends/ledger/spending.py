"""What was spent, by whom, and on which of the two ways; added up by the database."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Double, Row, and_, case, cast, func, select, true

from hybrid_coordinator.backends.ledger.tables import interactions
from hybrid_coordinator.domain.interaction import AgentType, OutcomeKind, Spending
from hybrid_coordinator.logic.auditing import ArmSums, RatioSums

_I = interactions.c

_ROUTED = and_(_I.agent_type != AgentType.CONTEXT_ONLY.value, _I.target.is_not(None))
"""What was answered elsewhere and reported, or passed on as it was, has no route."""

CREDIT = case(
    (_I.outcome == OutcomeKind.SUCCESS.value, 1.0),
    (_I.outcome == OutcomeKind.PARTIAL.value, 0.5),
    (_I.outcome == OutcomeKind.FAILURE.value, 0.0),
)


def read_spent(connection: Connection, since: datetime) -> dict[str, Spending]:
    """By asker."""
    remote_tokens = case((_I.agent_type == AgentType.REMOTE.value, _I.tokens_used), else_=0)
    sums = select(_I.asker, func.sum(_I.cost), func.sum(remote_tokens)).where(_I.created_at >= since)
    rows = connection.execute(sums.group_by(_I.asker))
    return {asker: Spending(int(cost), int(tokens)) for asker, cost, tokens in rows}


def read_arms(connection: Connection, since: datetime | None) -> Mapping[bool, ArmSums]:
    """By whether it was held out."""
    cluster = func.coalesce(func.nullif(_I.session_id, ""), _I.parent_id, _I.id)
    sessions = (
        select(
            _I.holdout.label("holdout"),
            cast(func.sum(_I.cost), Double).label("cost"),
            cast(func.count(case((_I.parent_id.is_(None), 1))), Double).label("questions"),
            cast(func.coalesce(func.sum(CREDIT), 0.0), Double).label("credit"),
            cast(func.count(_I.outcome), Double).label("judged"),
        )
        .where(and_(_ROUTED, true() if since is None else _I.created_at >= since))
        .group_by(_I.holdout, cluster)
        .subquery()
    ).c
    arms = select(
        sessions.holdout,
        *_sums(sessions.cost, sessions.questions),
        *_sums(sessions.credit, sessions.judged),
    ).group_by(sessions.holdout)
    return {row[0]: ArmSums(_ratio(row, 1), _ratio(row, 7)) for row in connection.execute(arms)}


def _sums(amount: ColumnElement[float], units: ColumnElement[float]) -> tuple[ColumnElement[Any], ...]:
    """The fields of RatioSums, in order."""
    return (
        func.count(case((units > 0, 1))),
        func.sum(amount),
        func.sum(units),
        func.sum(amount * amount),
        func.sum(units * units),
        func.sum(amount * units),
    )


def _ratio(row: Row[Any], first: int) -> RatioSums:
    return RatioSums(*row[first : first + 6])
