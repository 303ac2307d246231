"""Whether tool calls and JSON answers are what was asked for, by JSON Schema."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from hybrid_coordinator.domain.query import Completion, Prompt, Tool, ToolCall
from hybrid_coordinator.logic.tool_grammar import must_call, offered_tools

_ATTEMPT = re.compile(
    r"""(?x) <\|?tool_call\|?> | <function[=\s(] | \[TOOL_CALLS\] | ```tool_call | <invoke\ name=
      | ^\W{0,12}(?:json)?\s*\{\s*"(?:tool|function|name|tool_calls)"\s*:
        .{0,200}? "(?:arguments|parameters|input)"\s*: """,
    re.DOTALL,
)


_NESTED_RUNS = re.compile(r"\([^()]*(?:[+*]|\{\d*,\d*\})[^()]*\)(?:[+*]|\{)|\(\([^()]*[+*][^()]*\)")
"""Repetitions of repetitions, with which a pattern may take longer than anybody waits."""


def _match_pattern(validator: Any, pattern: str, value: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not _NESTED_RUNS.search(pattern) and not re.search(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _pass_over(validator: Any, patterns: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    return iter(())


_Validator = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {"pattern": _match_pattern, "patternProperties": _pass_over}
)
"""Schemas come from outside: patterns that may run for ever are not judged, nor names of properties by pattern."""


def find_call_fault(prompt: Prompt, completion: Completion) -> str | None:
    """What is wrong with the calls; with their absence, where one was demanded; with a call that came out as text."""
    faults = (_find_fault(call, prompt) for call in completion.calls)
    if fault := next((fault for fault in faults if fault), None):
        return fault
    if not completion.calls and must_call(prompt):
        return f"it did not call {prompt.forced_tool or 'any tool'}, as it had to"
    if not completion.calls and offered_tools(prompt) and _ATTEMPT.search(completion.text):
        return "it wrote a tool call as text"
    return None


def find_json_fault(schema: Mapping[str, Any], text: str) -> str | None:
    """Why a text is not the JSON that the schema asks for; an empty schema asks for any object."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"it is not JSON: {error}"
    return find_schema_fault(schema or {"type": "object"}, value)


def find_schema_fault(schema: Mapping[str, Any], value: Any) -> str | None:
    """The first place where a value breaks a schema. One that is no schema, or refers elsewhere, judges nothing."""
    try:
        Draft202012Validator.check_schema(schema)
        errors = _Validator(schema, registry=Registry()).iter_errors(value)
        fault = next(iter(errors), None)
    except (SchemaError, Unresolvable, RecursionError, re.error):
        return None
    return f"{fault.json_path}: {fault.message[:160]}" if fault else None


def _find_fault(call: ToolCall, prompt: Prompt) -> str | None:
    tool = next((tool for tool in prompt.tools if _names(call, tool)), None)
    if tool is None:
        return f"it called {call.name!r}, and there is no such tool"
    if prompt.forced_tool not in ("", tool.name, call.name):
        return f"it called {call.name!r} where {prompt.forced_tool!r} was demanded"
    try:
        arguments = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError) as error:
        return f"its arguments for {call.name!r} are not JSON: {error}"
    if not isinstance(arguments, dict):
        return f"its arguments for {call.name!r} are not an object"
    fault = find_schema_fault(tool.parameters, arguments)
    return f"its arguments for {call.name!r} do not fit: {fault}" if fault else None


def _names(call: ToolCall, tool: Tool) -> bool:
    """Models that know no namespaces write them in front of the name."""
    if call.name == tool.name:
        return call.namespace in ("", tool.namespace)
    return bool(tool.namespace) and call.name.startswith(tool.namespace) and call.name.endswith(tool.name)
