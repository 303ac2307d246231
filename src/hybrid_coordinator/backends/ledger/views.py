"""What a reader's SQL sees: thirteen views, the same on every database. `docs/sql-views.md` explains each column.

Times are text in UTC, truth values 0 or 1, money US dollars, lists JSON text.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

SQLITE = {
    "day": "date({})",
    "time": "{}",
    "length": "json_array_length({})",
}
POSTGRESQL = {
    "day": "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
    "time": "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')",
    "length": "json_array_length(CAST({} AS json))",
}
_DIALECTS: Mapping[str, Mapping[str, str]] = {"sqlite": SQLITE, "postgresql": POSTGRESQL}


@dataclass(frozen=True, slots=True)
class Taken:
    """How a column of a view is made: `{}` in `form` is the column of the table, or `form` names a dialect's way."""

    column: str
    form: str = "{}"

    def sql(self, dialect: str) -> str:
        return _DIALECTS[dialect].get(self.form, self.form).format(self.column)


def _dollars(column: str) -> Taken:
    return Taken(column, "{} / 1000000.0")


def _truth(column: str) -> Taken:
    return Taken(f"CASE WHEN {column} THEN 1 WHEN NOT {column} THEN 0 END")


@dataclass(frozen=True, slots=True)
class View:
    """A view by name: its columns in order, and the table (with any grouping) they are taken from."""

    name: str
    origin: str
    columns: Mapping[str, Taken]

    def sql(self, dialect: str) -> str:
        taken = ", ".join(f"{take.sql(dialect)} AS {name}" for name, take in self.columns.items())
        return f"CREATE VIEW {self.name} AS SELECT {taken} FROM {self.origin}"


def _plain(*names: str) -> dict[str, Taken]:
    return {name: Taken(name) for name in names}


INTERACTIONS = View(
    "interactions",
    "interaction_records",
    {
        "id": Taken("id"),
        "date": Taken("created_at", "day"),
        "created_at": Taken("created_at", "time"),
        **_plain("session_id", "parent_id", "query", "response", "agent_type", "model_used", "context_provided"),
        **_plain("outcome", "user_feedback", "iterations"),
        "copied": _truth("copied"),
        "modified": _truth("modified"),
        "settled_at": Taken("settled_at", "time"),
        **_plain("input_tokens", "output_tokens", "tokens_used", "tokens_saved", "latency_ms", "first_token_ms"),
        "cost_usd": _dollars("cost"),
        "cost_saved_usd": _dollars("cost_saved"),
        "route": Taken("target"),
        **_plain("route_reason", "confidence", "relevance", "complexity", "speciality", "profile"),
        **_plain("value_score", "value_parts", "tags", "failure"),
        **_plain("asker", "cache", "cache_read_tokens", "cache_write_tokens"),
        "holdout": _truth("holdout"),
        **_plain("similarities", "withheld", "origin", "channel", "question_key"),
        "learned": _truth("learned"),
    },
)

PASSAGE_USAGE = View(
    "passage_usage",
    "credit_records GROUP BY passage_id",
    {
        "passage_id": Taken("passage_id"),
        "uses": Taken("count(CASE WHEN NOT withheld THEN 1 END)"),
        "credit": Taken("coalesce(sum(CASE WHEN NOT withheld THEN credit END), 0.0)"),
        "mean_credit": Taken("avg(CASE WHEN NOT withheld THEN credit END)"),
        "withheld_uses": Taken("count(CASE WHEN withheld THEN 1 END)"),
        "withheld_mean_credit": Taken("avg(CASE WHEN withheld THEN credit END)"),
    },
)

CORRECTIONS = View(
    "corrections",
    "correction_records",
    {
        "id": Taken("id"),
        "date": Taken("created_at", "day"),
        "created_at": Taken("created_at", "time"),
        **_plain("query", "correction", "rating", "interaction_id", "tags", "origin"),
    },
)

SOURCES = View(
    "sources",
    "source_records",
    {**_plain("root", "path", "content_hash"), "passages": Taken("passage_ids", "length")},
)

PREFERENCES = View(
    "preferences",
    "preference_records",
    {
        "id": Taken("id"),
        "date": Taken("created_at", "day"),
        "created_at": Taken("created_at", "time"),
        **_plain("prompt", "chosen", "rejected", "why", "chosen_id", "rejected_id"),
    },
)

EVENTS = View(
    "events",
    "event_records",
    {
        "id": Taken("id"),
        "date": Taken("at", "day"),
        "at": Taken("at", "time"),
        **_plain("source", "kind", "fields", "interaction_id"),
        "own": _truth("own"),
    },
)

LEARNED = View(
    "learned",
    "learned_records WHERE NOT deleted",
    {
        **_plain("id", "stage", "collection", "name", "text", "origin", "strategy", "signature"),
        "date": Taken("created_at", "day"),
        "created_at": Taken("created_at", "time"),
        "changed_at": Taken("changed_at", "time"),
        **_plain("learned_from", "rests_on", "replaced_by", "why"),
        "published": _truth("published"),
    },
)

CHANGES = View(
    "changes",
    "change_records",
    {
        "place": Taken("place"),
        "date": Taken("at", "day"),
        "at": Taken("at", "time"),
        **_plain("item_id", "action", "actor", "why", "before", "after", "previous_hash", "hash"),
    },
)

RUNS = View(
    "runs",
    "run_records",
    {
        **_plain("id", "state", "model", "teaching", "base", "base_sha256"),
        "date": Taken("created_at", "day"),
        "created_at": Taken("created_at", "time"),
        "changed_at": Taken("changed_at", "time"),
        **_plain("dataset_hash", "rows", "pairs", "held_out", "started_by", "attempts", "progress", "recipe"),
        **_plain("error", "version", "spent_s"),
    },
)

MODEL_VERSIONS = View(
    "model_versions",
    "model_version_records",
    {
        **_plain("name", "number", "model", "stage", "why", "teaching", "run_id", "base", "base_sha256"),
        "date": Taken("created_at", "day"),
        "created_at": Taken("created_at", "time"),
        "changed_at": Taken("changed_at", "time"),
        **_plain("artefact", "sha256", "scale", "vendor_model", "dataset_hash", "rows"),
        **_plain("measured_against", "measured", "decision", "decision_why", "canary"),
        "canary_since": Taken("canary_since", "time"),
        "serving_since": Taken("serving_since", "time"),
        "watched_until": Taken("watched_until", "time"),
        "tainted_by": Taken("tainted_by"),
    },
)

MODEL_VERSION_CHANGES = View(
    "model_version_changes",
    "model_version_change_records",
    {
        "place": Taken("place"),
        "date": Taken("at", "day"),
        "at": Taken("at", "time"),
        "version": Taken("item_id"),
        **_plain("action", "actor", "why", "before", "after", "previous_hash", "hash"),
    },
)

VERSION_SOURCES = View(
    "version_sources", "version_source_records", {"version": Taken("name"), "source_id": Taken("source_id")}
)

EXAM_ANSWERS = View(
    "exam_answers", "exam_answer_records", {"version": Taken("name"), **_plain("item", "text", "scores")}
)

VIEWS = (
    INTERACTIONS,
    PASSAGE_USAGE,
    CORRECTIONS,
    SOURCES,
    PREFERENCES,
    EVENTS,
    LEARNED,
    CHANGES,
    RUNS,
    MODEL_VERSIONS,
    MODEL_VERSION_CHANGES,
    VERSION_SOURCES,
    EXAM_ANSWERS,
)

VIEW_NAMES = tuple(view.name for view in VIEWS)


def create_views(connection: Connection) -> None:
    """Make the views anew, in place of those of an earlier release."""
    for view in VIEWS:
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {view.name}")
        connection.exec_driver_sql(view.sql(connection.dialect.name))
