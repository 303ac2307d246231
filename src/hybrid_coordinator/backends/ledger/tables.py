"""The tables of the ledger. Readers never see them: they see the views.

Every table's name ends in `_records`: the guard of SQLite statements counts on it.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    false,
)

from hybrid_coordinator.backends.ledger.columns import AnyText, Json, UtcTime

metadata = MetaData()

_Count = BigInteger().with_variant(Integer, "sqlite")

interactions = Table(
    "interaction_records",
    metadata,
    # the order of recording, which a clock that goes back cannot disturb
    Column("place", _Count, Identity(), primary_key=True),
    Column("id", AnyText, nullable=False, unique=True),
    Column("created_at", UtcTime, nullable=False),
    Column("query", AnyText, nullable=False),
    Column("response", AnyText, nullable=False),
    Column("agent_type", Text, nullable=False),
    Column("model_used", AnyText, nullable=False),
    Column("context_provided", Json, nullable=False),
    Column("session_id", AnyText),
    Column("parent_id", AnyText),
    Column("input_tokens", _Count, nullable=False),
    Column("output_tokens", _Count, nullable=False),
    Column("tokens_used", _Count, nullable=False),
    Column("latency_ms", _Count, nullable=False),
    Column("first_token_ms", _Count),
    Column("cost", _Count, nullable=False),
    Column("tokens_saved", _Count, nullable=False),
    Column("cost_saved", _Count, nullable=False),
    Column("tags", Json, nullable=False),
    Column("failure", AnyText),
    # the route: all or none
    Column("target", Text),
    Column("attempts", Json),
    Column("route_reason", AnyText),
    Column("confidence", Double),
    Column("relevance", Double),
    Column("complexity", SmallInteger),
    Column("speciality", Text),
    Column("profile", Text),
    # the outcome: all but the feedback or none
    Column("outcome", Text),
    Column("user_feedback", SmallInteger),
    Column("iterations", _Count),
    Column("copied", Boolean),
    Column("modified", Boolean),
    Column("settled_at", UtcTime),
    # the value: all or none
    Column("value_score", Double),
    Column("value_parts", Json),
    Column("value_weights", Json),
    Column("filed", Boolean, nullable=False, server_default=false()),
    # since form 2
    Column("asker", AnyText, nullable=False, server_default=""),
    Column("cache", Text, nullable=False, server_default="none"),
    Column("cache_read_tokens", _Count, nullable=False, server_default="0"),
    Column("cache_write_tokens", _Count, nullable=False, server_default="0"),
    Column("holdout", Boolean, nullable=False, server_default=false()),
)

Index("interactions_by_time", interactions.c.created_at)
Index("interactions_by_session", interactions.c.session_id, interactions.c.place)
_unfiled = interactions.c.filed == false()
Index("interactions_unfiled", interactions.c.place, sqlite_where=_unfiled, postgresql_where=_unfiled)

credits = Table(
    "credit_records",
    metadata,
    Column("passage_id", AnyText, primary_key=True),
    Column("interaction_id", AnyText, ForeignKey(interactions.c.id), primary_key=True),
    Column("credit", Double, nullable=False),
    Index("credits_by_interaction", "interaction_id"),
)

corrections = Table(
    "correction_records",
    metadata,
    Column("place", _Count, Identity(), primary_key=True),
    Column("id", AnyText, nullable=False, unique=True),
    Column("created_at", UtcTime, nullable=False),
    Column("query", AnyText, nullable=False),
    Column("correction", AnyText, nullable=False),
    Column("rating", SmallInteger, nullable=False),
    Column("interaction_id", AnyText),
    Column("tags", Json, nullable=False),
)

preferences = Table(
    "preference_records",
    metadata,
    Column("place", _Count, Identity(), primary_key=True),
    Column("id", AnyText, nullable=False, unique=True),
    Column("created_at", UtcTime, nullable=False),
    Column("prompt", AnyText, nullable=False),
    Column("chosen", AnyText, nullable=False),
    Column("rejected", AnyText, nullable=False),
    Column("why", AnyText, nullable=False),
    Column("chosen_id", AnyText, nullable=False),
    Column("rejected_id", AnyText, nullable=False),
)

evidence = Table(
    "evidence_records",
    metadata,
    Column("interaction_id", AnyText, ForeignKey(interactions.c.id), primary_key=True),
    Column("features", LargeBinary, nullable=False),
)

sources = Table(
    "source_records",
    metadata,
    Column("root", AnyText, primary_key=True),
    Column("path", AnyText, primary_key=True),
    Column("content_hash", AnyText, nullable=False),
    Column("passage_ids", Json, nullable=False),
)

versions = Table(
    "version_records",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("reached_at", UtcTime, nullable=False),
)
