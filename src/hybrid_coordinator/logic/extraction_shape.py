"""What a model that extracts a skill must answer: the form of the users' "Continuous Learning System" document, with a
greatest length for everything, so that 800 tokens are enough to end it."""

import json
import re
from collections.abc import Sequence
from typing import Any

from hybrid_coordinator.logic.patterns import Pattern


def _text(longest: int, shortest: int = 0) -> dict[str, Any]:
    return {"type": "string", "minLength": shortest, "maxLength": longest}


def _texts(most: int, longest: int, least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": _text(longest, 1), "minItems": least, "maxItems": most}


_PROPERTIES = {
    "name": _text(60, 3),
    "description": _text(160, 8),
    "prerequisites": _texts(3, 80),
    "steps": _texts(7, 160, least=1),
    "tags": _texts(5, 24, least=1),
    "example": _text(240),
}
PATTERN_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": _PROPERTIES,
    "required": list(_PROPERTIES),
    "additionalProperties": False,
}
MOST_CHOICES = 24


def picking_schema(steps: Sequence[str], examples: Sequence[str]) -> dict[str, Any]:
    """The same form for a model that may only pick: its steps and its example are some of these, word for word."""
    picked = {
        "steps": {**_PROPERTIES["steps"], "items": {"enum": list(steps[:MOST_CHOICES])}},
        "example": {"enum": ["", *examples[:MOST_CHOICES]]},
    }
    return {**PATTERN_SCHEMA, "properties": {**_PROPERTIES, **picked}}


_NUMBERING = re.compile(r"^\s*(?:(?:step\s+)?\d{1,2}[.):]|[-*•])\s+", re.IGNORECASE)
_FENCES = re.compile(r"^```\w*\n?|\n?```$")


def read_pattern(said: str) -> Pattern | None:
    """The pattern that a model spoke, as it spoke it; None when it broke off or kept to no form."""
    try:
        told = json.loads(said)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    return Pattern(
        name=_line(told.get("name")),
        description=_line(told.get("description")),
        steps=_lines(told.get("steps")),
        tags=tuple(tag.lower() for tag in _lines(told.get("tags"))),
        example=_FENCES.sub("", _string(told.get("example")).strip()),
        prerequisites=_lines(told.get("prerequisites")),
    )


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _line(value: Any) -> str:
    return " ".join(_string(value).split())


def _lines(values: Any) -> tuple[str, ...]:
    """Each once, without its number."""
    texts = (_NUMBERING.sub("", _line(value)) for value in values) if isinstance(values, list) else ()
    return tuple(dict.fromkeys(text for text in texts if text))
