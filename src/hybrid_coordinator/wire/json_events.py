"""JSON objects inside events, read without trusting their shape."""

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


def member(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An inner object; an empty one when it is absent, null or something else."""
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def tokens_of(usage: Mapping[str, Any], key: str) -> int:
    """A count of tokens; 0 when it is absent, null or no whole number."""
    count = usage.get(key)
    return count if isinstance(count, int) and count > 0 else 0


def text_of(error: object) -> str:
    """What an error object says, whichever of the usual shapes it has."""
    if isinstance(error, dict):
        return str(error.get("message") or error.get("type") or error)
    return str(error)
