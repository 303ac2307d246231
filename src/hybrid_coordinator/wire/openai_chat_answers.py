"""OpenAI Chat Completions, as a server answers: https://platform.openai.com/docs/api-reference/chat-streaming."""

from collections.abc import Mapping
from typing import Any

from hybrid_coordinator.domain.query import Completion, Delta, Finished, Spoken, StopReason, Thought, ToolCall, Usage
from hybrid_coordinator.wire.answers import Opening
from hybrid_coordinator.wire.json_events import json_bytes, member
from hybrid_coordinator.wire.openai_chat import END_MARK
from hybrid_coordinator.wire.openai_chat_messages import encode_call, encode_said
from hybrid_coordinator.wire.openai_errors import encode_error
from hybrid_coordinator.wire.sse import comment_bytes, event_bytes

_REASONS: Mapping[StopReason, str] = {
    StopReason.LENGTH: "length",
    StopReason.TOOLS: "tool_calls",
    StopReason.REFUSED: "content_filter",
}


def encode_completion(completion: Completion, opening: Opening) -> dict[str, Any]:
    """A whole answer."""
    thoughts = "\n".join(thought.text for thought in completion.thoughts)
    choice = {
        "index": 0,
        "message": encode_said(completion.text, completion.calls, thoughts) | {"refusal": None},
        "logprobs": None,
        "finish_reason": _REASONS.get(completion.finished.stop, "stop"),
    }
    usage = _encode_usage(completion.finished.usage)
    return _envelope(opening, "chat.completion") | {"choices": [choice], "usage": usage}


def encode_failure(status: int, kind: str, message: str) -> bytes:
    """An error told within a stream."""
    return event_bytes(json_bytes(encode_error(status, kind, message)))


class ChatWriter:
    """Writes one streamed answer. Usage comes last, to those who asked for it in `stream_options`."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._with_usage = member(opening.request, "stream_options").get("include_usage") is True
        self._calls = 0

    def start(self) -> bytes:
        return self._choice({"role": "assistant", "content": "", "refusal": None})

    def write(self, event: Spoken) -> bytes:
        """The bytes of an event. `Verbatim` gives none: it needs no writer."""
        match event:
            case Delta(text):
                return self._choice({"content": text})
            case Thought(text):
                return self._choice({"reasoning_content": text}) if text else b""
            case ToolCall():
                return self._call(event)
            case Finished():
                return self._finish(event)
        return b""

    def ping(self) -> bytes:
        return comment_bytes("keep-alive")

    def fail(self, status: int, kind: str, message: str) -> bytes:
        return encode_failure(status, kind, message)

    def _call(self, call: ToolCall) -> bytes:
        encoded = {"index": self._calls, **encode_call(call)}
        self._calls += 1
        return self._choice({"tool_calls": [encoded]})

    def _finish(self, finished: Finished) -> bytes:
        last = self._choice({}, _REASONS.get(finished.stop, "stop"))
        usage = self._chunk([], _encode_usage(finished.usage)) if self._with_usage else b""
        return last + usage + event_bytes(END_MARK.encode())

    def _choice(self, delta: Mapping[str, Any], reason: str | None = None) -> bytes:
        return self._chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}])

    def _chunk(self, choices: list[dict[str, Any]], usage: Mapping[str, Any] | None = None) -> bytes:
        chunk = _envelope(self._opening, "chat.completion.chunk") | {"choices": choices}
        return event_bytes(json_bytes(chunk | {"usage": usage} if self._with_usage else chunk))


def _envelope(opening: Opening, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{opening.answer_id}",
        "object": kind,
        "created": opening.created_s,
        "model": opening.model,
    }


def _encode_usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
    }
