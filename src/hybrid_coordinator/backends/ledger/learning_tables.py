"""The tables of what was learned, of the daemon and of the events."""

from sqlalchemy import BigInteger, Boolean, Column, Double, Identity, Index, Integer, Table, Text, false, true

from hybrid_coordinator.backends.ledger.columns import AnyInteger, AnyText, Json, UtcTime
from hybrid_coordinator.backends.ledger.tables import metadata

_Count = BigInteger().with_variant(Integer, "sqlite")

learned = Table(
    "learned_records",
    metadata,
    Column("place", _Count, Identity(), primary_key=True),
    Column("id", AnyText, nullable=False, unique=True),
    Column("stage", Text, nullable=False),
    # the draft: its id is the item's
    Column("collection", Text, nullable=False),
    Column("name", AnyText, nullable=False),
    Column("key", AnyText, nullable=False),
    Column("text", AnyText, nullable=False),
    Column("payload", Json, nullable=False),
    Column("source", AnyText, nullable=False),
    Column("origin", Text, nullable=False),
    Column("learned_from", Json, nullable=False),
    Column("rests_on", Json, nullable=False),
    Column("strategy", AnyText, nullable=False),
    Column("signature", AnyText, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Column("replaced_by", AnyText),
    Column("why", AnyText, nullable=False),
    # what the log last said of it, and whether the collections show that
    Column("changed_place", _Count, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("published", Boolean, nullable=False),
    Index("learned_by_stage", "stage", "deleted"),
    Index("learned_by_signature", "signature", postgresql_using="hash"),  # which takes a text of any length
)

PRESENT = learned.c.deleted == false()
UNPUBLISHED = learned.c.published == false()
Index("learned_unpublished", learned.c.changed_place, sqlite_where=UNPUBLISHED, postgresql_where=UNPUBLISHED)

lineage = Table(
    "lineage_records",
    metadata,
    Column("source_id", AnyText, primary_key=True),
    Column("item_id", AnyText, primary_key=True),
    Index("lineage_by_item", "item_id"),
    sqlite_with_rowid=False,
)


def change_log(name: str, index: str) -> Table:
    """A log to which is only added, each entry with the hash of the one before it."""
    return Table(
        name,
        metadata,
        Column("place", _Count, primary_key=True, autoincrement=False),
        Column("at", UtcTime, nullable=False),
        Column("item_id", AnyText, nullable=False),
        Column("action", AnyText, nullable=False),
        Column("actor", AnyText, nullable=False),
        Column("why", AnyText, nullable=False),
        Column("before", Json),
        Column("after", Json),
        Column("previous_hash", Text, nullable=False),
        Column("hash", Text, nullable=False),
        Index(index, "item_id", "place"),
    )


changes = change_log("change_records", "changes_by_item")

leases = Table(
    "lease_records",
    metadata,
    Column("name", AnyText, primary_key=True),
    Column("holder", AnyText, nullable=False),
    Column("until", UtcTime, nullable=False),
)

steps = Table(
    "step_records",
    metadata,
    Column("step", AnyText, primary_key=True),
    Column("ran_at", UtcTime),
    Column("seconds", Double, nullable=False),
    Column("done", _Count, nullable=False),
    Column("error", AnyText, nullable=False),
    Column("detail", AnyText, nullable=False),
    Column("cursor", Json, nullable=False),
)

events = Table(
    "event_records",
    metadata,
    Column("place", _Count, Identity(), primary_key=True),
    Column("id", AnyText, nullable=False, unique=True),
    Column("source", Text, nullable=False),
    Column("kind", AnyText, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("fields", Json, nullable=False),
    Column("interaction_id", AnyText),
    Column("own", Boolean, nullable=False),
    Index("events_by_time", "at", "source", "kind"),
)

OWN = events.c.own == true()
Index("events_own", events.c.place, sqlite_where=OWN, postgresql_where=OWN)

positions = Table(
    "position_records",
    metadata,
    Column("device", AnyInteger, primary_key=True),
    Column("inode", AnyInteger, primary_key=True),
    Column("path", AnyText, nullable=False),
    Column("head", AnyText, nullable=False),
    Column("head_length", _Count, nullable=False),
    Column("offset", _Count, nullable=False),
    Column("line", _Count, nullable=False),
)

written = Table(
    "written_records",
    metadata,
    Column("only", Integer, primary_key=True, autoincrement=False),  # there is one row
    Column("place", _Count, nullable=False),
    Column("file", AnyText, nullable=False),
    Column("size", _Count, nullable=False),
)
