"""The tables of training runs and of the versions of models that came of them.

What is read back of a run or a version is its `record`; the columns beside it are for finding it and for readers' SQL.
"""

from sqlalchemy import BigInteger, Column, Double, Identity, Index, Integer, Table, Text

from hybrid_coordinator.backends.ledger.columns import AnyText, Json, UtcTime
from hybrid_coordinator.backends.ledger.learning_tables import change_log
from hybrid_coordinator.backends.ledger.tables import metadata

_Count = BigInteger().with_variant(Integer, "sqlite")

runs = Table(
    "run_records",
    metadata,
    Column("place", _Count, Identity(), primary_key=True),
    Column("id", AnyText, nullable=False, unique=True),
    Column("created_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Column("state", Text, nullable=False),
    Column("model", AnyText, nullable=False),
    Column("teaching", Text, nullable=False),
    Column("base", AnyText, nullable=False),
    Column("base_sha256", AnyText, nullable=False),
    Column("dataset_hash", AnyText, nullable=False),
    Column("rows", _Count, nullable=False),
    Column("pairs", _Count, nullable=False),
    Column("held_out", _Count, nullable=False),
    Column("started_by", AnyText, nullable=False),
    Column("attempts", _Count, nullable=False),
    Column("progress", Json, nullable=False),
    Column("recipe", Json, nullable=False),
    Column("error", AnyText, nullable=False),
    Column("version", AnyText, nullable=False),
    Column("spent_s", Double, nullable=False),
    Column("record", Json, nullable=False),
    Index("runs_by_state", "state", "place"),
)

model_versions = Table(
    "model_version_records",
    metadata,
    Column("place", _Count, Identity(), primary_key=True),
    Column("name", AnyText, nullable=False, unique=True),
    Column("number", _Count, nullable=False),
    Column("model", AnyText, nullable=False),
    Column("teaching", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("run_id", AnyText, nullable=False),
    Column("base", AnyText, nullable=False),
    Column("base_sha256", AnyText, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Column("artefact", AnyText, nullable=False),
    Column("sha256", AnyText, nullable=False),
    Column("scale", Double, nullable=False),
    Column("vendor_model", AnyText, nullable=False),
    Column("dataset_hash", AnyText, nullable=False),
    Column("rows", _Count, nullable=False),
    Column("measured_against", AnyText, nullable=False),
    Column("measured", Json, nullable=False),
    Column("decision", Text),
    Column("decision_why", AnyText),
    Column("canary", Json, nullable=False),
    Column("canary_since", UtcTime),
    Column("serving_since", UtcTime),
    Column("watched_until", UtcTime),
    Column("tainted_by", Json, nullable=False),
    Column("why", AnyText, nullable=False),
    Column("record", Json, nullable=False),
    Column("changed_place", _Count, nullable=False),  # what the log last said of it
    Index("model_versions_by_model", "model", "number"),
)

version_changes = change_log("model_version_change_records", "version_changes_by_item")
"""Its items go by the version's name."""

version_sources = Table(
    "version_source_records",
    metadata,
    Column("source_id", AnyText, primary_key=True),
    Column("name", AnyText, primary_key=True),
    sqlite_with_rowid=False,
)

exam_answers = Table(
    "exam_answer_records",
    metadata,
    Column("name", AnyText, primary_key=True),
    Column("item", AnyText, primary_key=True),
    Column("text", AnyText, nullable=False),
    Column("scores", Json, nullable=False),
)
