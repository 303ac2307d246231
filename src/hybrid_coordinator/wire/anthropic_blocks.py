"""Parts of turns as the content blocks of Anthropic Messages."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from hybrid_coordinator.domain.query import Image, Part, Role, Thought, ToolCall, ToolResult, Turn
from hybrid_coordinator.wire.conversation import results_first
from hybrid_coordinator.wire.json_events import write_json
from hybrid_coordinator.wire.tool_calls import arguments_of, full_name

_DATA_URL = re.compile(r"data:([^;,]+);base64,")


def encode_message(turn: Turn) -> dict[str, Any] | None:
    """A turn as a message, or None when nothing of it may be sent. A single text stands without a block."""
    blocks = encode_blocks(results_first(turn.parts) if turn.role is Role.USER else turn.parts)
    if not blocks:
        return None
    single = len(blocks) == 1 and blocks[0]["type"] == "text"
    return {"role": turn.role.value, "content": blocks[0]["text"] if single else blocks}


def encode_blocks(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """The blocks of these parts; what the API would refuse is left out."""
    return [block for part in parts if (block := _encode_part(part))]


def encode_thought(thought: Thought) -> dict[str, Any] | None:
    """A thought as its block, if it carries Anthropic's own seal.

    A block without one would be refused when the client sends it back to Anthropic, and with it the whole conversation.
    A thought with both a signature and a sealed content is OpenAI's.
    """
    if thought.signature and not thought.sealed:
        return {"type": "thinking", "thinking": thought.text, "signature": thought.signature}
    if thought.sealed and not thought.signature:
        return {"type": "redacted_thinking", "data": thought.sealed}
    return None


def encode_call(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": full_name(call), "input": arguments_of(call)}


def read_part(block: Mapping[str, Any]) -> Thought | ToolCall | None:
    """A whole block of an answer that is neither text nor unknown."""
    match block.get("type"):
        case "tool_use":
            return ToolCall(str(block.get("id")), str(block.get("name")), write_json(block.get("input") or {}))
        case "thinking":
            return Thought(str(block.get("thinking") or ""), str(block.get("signature") or ""))
        case "redacted_thinking":
            return Thought("", sealed=str(block.get("data") or ""))
    return None


def _encode_part(part: Part) -> dict[str, Any] | None:
    match part:
        case str():
            return {"type": "text", "text": part} if part.strip() else None
        case Image(url):
            return {"type": "image", "source": _encode_source(url)}
        case ToolCall():
            return encode_call(part)
        case ToolResult():
            return _encode_result(part)
        case Thought():
            return encode_thought(part)


def _encode_source(url: str) -> dict[str, str]:
    if inside := _DATA_URL.match(url):
        return {"type": "base64", "media_type": inside[1], "data": url[inside.end() :]}
    return {"type": "url", "url": url}


def _encode_result(result: ToolResult) -> dict[str, Any]:
    pictures = encode_blocks(result.images)
    content = encode_blocks([result.text]) + pictures if pictures else result.text
    block = {"type": "tool_result", "tool_use_id": result.call_id, "content": content}
    return block | ({"is_error": True} if result.failed else {})
