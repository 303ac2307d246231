"""Training runs as JSON records and rows of their table, and back.

A record of any release loads: fields that this one does not know are passed over, and what an older one did not write
has its default.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from hybrid_coordinator.backends.ledger.canonical import canonical, write_time
from hybrid_coordinator.backends.ledger.rows import Values
from hybrid_coordinator.domain.training import BaseWeights, Progress, Recipe, Run, RunState, Teaching

_FIELDS = [field.name for field in fields(Run)]

_PLAIN = (
    "id",
    "created_at",
    "changed_at",
    "model",
    "dataset_hash",
    "rows",
    "pairs",
    "held_out",
    "started_by",
    "attempts",
    "error",
    "version",
    "spent_s",
)
"""Fields of a run that are columns as they stand."""


def run_values(run: Run) -> Values:
    """One row."""
    return {
        **{name: getattr(run, name) for name in _PLAIN},
        "state": run.state.value,
        "teaching": run.teaching.value,
        "base": run.base.name,
        "base_sha256": run.base.sha256,
        "progress": asdict(run.progress),
        "recipe": asdict(run.recipe),
        "record": run_to_json(run),
    }


def to_run(row: Row[Any]) -> Run:
    """A run from its row."""
    return run_from_json(row.record)


def run_to_json(run: Run) -> dict[str, Any]:
    """Every field in JSON values; times are ISO 8601 in UTC."""
    nested = {"base": asdict(run.base), "recipe": asdict(run.recipe), "progress": asdict(run.progress)}
    times = {"created_at": write_time(run.created_at), "changed_at": write_time(run.changed_at)}
    return {**{name: getattr(run, name) for name in _FIELDS}, **nested, **times, "notes": dict(run.notes)}


def run_from_json(values: Mapping[str, Any]) -> Run:
    """Undo `run_to_json`."""
    typed = {
        "created_at": datetime.fromisoformat(values["created_at"]),
        "changed_at": datetime.fromisoformat(values["changed_at"]),
        "state": RunState(values["state"]),
        "teaching": Teaching(values["teaching"]),
        "base": to_base(values["base"]),
        "recipe": _to_recipe(values.get("recipe", {})),
        "progress": Progress(**known_fields(Progress, values.get("progress", {}))),
    }
    return Run(**{**known_fields(Run, values), **typed})


def to_base(values: Mapping[str, Any]) -> BaseWeights:
    """Weights from their JSON."""
    return BaseWeights(**known_fields(BaseWeights, values))


def _to_recipe(values: Mapping[str, Any]) -> Recipe:
    return Recipe(**{**known_fields(Recipe, values), "targets": tuple(values.get("targets", ()))})


def known_fields(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values that a dataclass has a field for today."""
    return {field.name: values[field.name] for field in fields(kind) if field.name in values}


def run_digest(run: Run | None) -> bytes:
    """What tells one state of a run from every other, and from none."""
    return canonical(run and run_to_json(run))
