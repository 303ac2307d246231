"""One way to write a JSON value, so that equal values have equal hashes wherever they are computed."""

import json
from datetime import UTC, datetime
from typing import Any

_encode = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode


def canonical(value: Any) -> bytes:
    """JSON in ASCII with sorted keys and no blanks."""
    return _encode(value).encode()


def write_time(moment: datetime) -> str:
    """ISO 8601 in UTC, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
