"""Versions of models as JSON records, rows of their table and entries of their log, and back.

A record of any release loads, as one of a run does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from hybrid_coordinator.backends.ledger.canonical import canonical, write_time
from hybrid_coordinator.backends.ledger.rows import Values
from hybrid_coordinator.backends.ledger.run_rows import known_fields, to_base
from hybrid_coordinator.domain.training import Teaching
from hybrid_coordinator.domain.versions import Decision, Measured, ModelVersion, Verdict, VersionChange, VersionStage

_FIELDS = [field.name for field in fields(ModelVersion)]

_TIMES = ("created_at", "changed_at", "canary_since", "serving_since", "watched_until")

_PLAIN = (
    "name",
    "number",
    "model",
    "run_id",
    "artefact",
    "sha256",
    "scale",
    "vendor_model",
    "dataset_hash",
    "rows",
    "measured_against",
    "why",
    "tainted_by",
    *_TIMES,
)
"""Fields of a version that are columns as they stand."""


def version_values(version: ModelVersion, place: int) -> Values:
    """One row; `place` is that of the log's last word on it."""
    return {
        **{name: getattr(version, name) for name in _PLAIN},
        "teaching": version.teaching.value,
        "stage": version.stage.value,
        "base": version.base.name,
        "base_sha256": version.base.sha256,
        "measured": _measures(version.measured),
        "canary": _measures(version.canary),
        "decision": version.verdict and version.verdict.decision.value,
        "decision_why": version.verdict and version.verdict.why,
        "record": version_to_json(version),
        "changed_place": place,
    }


def to_version(row: Row[Any]) -> ModelVersion:
    """A version from its row."""
    return version_from_json(row.record)


def version_to_json(version: ModelVersion) -> dict[str, Any]:
    """Every field in JSON values; times are ISO 8601 in UTC."""
    nested = {
        "base": asdict(version.base),
        "measured": _measures(version.measured),
        "canary": _measures(version.canary),
        "verdict": version.verdict and asdict(version.verdict),
    }
    times = {name: _write(getattr(version, name)) for name in _TIMES}
    return {**{name: getattr(version, name) for name in _FIELDS}, **nested, **times}


def version_from_json(values: Mapping[str, Any]) -> ModelVersion:
    """Undo `version_to_json`."""
    typed = {
        "teaching": Teaching(values["teaching"]),
        "stage": VersionStage(values["stage"]),
        "base": to_base(values["base"]),
        "measured": _to_measures(values.get("measured", ())),
        "canary": _to_measures(values.get("canary", ())),
        "verdict": _to_verdict(values.get("verdict")),
        "tainted_by": tuple(values.get("tainted_by", ())),
        **{name: _read(values.get(name)) for name in _TIMES},
    }
    return ModelVersion(**{**known_fields(ModelVersion, values), **typed})


def _measures(measures: Sequence[Measured]) -> list[dict[str, Any]]:
    return [asdict(measured) for measured in measures]


def _to_measures(measures: Sequence[Mapping[str, Any]]) -> tuple[Measured, ...]:
    return tuple(Measured(**known_fields(Measured, values)) for values in measures)


def _to_verdict(values: Mapping[str, Any] | None) -> Verdict | None:
    return Verdict(Decision(values["decision"]), values["why"]) if values else None


def _write(moment: datetime | None) -> str | None:
    return write_time(moment) if moment else None


def _read(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def version_digest(version: ModelVersion | None) -> bytes:
    """What tells one state of a version from every other, and from none."""
    return canonical(version and version_to_json(version))


def version_change_values(change: VersionChange) -> Values:
    """One row of the log, but for its place in the chain."""
    return {
        "item_id": change.after.name,
        "action": change.action,
        "actor": change.actor,
        "why": change.why,
        "before": change.before and version_to_json(change.before),
        "after": version_to_json(change.after),
    }


def to_version_change(row: Row[Any]) -> tuple[datetime, VersionChange]:
    """An entry of the log, with its time."""
    before = version_from_json(row.before) if row.before else None
    return row.at, VersionChange(before, version_from_json(row.after), row.action, row.actor, row.why)
