"""Anthropic Messages, as a server answers: https://docs.anthropic.com/en/docs/build-with-claude/streaming."""

from collections.abc import Mapping
from typing import Any

from hybrid_coordinator.domain.query import Completion, Delta, Finished, Spoken, StopReason, Thought, ToolCall, Usage
from hybrid_coordinator.wire.answers import Opening
from hybrid_coordinator.wire.anthropic_blocks import encode_blocks, encode_call, encode_thought
from hybrid_coordinator.wire.json_events import json_bytes, write_json
from hybrid_coordinator.wire.sse import event_bytes
from hybrid_coordinator.wire.tool_calls import arguments_of

_REASONS: Mapping[StopReason, str] = {
    StopReason.LENGTH: "max_tokens",
    StopReason.TOOLS: "tool_use",
    StopReason.REFUSED: "refusal",
}

_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}


def encode_completion(completion: Completion, opening: Opening) -> dict[str, Any]:
    """A whole answer."""
    finished = completion.finished
    content = encode_blocks([*completion.thoughts, completion.text, *completion.calls])
    usage = _encode_usage(finished.usage)
    return _message(opening, content, usage) | {"stop_reason": _REASONS.get(finished.stop, "end_turn")}


def encode_error(status: int, kind: str, message: str) -> dict[str, Any]:
    """The body of an error. The format has no place for our own name for it."""
    usual = "api_error" if status >= 500 else "invalid_request_error"
    return {"type": "error", "error": {"type": _TYPES.get(status, usual), "message": message}}


def encode_failure(status: int, kind: str, message: str) -> bytes:
    """An error told within a stream."""
    return _event(encode_error(status, kind, message))


class MessageWriter:
    """Writes one streamed answer, block by block. What other vendors thought is not told: see `encode_thought`."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._blocks = 0
        self._in_text = False

    def start(self) -> bytes:
        message = _message(self._opening, [], _encode_usage(Usage(self._opening.input_tokens)))
        return _event({"type": "message_start", "message": message}) + self.ping()

    def write(self, event: Spoken) -> bytes:
        """The bytes of an event. `Verbatim` gives none: it needs no writer."""
        match event:
            case Delta(text):
                return self._open_text() + self._delta({"type": "text_delta", "text": text})
            case Thought():
                return self._close_text() + self._thought(event)
            case ToolCall():
                return self._close_text() + self._call(event)
            case Finished():
                return self._close_text() + _finish(event)
        return b""

    def ping(self) -> bytes:
        return _event({"type": "ping"})

    def fail(self, status: int, kind: str, message: str) -> bytes:
        return encode_failure(status, kind, message)

    def _open_text(self) -> bytes:
        if self._in_text:
            return b""
        self._in_text = True
        return self._open({"type": "text", "text": ""})

    def _close_text(self) -> bytes:
        closing = self._close() if self._in_text else b""
        self._in_text = False
        return closing

    def _thought(self, thought: Thought) -> bytes:
        block = encode_thought(thought)
        if block is None:
            return b""
        if block["type"] == "redacted_thinking":
            return self._open(block) + self._close()
        told = {"type": "thinking_delta", "thinking": thought.text}
        sealed = {"type": "signature_delta", "signature": thought.signature}
        opened = self._open(block | {"thinking": "", "signature": ""})
        return opened + (self._delta(told) if thought.text else b"") + self._delta(sealed) + self._close()

    def _call(self, call: ToolCall) -> bytes:
        opened = self._open(encode_call(call) | {"input": {}})
        arguments = {"type": "input_json_delta", "partial_json": write_json(arguments_of(call))}
        return opened + self._delta(arguments) + self._close()

    def _open(self, block: Mapping[str, Any]) -> bytes:
        return _event({"type": "content_block_start", "index": self._blocks, "content_block": block})

    def _delta(self, delta: Mapping[str, Any]) -> bytes:
        return _event({"type": "content_block_delta", "index": self._blocks, "delta": delta})

    def _close(self) -> bytes:
        closed = _event({"type": "content_block_stop", "index": self._blocks})
        self._blocks += 1
        return closed


def _finish(finished: Finished) -> bytes:
    delta = {"stop_reason": _REASONS.get(finished.stop, "end_turn"), "stop_sequence": None}
    usage = _encode_usage(finished.usage)
    return _event({"type": "message_delta", "delta": delta, "usage": usage}) + _event({"type": "message_stop"})


def _message(opening: Opening, content: list[dict[str, Any]], usage: Mapping[str, int]) -> dict[str, Any]:
    return {
        "id": f"msg_{opening.answer_id}",
        "type": "message",
        "role": "assistant",
        "model": opening.model,
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def _encode_usage(usage: Usage) -> dict[str, int]:
    """The API counts a prompt in three parts that do not overlap."""
    return {
        "input_tokens": max(0, usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens),
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": usage.output_tokens,
    }


def _event(body: Mapping[str, Any]) -> bytes:
    return event_bytes(json_bytes(body), str(body["type"]))
