"""Tool calls for models whose chat template knows no tools: a JSON Schema holds their answer, a text names the tools.

The answer is `{"tool": NAME, "arguments": {...}}` or, where the model may also speak, `{"answer": "..."}`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hybrid_coordinator.domain.query import (
    Completion,
    Delta,
    Part,
    Prompt,
    Role,
    Spoken,
    StopReason,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from hybrid_coordinator.logic.answer_room import cap_answer
from hybrid_coordinator.logic.bounded_schemas import Bounds, bound_schema, bounds_for
from hybrid_coordinator.logic.tool_signatures import describe_tool

MUST_CALL = 'Call the tool that serves the request. Reply as {"tool": name, "arguments": {...}}. Tools:'
MAY_CALL = (
    'Call a tool when one serves the request: {"tool": name, "arguments": {...}}. '
    'Otherwise reply as {"answer": text}. Tools:'
)


def offered_tools(prompt: Prompt) -> tuple[Tool, ...]:
    """The tools that may be called in this answer."""
    if prompt.tool_choice is ToolChoice.NONE and not prompt.forced_tool:
        return ()
    return tuple(tool for tool in prompt.tools if prompt.forced_tool in ("", tool.name))


def must_call(prompt: Prompt) -> bool:
    """Whether an answer without a call is none."""
    return bool(prompt.forced_tool) or prompt.tool_choice is ToolChoice.REQUIRED


def tool_prompt(prompt: Prompt, context_tokens: int) -> Prompt:
    """The same request without tools: calls and results become words, and the schema holds an answer that fits."""
    tools = offered_tools(prompt)
    told = replace(prompt, turns=_plain_turns(prompt.turns), tools=(), tool_choice=ToolChoice.AUTO, forced_tool="")
    if not tools:
        return told
    order = MUST_CALL if must_call(prompt) else MAY_CALL
    listed = "\n".join([order, *(describe_tool(tool) for tool in tools)])
    told = cap_answer(replace(told, system=f"{prompt.system}\n\n{listed}".strip()), context_tokens)
    answer = None if must_call(prompt) else {"type": "string"} if prompt.schema is None else prompt.schema
    return replace(told, schema=tool_schema(tools, bounds_for(told.max_tokens), answer))


def tool_schema(tools: Sequence[Tool], bounds: Bounds, answer: Mapping[str, Any] | None) -> dict[str, Any]:
    """One alternative a tool; and one for an answer that follows the schema `answer`, unless that is None."""
    calls = [
        _closed({"tool": {"const": tool.name}, "arguments": bound_schema(_arguments_of(tool), bounds)})
        for tool in tools
    ]
    spoken = [] if answer is None else [_closed({"answer": bound_schema(answer, bounds)})]
    alternatives = spoken + calls
    return alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}


def speaks_of_tools(prompt: Prompt) -> bool:
    """Whether a template without tools would lose something of it."""
    told = any(isinstance(part, ToolCall | ToolResult) for turn in prompt.turns for part in turn.parts)
    return told or bool(prompt.tools)


def tool_spoken(completion: Completion, prompt: Prompt) -> list[Spoken]:
    """What a model said under the grammar, as if it had called tools itself.

    An answer without the promised shape, a cut one above all, stays text. Calls are numbered through the
    conversation, so that no two of it share an id.
    """
    said = _parse(completion.text)
    stop = completion.finished.stop
    pieces: list[Spoken] = list(completion.thoughts)
    tool = next((one for one in offered_tools(prompt) if one.name == said.get("tool")), None)
    if tool is not None and isinstance(said.get("arguments"), dict):
        pieces.append(ToolCall(f"call_{_calls_so_far(prompt)}", tool.name, _written(said["arguments"]), tool.namespace))
        stop = StopReason.TOOLS
    elif text := _answer_in(said, completion.text):
        pieces.append(Delta(text))
    return [*pieces, replace(completion.finished, stop=stop)]


def _parse(text: str) -> Mapping[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _answer_in(said: Mapping[str, Any], text: str) -> str:
    answer = said.get("answer", text)
    return answer if isinstance(answer, str) else _written(answer)


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _arguments_of(tool: Tool) -> Mapping[str, Any]:
    """Tools without parameters may come with an empty schema, which would allow more than an object."""
    return {**tool.parameters, "type": "object"}


def _calls_so_far(prompt: Prompt) -> int:
    return sum(isinstance(part, ToolCall) for turn in prompt.turns for part in turn.parts)


def _plain_turns(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    names = {part.id: part.name for turn in turns for part in turn.parts if isinstance(part, ToolCall)}
    plain = (Turn(turn.role, tuple(_plain_part(part, names) for part in turn.parts)) for turn in turns)
    return _join_neighbours(turn for turn in plain if turn.parts)


def _plain_part(part: Part, names: Mapping[str, str]) -> Part:
    match part:
        case ToolCall():
            return f'{{"tool": {json.dumps(part.name)}, "arguments": {part.arguments or "{}"}}}'
        case ToolResult():
            verb = "failed" if part.failed else "returned"
            return f"{names.get(part.call_id, 'The tool')} {verb}: {part.text}"
        case _:
            return part


def _join_neighbours(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """Templates without tools want user and assistant in turn; results and the words after them are one turn."""
    joined: list[Turn] = []
    for turn in turns:
        if joined and joined[-1].role is turn.role and turn.role is not Role.SYSTEM:
            joined[-1] = Turn(turn.role, joined[-1].parts + turn.parts)
        else:
            joined.append(turn)
    return tuple(joined)
