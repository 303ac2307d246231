"""What was learned and its changes, as rows of their tables and as the JSON of the log, and back, exactly."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Row

from hybrid_coordinator.backends.ledger.canonical import canonical, write_time
from hybrid_coordinator.backends.ledger.rows import Values
from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.domain.learning import Change, Learned, LoggedChange, Stage
from hybrid_coordinator.domain.trust import Origin

_PLAIN = ("id", "strategy", "created_at", "changed_at", "signature", "replaced_by", "why")
"""Fields of an item that are columns as they stand."""

_FIELDS = [field.name for field in fields(Learned)]

_DRAFT = ("key", "text", "payload", "source")

_NAMES = ("skill_name", "title", "error_message", "name")
"""Where a payload says what its passage is called."""


def learned_values(item: Learned) -> Values:
    """One row, but for what the log says of it."""
    return {
        **{name: getattr(item, name) for name in _PLAIN},
        **{name: getattr(item.draft, name) for name in _DRAFT},
        "stage": item.stage.value,
        "collection": item.draft.collection.value,
        "name": _name(item.draft.payload),
        "origin": item.origin.value,
        "learned_from": item.learned_from,
        "rests_on": item.rests_on,
    }


def _name(payload: Mapping[str, Any]) -> str:
    return next((str(payload[name]) for name in _NAMES if payload.get(name)), "")


def to_learned(row: Row[Any]) -> Learned:
    """An item from a whole row."""
    values = row._mapping
    draft = Draft(id=row.id, collection=Collection(row.collection), **{name: values[name] for name in _DRAFT})
    return Learned(
        **{name: values[name] for name in _PLAIN},
        stage=Stage(row.stage),
        draft=draft,
        origin=Origin(row.origin),
        learned_from=tuple(row.learned_from),
        rests_on=tuple(row.rests_on),
    )


def to_json(item: Learned | None) -> dict[str, Any] | None:
    """Every field of an item in JSON values; times are ISO 8601 in UTC."""
    if item is None:
        return None
    draft = {name: getattr(item.draft, name) for name in ("id", "collection", *_DRAFT)}
    times = {"created_at": write_time(item.created_at), "changed_at": write_time(item.changed_at)}
    return {**{name: getattr(item, name) for name in _FIELDS}, "draft": draft, **times}


def from_json(values: Mapping[str, Any] | None) -> Learned | None:
    """Undo `to_json`; what an older release did not write has its default."""
    if values is None:
        return None
    draft = values["draft"]
    typed = {
        "stage": Stage(values["stage"]),
        "draft": Draft(**{**draft, "collection": Collection(draft["collection"])}),
        "origin": Origin(values["origin"]),
        "learned_from": tuple(values["learned_from"]),
        "rests_on": tuple(values["rests_on"]),
        "created_at": datetime.fromisoformat(values["created_at"]),
        "changed_at": datetime.fromisoformat(values["changed_at"]),
    }
    return Learned(**{**values, **typed})


def digest(item: Learned) -> str:
    """What tells one state of an item from every other. It is not kept: it is that of this release's fields."""
    return sha256(canonical(to_json(item))).hexdigest()


def change_values(change: Change) -> Values:
    """One row of the log, but for its place in the chain."""
    return {
        "item_id": change.item_id,
        "action": change.action,
        "actor": change.actor,
        "why": change.why,
        "before": to_json(change.before),
        "after": to_json(change.after),
    }


def to_logged(row: Row[Any]) -> LoggedChange:
    """An entry from a whole row."""
    before, after = from_json(row.before), from_json(row.after)
    change = Change(row.item_id, row.action, before, after, row.actor, row.why)
    return LoggedChange(row.place, row.at, change, row.previous_hash, row.hash)
