"""Names and arguments of tools, where the wire formats differ."""

import json
from collections.abc import Sequence
from typing import Any

from hybrid_coordinator.domain.query import Tool, ToolCall
from hybrid_coordinator.wire.json_events import write_json

NAMESPACE_MARK = "__"
"""Between a namespace and a name, for models that know no namespaces."""

FREE_INPUT = "input"
"""The one argument that stands for the free text of a tool without a schema."""


def full_name(named: Tool | ToolCall) -> str:
    """The name with its namespace in front, if it has one."""
    return f"{named.namespace}{NAMESPACE_MARK}{named.name}" if named.namespace else named.name


def forced_name(name: str, tools: Sequence[Tool]) -> str:
    """The full name of the tool that is forced by its own."""
    return next((full_name(tool) for tool in tools if name in (tool.name, full_name(tool))), name)


def arguments_of(call: ToolCall) -> dict[str, Any]:
    """The arguments as an object; what is no JSON object is its one argument `input`."""
    if not call.arguments.strip():
        return {}
    try:
        parsed = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return {FREE_INPUT: call.arguments}
    return parsed if isinstance(parsed, dict) else {FREE_INPUT: parsed}


def arguments_text(arguments: object) -> str:
    """Arguments as JSON, whether a peer sent text, as it should, or an object."""
    return arguments if isinstance(arguments, str) else write_json({} if arguments is None else arguments)


def free_schema() -> dict[str, Any]:
    """The parameters of a tool that takes free text."""
    return {"type": "object", "properties": {FREE_INPUT: {"type": "string"}}, "required": [FREE_INPUT]}
