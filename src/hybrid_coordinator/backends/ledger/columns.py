"""Column types that give back exactly what was put in, on every database."""

import json
import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Text, TypeDecorator

ESCAPE = "\x10"
"""Data link escape: what follows is the number of a character that a database cannot hold, in four hex digits."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_UNSTORABLE = re.compile("[\x00\x10\ud800-\udfff]")
_ESCAPED = re.compile("\x10([0-9a-f]{4})")


def escape(text: str) -> str:
    """Write NUL and lone surrogates, which PostgreSQL or UTF-8 refuse, in characters that every database takes."""
    if _is_storable(text):
        return text
    return _UNSTORABLE.sub(lambda match: f"{ESCAPE}{ord(match[0]):04x}", text)


def _is_storable(text: str) -> bool:
    """What the pattern tells too, ten times faster."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text and ESCAPE not in text


def unescape(text: str) -> str:
    """Undo `escape`."""
    if ESCAPE not in text:
        return text
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)


class AnyText(TypeDecorator[str]):
    """Any Python string, lone surrogates and NUL included."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else escape(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else unescape(value)


class AnyInteger(TypeDecorator[int]):
    """A whole number of any size, such as an inode of 64 bits without a sign. It sorts as text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value)


class Json(TypeDecorator[Any]):
    """A JSON value as text: the order of keys is kept, and NULL stands for None."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return "[]" if value == () else escape(_encode(value))  # most lists are empty

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(unescape(value))


class UtcTime(TypeDecorator[datetime]):
    """A moment, aware in and aware out, in UTC; a naive one is a ValueError. SQLite keeps it as text that sorts."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the time {value!r} has no zone; times in the ledger are aware")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
