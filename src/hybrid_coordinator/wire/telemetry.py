"""One line of a telemetry file as an event, and an event as a line.

An event is known by its source and its content, not by where it stands: the same line in a rotated copy, in a gzip or
read twice is one event. A line without a time has nothing to tell two alike ones apart, so there its place counts too.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import orjson

from hybrid_coordinator.domain.telemetry import Event, TelemetrySource
from hybrid_coordinator.wire.json_events import json_bytes
from hybrid_coordinator.wire.telemetry_fields import check_fields

MOST_BYTES = 1_048_576
"""A longer line is no event."""

LONGEST_KIND = 100
FIRST_YEAR, LAST_YEAR = 2000, 2099
_MILLISECONDS_FROM = 1e11
"""A number from here on counts milliseconds since 1970, a lower one seconds."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_event(line: bytes, source: TelemetrySource, *, place: str, file_time: datetime) -> Event:
    """The event on a line. `place` names where in its file, and all copies of that, it stands.

    One without a time gets its file's. Raises ValueError with a reason for a person.
    """
    fields = _load(line)
    kind = _kind(fields)
    check_fields(source, kind, fields)
    at = read_time(fields.get("timestamp"))
    told_apart_by = "" if at else place
    return Event(_name(source, fields, told_apart_by), source, kind, at or file_time, fields)


def read_time(value: Any) -> datetime | None:
    """A time in ISO 8601 (UTC unless it says otherwise) or in seconds or milliseconds since 1970; None of null."""
    if value is None:
        return None
    try:
        at = _parse_time(value)
    except (ValueError, OverflowError, OSError):
        at = None
    if at is None or not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise ValueError(f"'timestamp' is {value!r:.60}, which is no time from {FIRST_YEAR} to {LAST_YEAR}")
    return at


def write_event(event: Event) -> bytes:
    """An own event as a line of the `hybrid-events` form, with its end; times in UTC."""
    at = event.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json_bytes({"event": event.kind, **event.fields, "timestamp": at}) + b"\n"


def _load(line: bytes) -> dict[str, Any]:
    if len(line) > MOST_BYTES:
        raise ValueError(f"longer than {MOST_BYTES:,} bytes")
    if b"\0" in line:
        raise ValueError(f"holds a NUL byte, the first at byte {line.index(0)}")
    try:
        row = orjson.loads(line.removeprefix(_BYTE_ORDER_MARK))
    except orjson.JSONDecodeError as error:
        raise ValueError(_complaint(line, error)) from error
    match row:
        case dict():
            return row
        case _:
            raise ValueError(f"not a JSON object but {type(row).__name__}")


def _complaint(line: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        line.decode()
    except UnicodeDecodeError as found:
        return f"not UTF-8 at byte {found.start}"
    return f"not JSON: {error.msg} at column {error.colno}"


def _kind(fields: Mapping[str, Any]) -> str:
    kind = fields.get("event")
    if not isinstance(kind, str):
        kind = fields.get("event_type")
    if not isinstance(kind, str) or not kind.strip():
        raise ValueError("no text under 'event' or 'event_type' says what happened")
    if len(kind) > LONGEST_KIND:
        raise ValueError(f"the kind of event is longer than {LONGEST_KIND} characters")
    return kind.strip()


def _parse_time(value: Any) -> datetime | None:
    match value:
        case bool():
            return None
        case int() | float():
            return datetime.fromtimestamp(value / 1000 if value >= _MILLISECONDS_FROM else value, UTC)
        case str():
            at = datetime.fromisoformat(value.strip())
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        case _:
            return None


def _name(source: TelemetrySource, fields: Mapping[str, Any], place: str) -> str:
    try:
        content = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise ValueError("nested too deep") from error
    return blake2b(b"\n".join((source.encode(), place.encode(), content)), digest_size=16).hexdigest()
