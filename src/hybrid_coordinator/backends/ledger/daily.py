"""Sums by day, and how values are spread; made by the database."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    Select,
    and_,
    case,
    cast,
    exists,
    func,
    not_,
    select,
    true,
    type_coerce,
)

from hybrid_coordinator.backends.ledger.columns import Json
from hybrid_coordinator.backends.ledger.learning_tables import PRESENT, learned
from hybrid_coordinator.backends.ledger.spending import CREDIT
from hybrid_coordinator.backends.ledger.tables import credits, interactions
from hybrid_coordinator.domain.interaction import AgentType, OutcomeKind
from hybrid_coordinator.domain.measures import Day

_I = interactions.c
_WHOLE = and_(_I.failure.is_(None), _I.parent_id.is_(None), _I.agent_type != AgentType.CONTEXT_ONLY.value)


def read_days(connection: Connection, since: datetime | None, high_value: float) -> list[Day]:
    """Every day on which something was recorded or learned, the earliest first."""
    days: dict[Any, dict[str, Any]] = {}
    for query in (_sums(connection, since, high_value), _learned(connection, since)):
        for row in connection.execute(query):
            days.setdefault(row.day, {}).update(row._mapping)
    return [_day(sums) for _, sums in sorted(days.items())]


def read_spread(connection: Connection, edges: Sequence[float], since: datetime | None) -> list[int]:
    """How many values lie in each band between these edges; a value on an edge belongs to the band above."""
    band = case(*((_I.value_score < edge, number) for number, edge in enumerate(edges)), else_=len(edges))
    counted = select(band.label("band"), func.count()).where(_I.value_score.is_not(None), since_then(since))
    counts = {row[0]: row[1] for row in connection.execute(counted.group_by("band"))}
    return [counts.get(number, 0) for number in range(len(edges) + 1)]


def since_then(since: datetime | None) -> ColumnElement[bool]:
    """Interactions recorded since then (None: ever)."""
    return true() if since is None else _I.created_at >= since


def _sums(connection: Connection, since: datetime | None, high_value: float) -> Select[Any]:
    high = _I.value_score >= high_value
    judged = and_(_WHOLE, _I.outcome.is_not(None))
    return (
        select(
            _day_of(connection, _I.created_at).label("day"),
            func.count().label("interactions"),
            _how_many(_WHOLE).label("answered"),
            _how_many(and_(_WHOLE, _I.agent_type == AgentType.LOCAL.value)).label("local"),
            _how_many(and_(_WHOLE, _I.context_provided != type_coerce([], Json))).label("grounded"),
            _how_many(judged).label("judged"),
            _how_many(and_(judged, _had_learned())).label("reused"),
            func.count(_I.outcome).label("settled"),
            func.coalesce(func.sum(CREDIT), 0.0).label("credit"),
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
        .where(since_then(since))
        .group_by("day")
    )


def _had_learned() -> ColumnElement[bool]:
    """Whether an interaction had something learned for context, as far as credit was given: to those settled it was."""
    given = and_(credits.c.interaction_id == _I.id, not_(credits.c.withheld))
    return exists().where(given, learned.c.id == credits.c.passage_id, PRESENT).correlate(interactions)


def _learned(connection: Connection, since: datetime | None) -> Select[Any]:
    made = learned.c.created_at
    spanned = true() if since is None else made >= since
    counted = select(_day_of(connection, made).label("day"), func.count().label("learned"))
    return counted.where(PRESENT, spanned).group_by("day")


def _day_of(connection: Connection, moment: ColumnElement[datetime]) -> ColumnElement[Any]:
    """The day in UTC: as text on SQLite, which has no other."""
    if connection.dialect.name == "postgresql":
        return cast(func.timezone("UTC", moment), Date)
    return func.date(moment)


def _how_many(claim: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((claim, 1)))


def _day(sums: Mapping[str, Any]) -> Day:
    day = sums["day"]
    counts = {name: int(value) for name, value in sums.items() if name not in ("day", "credit")}
    credit = float(sums.get("credit", 0.0))
    return Day(day if isinstance(day, date) else date.fromisoformat(day), credit=credit, **counts)
