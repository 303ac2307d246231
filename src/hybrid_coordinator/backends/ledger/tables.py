"""The tables of the ledger. Readers never see them: they see the views.

Every table's name ends in `_records`: the guard of SQLite statements counts on it.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
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
    and_,
    false,
    func,
    literal_column,
    or_,
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
    # since form 3
    Column("similarities", Json, nullable=False, server_default="[]"),
    Column("withheld", Json, nullable=False, server_default="[]"),
    Column("origin", Text, nullable=False, server_default="model_inference"),
    Column("channel", AnyText, nullable=False, server_default=""),
    Column("question_key", BigInteger, nullable=False, server_default="0"),
    Column("learned", Boolean, nullable=False, server_default=false()),
)

_I = interactions.c
SESSION = func.coalesce(func.nullif(_I.session_id, ""), _I.id)
SETTLED = _I.outcome.is_not(None)
UNFILED = _I.filed == false()
UNSCORED = and_(SETTLED, _I.value_score.is_(None))
UNLEARNED = and_(SETTLED, _I.value_score.is_not(None), _I.learned == false())
VALUED = _I.value_score.is_not(None)
TROUBLED = or_(
    _I.failure.is_not(None), _I.outcome == literal_column("'failure'"), _I.user_feedback == literal_column("-1")
)
ALIKE = and_(SETTLED, _I.similarities != literal_column("'[]'"))


def _index(name: str, condition: ColumnElement[bool], *columns: Column[Any]) -> Index:
    """An index of the rows that fulfil a condition. A query finds it when it says the same condition.

    SQLite takes it for half the table; a column that the condition holds still, put first, tells it better.
    """
    return Index(name, *columns, sqlite_where=condition, postgresql_where=condition)


Index("interactions_by_time", _I.created_at)
Index("interactions_by_session", _I.session_id, _I.place)
Index("interactions_by_question", _I.question_key)
_index("interactions_unfiled", UNFILED, _I.place)
_index("interactions_unscored", UNSCORED, _I.value_score, _I.place)
_index("interactions_unlearned", UNLEARNED, _I.learned, _I.place)
_index("interactions_alike", ALIKE, _I.place)
_index("interactions_troubled", TROUBLED, _I.place)
_index("interactions_settled", SETTLED, _I.settled_at, _I.id)
_index("interactions_valued", VALUED, _I.place, _I.value_score)

tags = Table(
    "tag_records",
    metadata,
    Column("tag", AnyText, primary_key=True),
    Column("place", _Count, ForeignKey(interactions.c.place), primary_key=True),
    sqlite_with_rowid=False,
)

exclusions = Table(
    "exclusion_records",
    metadata,
    Column("interaction_id", AnyText, ForeignKey(interactions.c.id), primary_key=True),
    Column("excluded_at", UtcTime, nullable=False),
    Column("why", AnyText, nullable=False),
)

credits = Table(
    "credit_records",
    metadata,
    Column("passage_id", AnyText, primary_key=True),
    Column("interaction_id", AnyText, ForeignKey(interactions.c.id), primary_key=True),
    Column("credit", Double, nullable=False),
    # since form 3: whether the interaction went without the passage, and its session (or itself, without one)
    Column("withheld", Boolean, nullable=False, server_default=false()),
    Column("session", AnyText, nullable=False, server_default=""),
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
    # since form 3
    Column("origin", Text, nullable=False, server_default="direct_user"),
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
