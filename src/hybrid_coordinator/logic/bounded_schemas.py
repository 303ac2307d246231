"""JSON Schemas as llama.cpp's grammar can keep them, and such that a small model comes to an end.

Whatever satisfies the bounded schema satisfies the original one, as far as the original uses the keywords named here.
What a grammar cannot say (ranges of fractions, multiples, distinct items, patterns that look around) is replaced by
something narrower that it can, and every text and list gets a greatest length.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from hybrid_coordinator.logic.bounded_patterns import bound_pattern

Schema = Mapping[str, Any]

DEEPEST = 6
"""Levels of objects and lists; below them what is optional is left out, so that recursive schemas end."""

STEPS = 10
"""A narrow range of fractions becomes this many equal steps: grammars know ranges of whole numbers only."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a model may say in one value: characters of a text, items of a list."""

    longest_text: int = 200
    most_items: int = 4


def bounds_for(max_tokens: int) -> Bounds:
    """Half of the answer for its longest text: a character costs a token at worst, a third of one usually."""
    return Bounds(longest_text=min(1500, max(40, max_tokens // 2)))


def bound_schema(schema: Schema, bounds: Bounds) -> dict[str, Any]:
    """The narrower schema, with every `$ref` put in its place."""
    return _Narrowing(schema, bounds).narrow(schema)


@dataclass(frozen=True, slots=True)
class _Narrowing:
    """Where in a schema we are: `root` is what references point into."""

    root: Schema
    bounds: Bounds
    depth: int = 0

    def narrow(self, schema: Any) -> dict[str, Any]:
        schema = self._resolve(schema)
        for fixed in ("const", "enum"):
            if fixed in schema:
                return {fixed: schema[fixed]}
        for choice in ("anyOf", "oneOf"):
            if isinstance(schema.get(choice), list) and schema[choice]:
                return {"anyOf": [self.narrow(option) for option in schema[choice]]}
        kind = _kind(schema)
        if isinstance(kind, list):
            return {"anyOf": [self.narrow({**schema, "type": one}) for one in kind]}
        return self._narrow_kind(kind, schema)

    def _narrow_kind(self, kind: str, schema: Schema) -> dict[str, Any]:
        match kind:
            case "object":
                return self._object(schema)
            case "array":
                return self._list(schema)
            case "integer" | "number":
                return _number(kind, schema)
            case "boolean" | "null":
                return {"type": kind}
            case _:
                return self._text(schema)

    def _resolve(self, schema: Any) -> Schema:
        """Follow references; what leads nowhere, or in a circle, allows anything. Parts of `allOf` are joined."""
        seen: set[str] = set()
        while isinstance(schema, Mapping) and isinstance(path := schema.get("$ref"), str) and path not in seen:
            seen.add(path)
            schema = _look_up(self.root, path)
        if not isinstance(schema, Mapping) or "$ref" in schema:
            return {}
        parts = schema.get("allOf")
        return _join(schema, [self._resolve(part) for part in parts]) if isinstance(parts, list) else schema

    def _object(self, schema: Schema) -> dict[str, Any]:
        """Only the properties that are named: what may be added freely would not end."""
        named = schema.get("properties") or {}
        demanded = [name for name in schema.get("required") or () if isinstance(name, str)]
        required = demanded if self.depth < 2 * DEEPEST else []
        optional = [name for name in named if name not in required] if self.depth < DEEPEST else []
        inner = replace(self, depth=self.depth + 1)
        return {
            "type": "object",
            "properties": {
                name: inner.narrow(named.get(name, {}))
                for name in [*named, *required]
                if name in required or name in optional
            },
            "required": required,
            "additionalProperties": False,
        }

    def _list(self, schema: Schema) -> dict[str, Any]:
        least = schema.get("minItems", 0)
        most = 1 if schema.get("uniqueItems") else self.bounds.most_items
        most = max(least, min(most, schema.get("maxItems", most)))
        if self.depth >= DEEPEST and not least:
            return {"type": "array", "items": {"type": "null"}, "maxItems": 0}
        items = replace(self, depth=self.depth + 1).narrow(schema.get("items", {}))
        return {"type": "array", "items": items, "minItems": least, "maxItems": most}

    def _text(self, schema: Schema) -> dict[str, Any]:
        if schema.get("format") in ("date", "time", "date-time", "uuid"):
            return {"type": "string", "format": schema["format"]}
        if isinstance(schema.get("pattern"), str) and (pattern := bound_pattern(schema["pattern"])):
            return {"type": "string", "pattern": pattern}
        least = schema.get("minLength", 0)
        most = max(least, min(self.bounds.longest_text, schema.get("maxLength", self.bounds.longest_text)))
        return {"type": "string", "minLength": least, "maxLength": most}


def _kind(schema: Schema) -> Any:
    if "type" in schema:
        return schema["type"]
    return "object" if "properties" in schema else "array" if "items" in schema else "string"


def _look_up(root: Schema, path: str) -> Any:
    """What a reference within the document names, else None."""
    found: Any = root if path.startswith("#") else None
    for step in path.removeprefix("#").strip("/").split("/"):
        if step:
            found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _join(schema: Schema, parts: list[Schema]) -> Schema:
    """What all parts demand: a later one wins where two say different things of the same key."""
    whole = {key: value for key, value in schema.items() if key != "allOf"}
    for part in parts:
        properties = {**whole.get("properties", {}), **part.get("properties", {})}
        required = [*whole.get("required", ()), *part.get("required", ())]
        whole = {**whole, **part}
        if properties:
            whole |= {"properties": properties, "required": required}
    return whole


def _number(kind: str, schema: Schema) -> dict[str, Any]:
    low, high = _range(kind, schema)
    step = schema.get("multipleOf")
    if step:
        first = math.ceil(low / step) if low > -math.inf else 0
        multiples = (number * step for number in range(first, first + 1000))
        return {"enum": list(islice((one for one in multiples if one <= high), 50)) or [first * step]}
    if kind == "number" and high - low < STEPS:
        return {"enum": [round(low + (high - low) * part / STEPS, 6) for part in range(STEPS + 1)]}
    if kind == "number" and low == -math.inf and high == math.inf:
        return {"type": "number"}
    limits = {
        "minimum": math.ceil(low) if low > -math.inf else None,
        "maximum": math.floor(high) if high < math.inf else None,
    }
    return {"type": "integer", **{name: limit for name, limit in limits.items() if limit is not None}}


def _range(kind: str, schema: Schema) -> tuple[float, float]:
    """Both ends may be taken: an excluded one is moved inwards, by one or by a hundredth."""
    inwards = 1 if kind == "integer" else 0.01
    low = max(schema.get("minimum", -math.inf), _exclusive(schema, "exclusiveMinimum", -math.inf) + inwards)
    high = min(schema.get("maximum", math.inf), _exclusive(schema, "exclusiveMaximum", math.inf) - inwards)
    return low, high


def _exclusive(schema: Schema, key: str, without: float) -> float:
    """Drafts before 2019 wrote a boolean here; it is passed over."""
    value = schema.get(key, without)
    return without if isinstance(value, bool) else value
