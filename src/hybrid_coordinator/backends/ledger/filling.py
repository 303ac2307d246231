"""Filling in what an older release did not write down of its interactions."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hybrid_coordinator.backends.ledger.rows import tag_key
from hybrid_coordinator.backends.ledger.tables import SESSION, credits, interactions, tags
from hybrid_coordinator.logic.question_key import question_key

BATCH = 2_000
SPEAKS_FROM = 50_000
"""From so many interactions on it takes seconds, and says so."""

logger = logging.getLogger(__name__)

_I = interactions.c


def fill_in(connection: Connection) -> None:
    """Give every interaction its question's key, lead to it from its tags, and name its session where it has credit."""
    waiting = connection.scalar(select(func.count()).select_from(interactions)) or 0
    if waiting >= SPEAKS_FROM:
        logger.info("bringing %d interactions to the new form; this happens once", waiting)
    connection.execute(_SET_SESSION).close()
    for rows in _batches(connection):
        keys = [{"filled": row.place, "question_key": question_key(row.query)} for row in rows]
        connection.execute(_SET_KEY, keys).close()
        tagged = [{"tag": key, "place": row.place} for row in rows for key in dict.fromkeys(map(tag_key, row.tags))]
        if tagged:
            connection.execute(_ADD_TAG[connection.dialect.name], tagged).close()


def _batches(connection: Connection) -> Iterator[Sequence[Row[Any]]]:
    place = 0
    query: Select[Any] = select(_I.place, _I.query, _I.tags).order_by(_I.place).limit(BATCH)
    while rows := connection.execute(query.where(_I.place > place)).all():
        yield rows
        place = rows[-1].place


_SET_SESSION = update(credits).values(
    session=select(SESSION).where(_I.id == credits.c.interaction_id).scalar_subquery()
)
_SET_KEY = update(interactions).where(_I.place == bindparam("filled")).values(question_key=bindparam("question_key"))
_ADD_TAG = {
    "sqlite": sqlite.insert(tags).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(tags).on_conflict_do_nothing(),
}
