"""Parts of turns as the items of OpenAI Responses."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from hybrid_coordinator.domain.query import Image, Part, Role, Thought, ToolCall, ToolResult, Turn
from hybrid_coordinator.wire.conversation import results_first
from hybrid_coordinator.wire.json_events import objects, said, write_json
from hybrid_coordinator.wire.openai_chat_messages import marked_text
from hybrid_coordinator.wire.tool_calls import FREE_INPUT, arguments_text

_ROLES: Mapping[Role, str] = {Role.SYSTEM: "developer", Role.USER: "user"}


def encode_turn(turn: Turn) -> list[dict[str, Any]]:
    """The items of one turn, in order. What a user says before or after results and calls is one message."""
    parts = results_first(turn.parts) if turn.role is Role.USER else turn.parts
    items: list[dict[str, Any]] = []
    for speech, group in groupby(parts, key=lambda part: isinstance(part, str | Image)):
        side: list[Part] = list(group)
        items += _encode_speech(turn.role, side) if speech else filter(None, map(_encode_item, side))
    return items


def encode_thought(thought: Thought) -> dict[str, Any] | None:
    """A thought as its item, if it carries OpenAI's own seal: an id and a content that only OpenAI can read.

    An item without them would be refused when the client sends it back to OpenAI, and with it the whole conversation.
    """
    if not thought.signature or not thought.sealed:
        return None
    summary = [{"type": "summary_text", "text": thought.text}] if thought.text else []
    return {"type": "reasoning", "id": thought.signature, "summary": summary, "encrypted_content": thought.sealed}


def encode_call(call: ToolCall) -> dict[str, Any]:
    item = {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments or "{}"}
    return item | ({"namespace": call.namespace} if call.namespace else {})


def read_item(item: Mapping[str, Any]) -> Thought | ToolCall | None:
    """A whole item that is neither a message nor unknown."""
    match item.get("type"):
        case "function_call":
            return _read_call(item, arguments_text(item.get("arguments")) or "{}")
        case "custom_tool_call":
            return _read_call(item, write_json({FREE_INPUT: said(item, "input")}))
        case "reasoning":
            return _read_thought(item)
    return None


def _read_call(item: Mapping[str, Any], arguments: str) -> ToolCall:
    return ToolCall(said(item, "call_id", "id"), said(item, "name"), arguments, said(item, "namespace"))


def _read_thought(item: Mapping[str, Any]) -> Thought:
    """The id counts as a seal only beside a sealed content: without one it names nothing that could be sent back."""
    text = "\n".join(said(piece, "text") for key in ("summary", "content") for piece in objects(item, key))
    sealed = said(item, "encrypted_content")
    return Thought(text, said(item, "id") if sealed else "", sealed)


def _encode_speech(role: Role, parts: Iterable[Part]) -> list[dict[str, Any]]:
    """An assistant's message without an id may hold one plain text and nothing else."""
    if role is Role.ASSISTANT:
        return [{"type": "message", "role": "assistant", "content": part} for part in parts if isinstance(part, str)]
    return [{"type": "message", "role": _ROLES[role], "content": [_encode_part(part) for part in parts]}]


def _encode_part(part: Part) -> dict[str, Any]:
    if isinstance(part, Image):
        return {"type": "input_image", "image_url": part.url, "detail": "auto"}
    return {"type": "input_text", "text": part}


def _encode_item(part: Part) -> dict[str, Any] | None:
    match part:
        case ToolCall():
            return encode_call(part)
        case ToolResult():
            return {"type": "function_call_output", "call_id": part.call_id, "output": _encode_output(part)}
        case Thought():
            return encode_thought(part)
    return None


def _encode_output(result: ToolResult) -> str | list[dict[str, Any]]:
    text = marked_text(result)
    if not result.images:
        return text
    parts: list[Part] = [text, *result.images]
    return [_encode_part(part) for part in parts if part]
