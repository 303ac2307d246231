"""The chain of the change log: each entry's hash covers the entry before, so that none can be altered unseen."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Row

from hybrid_coordinator.backends.ledger.canonical import canonical, write_time
from hybrid_coordinator.backends.ledger.learned_rows import from_json, to_json
from hybrid_coordinator.backends.ledger.rows import Values
from hybrid_coordinator.domain.learning import Change, LoggedChange

_HASHED = ("place", "item_id", "action", "actor", "why", "before", "after", "previous_hash")
"""Columns that the hash covers as they stand; the time comes in one form, whatever the database makes of it."""


def change_rows(changes: Sequence[Change], at: datetime, place: int, previous_hash: str) -> Iterator[Values]:
    """The rows that follow the entry at this place with this hash (0 and "" at first)."""
    for number, change in enumerate(changes, start=place + 1):
        row: Values = {
            "place": number,
            "at": at,
            "item_id": change.item_id,
            "action": change.action,
            "actor": change.actor,
            "why": change.why,
            "before": to_json(change.before),
            "after": to_json(change.after),
            "previous_hash": previous_hash,
        }
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


def to_logged(row: Row[Any]) -> LoggedChange:
    """An entry from a whole row."""
    before, after = from_json(row.before), from_json(row.after)
    change = Change(row.item_id, row.action, before, after, row.actor, row.why)
    return LoggedChange(row.place, row.at, change, row.previous_hash, row.hash)
