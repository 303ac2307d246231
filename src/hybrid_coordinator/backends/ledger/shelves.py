"""What was learned by kind: how much of it there is, and how it fares; added up by the database."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Select,
    Text,
    and_,
    case,
    cast,
    func,
    not_,
    select,
    type_coerce,
)

from hybrid_coordinator.backends.ledger.daily import since_then
from hybrid_coordinator.backends.ledger.learning_tables import PRESENT, learned
from hybrid_coordinator.backends.ledger.tables import credits, interactions
from hybrid_coordinator.domain.interaction import AgentType
from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.domain.learning import SERVED, Stage
from hybrid_coordinator.domain.measures import Served, Stored

_I = interactions.c
_L = learned.c
_RECORD = [column for column in _L if column.name in ("name", "key", "text", "payload", "source", "why", "signature")]
_RECORD += [column for column in _L if column.name in ("id", "learned_from", "rests_on", "strategy")]
_PASSAGE = (_L.key, _L.text, _L.payload)
_VECTOR_BYTES = 4
"""A number of a vector, as the collections keep it."""


def _taught_by() -> ColumnElement[str | None]:
    """Who gave the answer that an item was learned from, as its payload says."""
    payload = type_coerce(_L.payload, Text)
    return case(
        *(
            (payload.contains(f'"agent_type":"{agent.value}"', autoescape=True), agent.value)
            for agent in (AgentType.LOCAL, AgentType.REMOTE)
        )
    )


def read_stored(connection: Connection, dimension: int) -> list[Stored]:
    """Every kind that there is something of, in no order."""
    served = _L.stage.in_([stage.value for stage in SERVED])
    copy = case((served, _octets(connection, *_PASSAGE) + _VECTOR_BYTES * dimension), else_=0)
    rows = connection.execute(
        select(
            _L.collection,
            _L.stage,
            _taught_by().label("taught_by"),
            func.count(),
            func.sum(_octets(connection, *_RECORD) + copy),
        )
        .where(PRESENT)
        .group_by(_L.collection, _L.stage, "taught_by")
    )
    return [
        Stored(Collection(collection), Stage(stage), AgentType(taught_by) if taught_by else None, items, int(octets))
        for collection, stage, taught_by, items, octets in rows
    ]


def read_served(connection: Connection, since: datetime | None) -> list[Served]:
    """Every kind that was used, in no order."""
    return [
        Served(
            Collection(collection) if collection else None,
            AgentType(taught_by) if taught_by else None,
            AgentType(answered_by),
            uses,
            credit,
        )
        for collection, taught_by, answered_by, uses, credit in connection.execute(_fared(since))
    ]


def _fared(since: datetime | None) -> Select[Any]:
    """The joins are outer ones, so that SQLite begins with the few interactions and not with all credits."""
    uses = func.count(credits.c.passage_id)
    return (
        select(_L.collection, _taught_by().label("taught_by"), _I.agent_type, uses, func.sum(credits.c.credit))
        .outerjoin_from(interactions, credits, and_(credits.c.interaction_id == _I.id, not_(credits.c.withheld)))
        .outerjoin(learned, and_(_L.id == credits.c.passage_id, PRESENT))
        .where(_I.outcome.is_not(None), since_then(since))
        .group_by(_L.collection, "taught_by", _I.agent_type)
        .having(uses > 0)
    )


def _octets(connection: Connection, *columns: ColumnElement[Any]) -> ColumnElement[int]:
    """The bytes that texts take in UTF-8."""
    if connection.dialect.name == "postgresql":
        sizes = [func.octet_length(type_coerce(column, Text)) for column in columns]
    else:
        sizes = [func.length(cast(column, LargeBinary)) for column in columns]
    return sum(sizes[1:], start=sizes[0])
