"""The chain of a log of changes: each entry's hash covers the entry before, so that none can be altered unseen."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from hybrid_coordinator.backends.ledger.canonical import canonical, write_time
from hybrid_coordinator.backends.ledger.rows import Values

_HASHED = ("place", "item_id", "action", "actor", "why", "before", "after", "previous_hash")
"""Columns that the hash covers as they stand; the time comes in one form, whatever the database makes of it."""


def chain_end(connection: Connection, log: Table) -> tuple[int, str]:
    """The place and the hash of the last entry of a log; 0 and "" where there is none."""
    query = select(log.c.place, log.c.hash).order_by(log.c.place.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return (row.place, row.hash) if row else (0, "")


def link(entries: Iterable[Values], at: datetime, place: int, previous_hash: str) -> Iterator[Values]:
    """The rows of these entries (what changed, how, by whom and why), as they follow the one at this place."""
    for number, entry in enumerate(entries, start=place + 1):
        row: Values = {"place": number, "at": at, **entry, "previous_hash": previous_hash}
        previous_hash = hash_of(row)
        yield {**row, "hash": previous_hash}


def hash_of(row: Values) -> str:
    """What the hash of an entry has to be: SHA-256 over its canonical JSON, hexadecimal."""
    return sha256(canonical([write_time(row["at"]), *(row[name] for name in _HASHED)])).hexdigest()


def first_broken(rows: Iterable[Row[Any]], place: int, previous_hash: str) -> int | None:
    """The place of the first entry that does not follow from the one before; None when all do."""
    for row in rows:
        values = dict(row._mapping)
        follows = row.place == place + 1 and row.previous_hash == previous_hash
        if not follows or row.hash != hash_of(values):
            return int(row.place)
        place, previous_hash = row.place, row.hash
    return None
