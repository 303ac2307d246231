"""Calls in the shape in which the asker of a Responses request declared its tools."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hybrid_coordinator.domain.query import ToolCall
from hybrid_coordinator.wire.json_events import objects, said
from hybrid_coordinator.wire.openai_responses_items import encode_call
from hybrid_coordinator.wire.tool_calls import FREE_INPUT, NAMESPACE_MARK, arguments_of, full_name


@dataclass(frozen=True, slots=True)
class CallShapes:
    """By their full names: the namespace and name of every tool, and which of them take free text."""

    names: Mapping[str, tuple[str, str]]
    custom: frozenset[str]

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "CallShapes":
        """The shapes of the tools in a request, whatever else it holds."""
        tools = list(_tools(request))
        return cls(
            {_joined(namespace, said(tool, "name")): (namespace, said(tool, "name")) for namespace, tool in tools},
            frozenset(_joined(namespace, said(tool, "name")) for namespace, tool in tools if _is_custom(tool)),
        )

    def encode(self, call: ToolCall, item_id: str) -> dict[str, Any]:
        """The finished item of a call; a full name is taken apart again."""
        full = full_name(call)
        namespace, name = self.names.get(full, (call.namespace, call.name))
        item = encode_call(replace(call, namespace=namespace, name=name)) | {"id": item_id, "status": "completed"}
        if full not in self.custom:
            return item
        del item["arguments"]
        told = arguments_of(call).get(FREE_INPUT)
        return item | {"type": "custom_tool_call", "input": told if isinstance(told, str) else call.arguments}

    def told_in(self, item: Mapping[str, Any]) -> tuple[str, str]:
        """The key that holds what a tool is given, and the name of the events that tell it."""
        if item["type"] == "custom_tool_call":
            return "input", "custom_tool_call_input"
        return "arguments", "function_call_arguments"


def _tools(request: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for tool in objects(request, "tools"):
        if tool.get("type") == "namespace":
            yield from ((said(tool, "name"), inner) for inner in objects(tool, "tools"))
        else:
            yield "", tool


def _is_custom(tool: Mapping[str, Any]) -> bool:
    return tool.get("type") == "custom"


def _joined(namespace: str, name: str) -> str:
    return f"{namespace}{NAMESPACE_MARK}{name}" if namespace else name
