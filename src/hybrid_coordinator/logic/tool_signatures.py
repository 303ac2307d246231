"""A tool in one line: what a small model needs of it, where the whole schema would fill its context."""

import json
from collections.abc import Mapping
from typing import Any

from hybrid_coordinator.domain.query import Tool

LONGEST_DESCRIPTION = 200
MOST_CHOICES = 6


def describe_tool(tool: Tool) -> str:
    """`name(city: string, unit?: "c"|"f") - What it does.`; optional parameters carry a question mark."""
    return f"{tool.name}({_describe_fields(tool.parameters)}) - {_first_sentence(tool.description)}".rstrip(" -")


def _describe_fields(schema: Mapping[str, Any]) -> str:
    required = schema.get("required") or ()
    fields = (schema.get("properties") or {}).items()
    return ", ".join(f"{name}{'' if name in required else '?'}: {_describe_value(value)}" for name, value in fields)


def _describe_value(schema: Any) -> str:
    if not isinstance(schema, Mapping):
        return "any"
    if schema.get("enum"):
        return "|".join(json.dumps(choice, ensure_ascii=False) for choice in schema["enum"][:MOST_CHOICES])
    match schema.get("type"):
        case "object" if schema.get("properties"):
            return f"{{{_describe_fields(schema)}}}"
        case "array":
            return f"[{_describe_value(schema.get('items'))}]"
        case str() as kind:
            return kind
        case _:
            return "any"


def _first_sentence(description: str) -> str:
    line = next(iter(description.strip().splitlines()), "")
    sentence, stop, _ = line.partition(". ")
    return (sentence + stop.strip())[:LONGEST_DESCRIPTION]
