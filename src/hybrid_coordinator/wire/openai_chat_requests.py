"""OpenAI Chat Completions, as a server hears it: https://platform.openai.com/docs/api-reference/chat/create."""

from collections.abc import Callable, Mapping
from typing import Any

from hybrid_coordinator.domain.query import (
    Image,
    Part,
    Prompt,
    Role,
    Thought,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from hybrid_coordinator.wire.checked import Field
from hybrid_coordinator.wire.conversation import UNSAID_MAX_TOKENS, split_system
from hybrid_coordinator.wire.tool_calls import arguments_text

MAX_TEMPERATURE = 2.0


def decode_request(body: Mapping[str, Any]) -> Prompt:
    """What is asked. Raises BadInput, which names the field, for what no server would take."""
    request = Field(body)
    messages = request.at("messages")
    system, turns = split_system(decode_message(message) for message in messages.items())
    if not turns:
        raise messages.refuse("a list with a message of the user")
    limits = (request.at("max_completion_tokens").count(), request.at("max_tokens").count())
    choice, forced = decode_choice(request.at("tool_choice"))
    return Prompt(
        turns=turns,
        system=system,
        max_tokens=next((limit for limit in limits if limit), UNSAID_MAX_TOKENS),
        temperature=request.at("temperature").number(0.0, MAX_TEMPERATURE),
        top_p=request.at("top_p").number(0.0, 1.0),
        stop=decode_stop(request.at("stop")),
        tools=tuple(_decode_tool(tool) for tool in request.at("tools").items() if tool.at("function").value),
        tool_choice=choice,
        forced_tool=forced,
        schema=_decode_schema(request.at("response_format")),
    )


def decode_message(message: Field) -> Turn:
    """One message as a turn of its own."""
    decode = _ROLES.get(message.at("role").text())
    if decode is None:
        raise message.at("role").refuse(f"one of {', '.join(_ROLES)}")
    return decode(message)


def decode_choice(choice: Field) -> tuple[ToolChoice, str]:
    """Whether a tool is called, and which one must be; both OpenAI formats have it this way but for where the name
    stands."""
    if choice.value is None:
        return ToolChoice.AUTO, ""
    if isinstance(choice.value, str):
        if choice.value not in tuple(ToolChoice):
            raise choice.refuse(f"one of {', '.join(ToolChoice)}, or an object")
        return ToolChoice(choice.value), ""
    match choice.at("type").text():
        case "function" | "custom" as kind:
            named = choice.at(kind).at("name") if choice.at(kind).value else choice.at("name")
            return ToolChoice.REQUIRED, named.name()
        case "allowed_tools":
            allowed = choice.at("allowed_tools") if choice.at("allowed_tools").value else choice
            return ToolChoice.REQUIRED if allowed.at("mode").value == "required" else ToolChoice.AUTO, ""
    return ToolChoice.AUTO, ""


def decode_stop(stop: Field) -> tuple[str, ...]:
    """A text, or a list of them."""
    words = [stop] if isinstance(stop.value, str) else stop.items()
    return tuple(word.text() for word in words if word.text())


def _decode_system(message: Field) -> Turn:
    return Turn(Role.SYSTEM, _decode_content(message.at("content")))


def _decode_user(message: Field) -> Turn:
    return Turn(Role.USER, _decode_content(message.at("content")))


def _decode_assistant(message: Field) -> Turn:
    thoughts = (message.at(key).value for key in ("reasoning_content", "reasoning"))
    thought = next((text for text in thoughts if isinstance(text, str) and text), "")
    calls = tuple(_decode_call(call) for call in message.at("tool_calls").items())
    refusal = message.at("refusal").text_or_empty()
    parts: tuple[Part, ...] = ((Thought(thought),) if thought else ()) + _decode_content(message.at("content"))
    return Turn(Role.ASSISTANT, parts + ((refusal,) if refusal else ()) + calls)


def _decode_result(message: Field) -> Turn:
    parts = _decode_content(message.at("content"))
    text = "\n".join(part for part in parts if isinstance(part, str))
    images = tuple(part for part in parts if isinstance(part, Image))
    return Turn(Role.USER, (ToolResult(message.at("tool_call_id").name(), text, images=images),))


_ROLES: Mapping[str, Callable[[Field], Turn]] = {
    "system": _decode_system,
    "developer": _decode_system,
    "user": _decode_user,
    "assistant": _decode_assistant,
    "tool": _decode_result,
}


def _decode_content(content: Field) -> tuple[Part, ...]:
    if isinstance(content.value, str):
        return (content.value,) if content.value else ()
    decoded = (_decode_part(part) for part in content.items())
    return tuple(part for part in decoded if part)


def _decode_part(part: Field) -> str | Image:
    match part.at("type").text():
        case "text" | "refusal" as key:
            return part.at(key).text()
        case "image_url":
            return Image(part.at("image_url").at("url").name())
        case kind:
            return f"[{kind}: left out]"


def _decode_call(call: Field) -> ToolCall:
    custom = call.at("custom")
    if custom.value is not None:
        return ToolCall(
            call.at("id").name(), custom.at("name").name(), arguments_text({"input": custom.at("input").text()})
        )
    function = call.at("function")
    return ToolCall(call.at("id").name(), function.at("name").name(), arguments_text(function.at("arguments").value))


def _decode_tool(tool: Field) -> Tool:
    function = tool.at("function")
    return Tool(
        function.at("name").name(),
        function.at("description").text_or_empty(),
        function.at("parameters").object_or_empty(),
    )


def _decode_schema(wanted: Field) -> Mapping[str, Any] | None:
    match wanted.at("type").value:
        case "json_object":
            return {}
        case "json_schema":
            return wanted.at("json_schema").at("schema").object_or_empty()
    return None
