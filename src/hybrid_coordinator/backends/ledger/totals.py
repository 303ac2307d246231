"""Sums over the interactions, made by the database."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Text, and_, case, func, select, true, type_coerce

from hybrid_coordinator.backends.ledger.tables import corrections, interactions
from hybrid_coordinator.domain.interaction import REJECTED_TAG, AgentType, CacheUse, Totals

_I = interactions.c
_REJECTED = type_coerce(_I.tags, Text).like(f'%"{REJECTED_TAG}"%')


def read_totals(connection: Connection, since: datetime | None, high_value: float) -> Totals:
    """Everything recorded since then, or ever. Means are over what has the figure."""
    spanned = true() if since is None else _I.created_at >= since
    sums = connection.execute(_sums(high_value).where(spanned)).one()._mapping
    return Totals(
        **{str(name): _plain(str(name), value) for name, value in sums.items()},
        settled=_counts(connection, _I.outcome, spanned),
        feedback=_counts(connection, _I.user_feedback, spanned),
        recalled=_counts(connection, _I.cache, and_(spanned, _I.cache != CacheUse.NONE.value)),
        corrections=_corrections(connection, since),
    )


def _sums(high_value: float) -> Select[tuple[int | float | None, ...]]:
    whole = and_(_I.failure.is_(None), _I.parent_id.is_(None))
    local = and_(whole, _I.agent_type == AgentType.LOCAL.value)
    remote = _I.agent_type == AgentType.REMOTE.value
    return select(
        func.count().label("interactions"),
        _how_many(local).label("local"),
        _how_many(and_(whole, remote)).label("remote"),
        _how_many(_I.agent_type == AgentType.CONTEXT_ONLY.value).label("context_only"),
        func.count(_I.failure).label("failed"),
        _how_many(_I.value_score >= high_value).label("high_value"),
        func.count(_I.value_score).label("scored"),
        func.avg(_I.value_score).label("mean_value"),
        func.avg(case((local, _I.relevance))).label("mean_relevance_local"),
        func.sum(_I.input_tokens).label("input_tokens"),
        func.sum(_I.output_tokens).label("output_tokens"),
        func.sum(case((remote, _I.tokens_used))).label("remote_tokens"),
        func.sum(_I.tokens_saved).label("tokens_saved"),
        func.sum(_I.cost).label("cost"),
        func.sum(_I.cost_saved).label("cost_saved"),
        func.avg(case((whole, _I.latency_ms))).label("mean_latency_ms"),
        _how_many(and_(_I.parent_id.is_not(None), _REJECTED)).label("escalations"),
        func.sum(_I.cache_read_tokens).label("cache_read_tokens"),
        func.sum(_I.cache_write_tokens).label("cache_write_tokens"),
    )


def _how_many(claim: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((claim, 1)))


def _plain(name: str, value: Any) -> Any:
    """What a database says of a sum (None over nothing) or a mean, in the type of the field."""
    if name.startswith("mean_"):
        return None if value is None else float(value)
    return int(value or 0)


def _counts(connection: Connection, column: ColumnElement[Any], spanned: ColumnElement[bool]) -> dict[Any, int]:
    counted = select(column, func.count()).where(and_(spanned, column.is_not(None))).group_by(column)
    return {row[0]: row[1] for row in connection.execute(counted)}


def _corrections(connection: Connection, since: datetime | None) -> int:
    spanned = true() if since is None else corrections.c.created_at >= since
    return connection.scalar(select(func.count()).select_from(corrections).where(spanned)) or 0
