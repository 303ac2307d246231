"""JSON schemas of requests and results, as agents and their hosts read them best."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel


def input_schema(request: type[BaseModel]) -> dict[str, Any]:
    """What a tool takes, flat: what may be null is shown as what may be left out."""
    schema = _tidy_schema(request.model_json_schema())
    properties = {name: _without_null(field) for name, field in schema["properties"].items()}
    return {**schema, "properties": properties}


def output_schema(result: type[BaseModel]) -> dict[str, Any]:
    """What a tool returns. Nested objects stay under `$defs`, because several lists hold the same kind."""
    return _tidy_schema(result.model_json_schema(mode="serialization"))


def _tidy_schema(schema: dict[str, Any]) -> dict[str, Any]:
    defined = schema.get("$defs", {})
    enums = {f"#/$defs/{name}": _tidy(node, {}) for name, node in defined.items() if "enum" in node}
    objects = {name: _tidy(node, enums) for name, node in defined.items() if "enum" not in node}
    body = {name: node for name, node in schema.items() if name != "$defs"}
    tidied = {"properties": {}, **_tidy(body, enums)}
    return {**tidied, "$defs": objects} if objects else tidied


def _tidy(node: Any, enums: Mapping[str, Any]) -> Any:
    """Without titles, and with the values of an enumeration where it is used: both are what a reader wants."""
    if isinstance(node, list):
        return [_tidy(item, enums) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("$ref") in enums:
        written_out = enums[node["$ref"]]
        node = {"type": written_out["type"], "enum": written_out["enum"], **node}
        del node["$ref"]
    return {name: _tidy_keyword(name, value, enums) for name, value in node.items() if name != "title"}


def _tidy_keyword(name: str, value: Any, enums: Mapping[str, Any]) -> Any:
    if name == "properties":  # its keys are names of fields, and one of them may well be `title`
        return {field: _tidy(schema, enums) for field, schema in value.items()}
    return _tidy(value, enums)


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    choices = [choice for choice in field.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) != 1:
        return field
    return {**choices[0], **{name: value for name, value in field.items() if name not in ("anyOf", "default")}}
