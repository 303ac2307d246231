"""JSON objects inside events: read without trusting their shape, and written."""

import json
from collections.abc import Mapping
from typing import Any

from hybrid_coordinator.wire.sse import WireError


def parse_object(data: str) -> dict[str, Any]:
    """The JSON object in an event. Raises WireError for anything else."""
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WireError(f"an event is not JSON: {data[:200]!r}") from error
    if not isinstance(parsed, dict):
        raise WireError(f"an event is not a JSON object: {data[:200]!r}")
    return parsed


def write_json(value: Any) -> str:
    """JSON on one line, without spaces to spare."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def json_bytes(value: Any) -> bytes:
    """The same in UTF-8; half of a surrogate pair, which models cut at times, is escaped."""
    try:
        return write_json(value).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def member(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An inner object; an empty one when it is absent, null or something else."""
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def objects(parent: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The objects in an inner list; none when it is absent, null or something else."""
    value = parent.get(key)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def said(parent: Mapping[str, Any], *keys: str) -> str:
    """The first text under these keys that is not empty."""
    for key in keys:
        value = parent.get(key)
        if isinstance(value, str) and value:
            return value
    return ""


def tokens_of(usage: Mapping[str, Any], key: str) -> int:
    """A count of tokens; 0 when it is absent, null or no whole number."""
    count = usage.get(key)
    return count if isinstance(count, int) and count > 0 else 0


def text_of(error: object) -> str:
    """What an error object says, whichever of the usual shapes it has."""
    if isinstance(error, dict):
        return str(error.get("message") or error.get("type") or error)
    return str(error)
