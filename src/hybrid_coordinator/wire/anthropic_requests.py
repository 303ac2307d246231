"""Anthropic Messages, as a server hears it: https://docs.anthropic.com/en/api/messages."""

from collections.abc import Callable, Iterable, Mapping
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
from hybrid_coordinator.wire.anthropic import MAX_TEMPERATURE
from hybrid_coordinator.wire.checked import Field
from hybrid_coordinator.wire.conversation import UNSAID_MAX_TOKENS, split_system
from hybrid_coordinator.wire.injected import BILLING_MARK
from hybrid_coordinator.wire.json_events import member, objects, said, write_json

PLACEHOLDER_TOOL = "DeferredToolPlaceholder"
"""Claude Code's tool that nobody may call."""

_CHOICES: Mapping[str, ToolChoice] = {
    "auto": ToolChoice.AUTO,
    "any": ToolChoice.REQUIRED,
    "tool": ToolChoice.REQUIRED,
    "none": ToolChoice.NONE,
}


def decode_request(body: Mapping[str, Any]) -> Prompt:
    """What is asked, without what only Anthropic's own models can do. Raises BadInput, which names the field."""
    request = Field(body)
    messages = request.at("messages")
    front = Turn(Role.SYSTEM, _decode_system(request.at("system")))
    system, turns = split_system([front, *(_decode_message(message) for message in messages.items())])
    if not turns:
        raise messages.refuse("a list with a message of the user")
    choice = request.at("tool_choice")
    return Prompt(
        turns=turns,
        system=system,
        max_tokens=request.at("max_tokens").count() or UNSAID_MAX_TOKENS,
        temperature=request.at("temperature").number(0.0, MAX_TEMPERATURE),
        top_p=request.at("top_p").number(0.0, 1.0),
        stop=tuple(word.text() for word in request.at("stop_sequences").items()),
        tools=_decode_tools(request),
        tool_choice=_decode_choice(choice.at("type")),
        forced_tool=choice.at("name").name() if choice.at("type").value == "tool" else "",
        schema=_decode_schema(request),
    )


def _decode_system(system: Field) -> tuple[str, ...]:
    parts = _decode_content(system)
    return tuple(part for part in parts if isinstance(part, str) and not part.startswith(BILLING_MARK))


def _decode_message(message: Field) -> Turn:
    role = message.at("role")
    if role.text() not in tuple(Role):
        raise role.refuse(f"one of {', '.join(Role)}")
    return Turn(Role(role.text()), _decode_content(message.at("content")))


def _decode_content(content: Field) -> tuple[Part, ...]:
    if isinstance(content.value, str):
        return (content.value,) if content.value else ()
    return tuple(part for block in content.items() if (part := _decode_block(block)))


def _decode_block(block: Field) -> Part | None:
    """A block as what a model elsewhere can take; None for the traces of tools that ran at Anthropic."""
    kind = block.at("type").text()
    if decode := _BLOCKS.get(kind):
        return decode(block)
    return None if kind == "server_tool_use" or kind.endswith("_tool_result") else f"[{kind}: left out]"


def _decode_text(block: Field) -> str:
    return block.at("text").text()


def _decode_image(block: Field) -> Image | str:
    source = block.at("source")
    match source.at("type").text():
        case "base64":
            return Image(f"data:{source.at('media_type').name()};base64,{source.at('data').text()}")
        case "url":
            return Image(source.at("url").name())
        case kind:
            return f"[image in a {kind}: left out]"


def _decode_call(block: Field) -> ToolCall:
    return ToolCall(block.at("id").name(), block.at("name").name(), write_json(block.at("input").object_or_empty()))


def _decode_result(block: Field) -> ToolResult:
    parts = _decode_content(block.at("content"))
    text = "\n".join(part for part in parts if isinstance(part, str))
    images = tuple(part for part in parts if isinstance(part, Image))
    return ToolResult(block.at("tool_use_id").name(), text, block.at("is_error").value is True, images)


def _decode_thought(block: Field) -> Thought:
    return Thought(block.at("thinking").text_or_empty(), block.at("signature").text_or_empty())


def _decode_sealed(block: Field) -> Thought:
    return Thought("", sealed=block.at("data").text())


def _decode_reference(block: Field) -> str:
    return f"The tool {block.at('tool_name').name()} can be called now."


def _decode_document(block: Field) -> str:
    title, source = block.at("title").text_or_empty(), block.at("source")
    match source.at("type").value:
        case "text":
            text = source.at("data").text()
        case "content":
            text = "\n".join(part for part in _decode_content(source.at("content")) if isinstance(part, str))
        case _:
            text = "[document: left out]"
    return f"{title}\n{text}" if title else text


def _decode_summary(block: Field) -> str:
    """What a longer conversation was cut down to."""
    return block.at("content").text_or_empty()


def _decode_found(block: Field) -> str:
    parts = _decode_content(block.at("content"))
    return "\n".join([block.at("title").text_or_empty(), *(part for part in parts if isinstance(part, str))])


_BLOCKS: Mapping[str, Callable[[Field], Part]] = {
    "text": _decode_text,
    "image": _decode_image,
    "tool_use": _decode_call,
    "tool_result": _decode_result,
    "thinking": _decode_thought,
    "redacted_thinking": _decode_sealed,
    "tool_reference": _decode_reference,
    "document": _decode_document,
    "search_result": _decode_found,
    "compaction": _decode_summary,
}


def _decode_tools(request: Field) -> tuple[Tool, ...]:
    """The tools a model can call now: not those that run at Anthropic, nor those it has yet to search for."""
    loaded = set(_loaded_tools(objects(request.object(), "messages")))
    return tuple(_decode_tool(tool) for tool in request.at("tools").items() if _is_callable(tool, loaded))


def _is_callable(tool: Field, loaded: set[str]) -> bool:
    name = tool.at("name").name()
    ours = tool.at("type").value in (None, "custom") and name != PLACEHOLDER_TOOL
    return ours and (tool.at("defer_loading").value is not True or name in loaded)


def _loaded_tools(messages: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """The names of tools that a search found or that were called already."""
    for message in messages:
        for block in objects(message, "content"):
            yield said(block, "name")
            found = objects(member(block, "content"), "tool_references")
            yield from (said(reference, "tool_name") for reference in objects(block, "content") + found)


def _decode_tool(tool: Field) -> Tool:
    return Tool(
        tool.at("name").name(), tool.at("description").text_or_empty(), tool.at("input_schema").object_or_empty()
    )


def _decode_choice(kind: Field) -> ToolChoice:
    if kind.value is None:
        return ToolChoice.AUTO
    if kind.text() not in _CHOICES:
        raise kind.refuse(f"one of {', '.join(_CHOICES)}")
    return _CHOICES[kind.text()]


def _decode_schema(request: Field) -> Mapping[str, Any] | None:
    """The place of today, and that of the beta before it."""
    wanted = [request.at("output_config").at("format"), request.at("output_format")]
    schemas = (form.at("schema").object() for form in wanted if form.at("type").value == "json_schema")
    return next(schemas, None)
