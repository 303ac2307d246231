"""OpenAI Responses, as a server hears it: https://platform.openai.com/docs/api-reference/responses/create."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hybrid_coordinator.domain.query import Image, Part, Prompt, Role, Thought, Tool, ToolCall, ToolResult, Turn
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.wire.checked import Field
from hybrid_coordinator.wire.conversation import UNSAID_MAX_TOKENS, split_system
from hybrid_coordinator.wire.openai_chat_requests import MAX_TEMPERATURE, decode_choice
from hybrid_coordinator.wire.openai_responses_items import read_item
from hybrid_coordinator.wire.tool_calls import free_schema

_ROLES: Mapping[str, Role] = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
}

_KEPT_ELSEWHERE = ("previous_response_id", "conversation")


def decode_request(body: Mapping[str, Any]) -> Prompt:
    """What is asked, without what only OpenAI's own models can do. Raises BadInput, which names the field."""
    request = Field(body)
    for key in _KEPT_ELSEWHERE:
        if request.at(key).value is not None:
            raise BadInput(f"{key}: no conversation is kept here; send all of it in input")
    instructions = request.at("instructions").text_or_empty()
    front = Turn(Role.SYSTEM, (instructions,) if instructions else ())
    system, turns = split_system([front, *_decode_input(request.at("input"))])
    if not turns:
        raise request.at("input").refuse("a text, or a list with a message of the user,")
    choice, forced = decode_choice(request.at("tool_choice"))
    return Prompt(
        turns=turns,
        system=system,
        max_tokens=request.at("max_output_tokens").count() or UNSAID_MAX_TOKENS,
        temperature=request.at("temperature").number(0.0, MAX_TEMPERATURE),
        top_p=request.at("top_p").number(0.0, 1.0),
        tools=tuple(_decode_tools(request.at("tools").items())),
        tool_choice=choice,
        forced_tool=forced,
        schema=_decode_schema(request.at("text").at("format")),
    )


def _decode_input(told: Field) -> list[Turn]:
    if isinstance(told.value, str):
        return [Turn(Role.USER, (told.value,) if told.value else ())]
    return [turn for item in told.items() if (turn := _decode_item(item))]


def _decode_item(item: Field) -> Turn | None:
    """One item as a turn of its own; None for the traces of tools that ran at OpenAI."""
    kind = "message" if item.at("type").value is None else item.at("type").text()
    decode = _ITEMS.get(kind)
    return decode(item) if decode else None


def _decode_message(item: Field) -> Turn:
    role = item.at("role")
    if role.text() not in _ROLES:
        raise role.refuse(f"one of {', '.join(_ROLES)}")
    return Turn(_ROLES[role.text()], _decode_content(item.at("content")))


def _decode_call(item: Field) -> Turn:
    item.at("call_id").name()
    item.at("name").name()
    return _said(read_item(item.object()))


def _decode_output(item: Field) -> Turn:
    parts = _decode_content(item.at("output"))
    text = "\n".join(part for part in parts if isinstance(part, str))
    images = tuple(part for part in parts if isinstance(part, Image))
    return Turn(Role.USER, (ToolResult(item.at("call_id").name(), text, images=images),))


def _decode_thought(item: Field) -> Turn:
    return _said(read_item(item.object()))


def _refuse_unreadable(item: Field) -> Turn:
    raise BadInput(f"{item.path}: only OpenAI can read this {item.at('type').value}; send the conversation itself")


def _said(part: Thought | ToolCall | None) -> Turn:
    return Turn(Role.ASSISTANT, (part,) if part and part != Thought("") else ())


_ITEMS: Mapping[str, Callable[[Field], Turn]] = {
    "message": _decode_message,
    "function_call": _decode_call,
    "custom_tool_call": _decode_call,
    "function_call_output": _decode_output,
    "custom_tool_call_output": _decode_output,
    "reasoning": _decode_thought,
    "item_reference": _refuse_unreadable,
    "compaction": _refuse_unreadable,
}


def _decode_content(content: Field) -> tuple[Part, ...]:
    if isinstance(content.value, str):
        return (content.value,) if content.value else ()
    decoded = (_decode_part(part) for part in content.items())
    return tuple(part for part in decoded if part)


def _decode_part(part: Field) -> str | Image:
    match part.at("type").text():
        case "input_text" | "output_text" | "text":
            return part.at("text").text()
        case "refusal":
            return part.at("refusal").text()
        case "input_image" if part.at("image_url").value is not None:
            return Image(part.at("image_url").name())
        case kind:
            return f"[{kind}: left out]"


def _decode_tools(tools: Iterable[Field], namespace: str = "") -> Iterable[Tool]:
    """Functions, and free text tools as functions of one argument; what runs at OpenAI is passed over."""
    for tool in tools:
        match tool.at("type").value:
            case "namespace":
                yield from _decode_tools(tool.at("tools").items(), tool.at("name").name())
            case "function":
                yield _decode_tool(tool, tool.at("parameters").object_or_empty(), namespace)
            case "custom":
                yield _decode_tool(tool, free_schema(), namespace)


def _decode_tool(tool: Field, parameters: Mapping[str, Any], namespace: str) -> Tool:
    return Tool(tool.at("name").name(), tool.at("description").text_or_empty(), parameters, namespace)


def _decode_schema(wanted: Field) -> Mapping[str, Any] | None:
    match wanted.at("type").value:
        case "json_object":
            return {}
        case "json_schema":
            return wanted.at("schema").object_or_empty()
    return None
