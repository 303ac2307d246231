"""Sums by day, and how values are spread; made by the database."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Date, Select, and_, case, cast, func, select, true, type_coerce

from hybrid_coordinator.backends.ledger.columns import Json
from hybrid_coordinator.backends.ledger.learning_tables import learned
from hybrid_coordinator.backends.ledger.tables import credits, interactions
from hybrid_coordinator.domain.interaction import AgentType, OutcomeKind
from hybrid_coordinator.domain.measures import Day

_I = interactions.c
_WHOLE = and_(_I.failure.is_(None), _I.parent_id.is_(None), _I.agent_type != AgentType.CONTEXT_ONLY.value)
_CREDIT = case((_I.outcome == OutcomeKind.SUCCESS.value, 1.0), (_I.outcome == OutcomeKind.PARTIAL.value, 0.5), else_=0)


def read_days(connection: Connection, since: datetime | None, high_value: float) -> list[Day]:
    """Every day on which something was recorded or learned, the earliest first."""
    days = {row.day: dict(row._mapping) for row in connection.execute(_sums(connection, since, high_value))}
    for name, query in (("reused", _reused(connection, since)), ("learned", _learned(connection, since))):
        for day, count in connection.execute(query):
            days.setdefault(day, {"day": day})[name] = count
    return [_day(sums) for _, sums in sorted(days.items())]


def read_spread(connection: Connection, edges: Sequence[float], since: datetime | None) -> list[int]:
    """How many values lie in each band between these edges; a value on an edge belongs to the band above."""
    band = func.coalesce(*(case((_I.value_score < edge, number)) for number, edge in enumerate(edges)), len(edges))
    counted = select(band, func.count()).where(_I.value_score.is_not(None), _spanned(_I.created_at, since))
    counts = {row[0]: row[1] for row in connection.execute(counted.group_by(band))}
    return [counts.get(number, 0) for number in range(len(edges) + 1)]


def _sums(connection: Connection, since: datetime | None, high_value: float) -> Select[Any]:
    high = _I.value_score >= high_value
    return (
        select(
            _day_of(connection, _I.created_at).label("day"),
            func.count().label("interactions"),
            _how_many(_WHOLE).label("answered"),
            _how_many(and_(_WHOLE, _I.agent_type == AgentType.LOCAL.value)).label("local"),
            _how_many(and_(_WHOLE, _I.context_provided != type_coerce([], Json))).label("grounded"),
            func.count(_I.outcome).label("settled"),
            func.sum(_CREDIT).label("credit"),
            func.count(_I.value_score).label("scored"),
            _how_many(high).label("high_value"),
            _how_many(and_(high, _I.outcome == OutcomeKind.SUCCESS.value, _I.failure.is_(None))).label("teachable"),
            func.sum(_I.tokens_used).label("tokens"),
            func.sum(case((_I.agent_type == AgentType.REMOTE.value, _I.tokens_used), else_=0)).label("remote_tokens"),
            func.sum(_I.tokens_saved).label("tokens_saved"),
            func.sum(_I.cost).label("cost"),
            func.sum(_I.cost_saved).label("cost_saved"),
            func.sum(case((_WHOLE, _I.latency_ms), else_=0)).label("latency_ms"),
        )
        .where(_spanned(_I.created_at, since))
        .group_by("day")
    )


def _reused(connection: Connection, since: datetime | None) -> Select[Any]:
    """Whole answers that had something learned for context, of those whose outcome is known."""
    day = _day_of(connection, _I.created_at).label("day")
    return (
        select(day, func.count(_I.id.distinct()))
        .join_from(learned, credits, credits.c.passage_id == learned.c.id)
        .join(interactions, _I.id == credits.c.interaction_id)
        .where(~credits.c.withheld, _WHOLE, _spanned(_I.created_at, since))
        .group_by(day)
    )


def _learned(connection: Connection, since: datetime | None) -> Select[Any]:
    day = _day_of(connection, learned.c.created_at).label("day")
    return select(day, func.count()).where(_spanned(learned.c.created_at, since)).group_by(day)


def _day_of(connection: Connection, moment: ColumnElement[datetime]) -> ColumnElement[Any]:
    """The day in UTC: as text on SQLite, which has no other."""
    if connection.dialect.name == "postgresql":
        return cast(func.timezone("UTC", moment), Date)
    return func.date(moment)


def _spanned(column: ColumnElement[datetime], since: datetime | None) -> ColumnElement[bool]:
    return true() if since is None else column >= since


def _how_many(claim: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((claim, 1)))


def _day(sums: dict[str, Any]) -> Day:
    day = sums.pop("day")
    counted = {name: float(value or 0) if name == "credit" else int(value or 0) for name, value in sums.items()}
    return Day(day if isinstance(day, date) else date.fromisoformat(day), **counted)  # type: ignore[arg-type]
