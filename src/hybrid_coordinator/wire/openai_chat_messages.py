"""Turns as the messages of OpenAI Chat Completions."""

from collections.abc import Iterable, Sequence
from typing import Any

from hybrid_coordinator.domain.query import Image, Part, Role, Thought, ToolCall, ToolResult, Turn
from hybrid_coordinator.wire.tool_calls import full_name

FAILED = "Error: "
"""In front of what a failed tool said: OpenAI's formats have no other place for it."""


def encode_turn(turn: Turn, *, with_thoughts: bool) -> list[dict[str, Any]]:
    """The messages of one turn: results of tools each have their own, in front of what the user says besides."""
    if turn.role is Role.ASSISTANT:
        return _encode_assistant(turn, with_thoughts)
    results = [part for part in turn.parts if isinstance(part, ToolResult)]
    pictures = [image for result in results for image in result.images]
    content = encode_content([*pictures, *turn.parts])
    said = [{"role": turn.role.value, "content": content}] if content else []
    return [_encode_result(result) for result in results] + said


def encode_content(parts: Iterable[Part]) -> str | list[dict[str, Any]]:
    """Words alone as one text, which every server takes; with pictures among them a list."""
    told = [part for part in parts if isinstance(part, str | Image)]
    if any(isinstance(part, Image) for part in told):
        return [_encode_part(part) for part in told]
    return "\n".join(part for part in told if isinstance(part, str))


def encode_call(call: ToolCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": full_name(call), "arguments": call.arguments or "{}"},
    }


def encode_said(content: str, calls: Sequence[ToolCall], thoughts: str) -> dict[str, Any]:
    """An assistant's message."""
    message: dict[str, Any] = {"role": "assistant", "content": content or None}
    if thoughts:
        message["reasoning_content"] = thoughts
    if calls:
        message["tool_calls"] = [encode_call(call) for call in calls]
    return message


def marked_text(result: ToolResult) -> str:
    """What a tool said, with a word in front when it failed and does not say so itself."""
    marked = result.failed and not result.text.lower().startswith(FAILED.lower())
    return FAILED * marked + result.text


def _encode_assistant(turn: Turn, with_thoughts: bool) -> list[dict[str, Any]]:
    calls = [part for part in turn.parts if isinstance(part, ToolCall)]
    thoughts = [part.text for part in turn.parts if isinstance(part, Thought)] if with_thoughts else []
    if not turn.text and not calls:
        return []
    return [encode_said(turn.text, calls, "\n".join(thoughts))]


def _encode_result(result: ToolResult) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": result.call_id, "content": marked_text(result)}


def _encode_part(part: str | Image) -> dict[str, Any]:
    if isinstance(part, Image):
        return {"type": "image_url", "image_url": {"url": part.url}}
    return {"type": "text", "text": part}
