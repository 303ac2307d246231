"""OpenAI Responses, as a server answers: https://platform.openai.com/docs/api-reference/responses-streaming."""

from collections.abc import Mapping
from typing import Any

from hybrid_coordinator.domain.query import Completion, Delta, Finished, Spoken, StopReason, Thought, ToolCall, Usage
from hybrid_coordinator.wire.answers import Opening
from hybrid_coordinator.wire.json_events import json_bytes
from hybrid_coordinator.wire.openai_responses_calls import CallShapes
from hybrid_coordinator.wire.openai_responses_items import encode_thought
from hybrid_coordinator.wire.sse import comment_bytes, event_bytes

_CUT: Mapping[StopReason, str] = {StopReason.LENGTH: "max_output_tokens", StopReason.REFUSED: "content_filter"}

_SAID_BACK: Mapping[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": None,
    "store": False,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "truncation": "disabled",
}
"""The fields of a request that its response repeats, and what stands there when it had none."""


def encode_completion(completion: Completion, opening: Opening) -> dict[str, Any]:
    """A whole answer."""
    writer = ResponseWriter(opening)
    text = [Delta(completion.text)] if completion.text else []
    events: list[Spoken] = [*completion.thoughts, *text, *completion.calls, completion.finished]
    for event in events:
        writer.write(event)
    return writer.response


def encode_failure(status: int, kind: str, message: str) -> bytes:
    """An error told within a stream that somebody else began."""
    body = {"type": "error", "code": _code(status), "message": message, "param": None, "sequence_number": 0}
    return event_bytes(json_bytes(body), "error")


class ResponseWriter:
    """Writes one streamed answer, item by item. What other vendors thought is not told: see `encode_thought`."""

    def __init__(self, opening: Opening) -> None:
        self._id = opening.answer_id
        self._shapes = CallShapes.of(opening.request)
        self._events = 0
        self._text: list[str] | None = None
        self.response = _open_response(opening)

    def start(self) -> bytes:
        return self._whole("created") + self._whole("in_progress")

    def write(self, event: Spoken) -> bytes:
        """The bytes of an event. `Verbatim` gives none: it needs no writer."""
        match event:
            case Delta(text):
                return self._say(text)
            case Thought():
                return self._close_message() + self._think(event)
            case ToolCall():
                return self._close_message() + self._call(event)
            case Finished():
                return self._close_message() + self._finish(event)
        return b""

    def ping(self) -> bytes:
        return comment_bytes("keep-alive")

    def fail(self, status: int, kind: str, message: str) -> bytes:
        self.response |= {"status": "failed", "error": {"code": _code(status), "message": message}}
        return self._whole("failed")

    def _say(self, text: str) -> bytes:
        opened = b""
        if self._text is None:
            opened, self._text = self._open_message(), []
        self._text.append(text)
        return opened + self._in_text("output_text.delta", delta=text, logprobs=[])

    def _open_message(self) -> bytes:
        item = {**self._message("in_progress"), "content": []}
        return self._item("added", item) + self._in_text("content_part.added", part=_text_part(""))

    def _close_message(self) -> bytes:
        if self._text is None:
            return b""
        text, item = "".join(self._text), self._message("completed")
        done = self._in_text("output_text.done", text=text, logprobs=[])
        part = self._in_text("content_part.done", part=_text_part(text))
        self._text = None
        return done + part + self._end_item(item)

    def _call(self, call: ToolCall) -> bytes:
        item = self._shapes.encode(call, self._item_id("fc"))
        key, event = self._shapes.told_in(item)
        opened = self._item("added", {**item, "status": "in_progress", key: ""})
        delta = self._in_item(f"{event}.delta", item["id"], delta=item[key])
        done = self._in_item(f"{event}.done", item["id"], **{key: item[key]})
        return opened + delta + done + self._end_item(item)

    def _think(self, thought: Thought) -> bytes:
        item = encode_thought(thought)
        if item is None:
            return b""
        opened = self._item("added", {**item, "summary": []})
        return opened + (self._summarise(thought) if thought.text else b"") + self._end_item(item)

    def _summarise(self, thought: Thought) -> bytes:
        def event(kind: str, **told: Any) -> bytes:
            return self._in_item(f"reasoning_summary_{kind}", thought.signature, summary_index=0, **told)

        return b"".join(
            (
                event("part.added", part={"type": "summary_text", "text": ""}),
                event("text.delta", delta=thought.text),
                event("text.done", text=thought.text),
                event("part.done", part={"type": "summary_text", "text": thought.text}),
            )
        )

    def _finish(self, finished: Finished) -> bytes:
        reason = _CUT.get(finished.stop)
        status = "incomplete" if reason else "completed"
        self.response |= {"status": status, "usage": _encode_usage(finished.usage)}
        if reason:
            self.response["incomplete_details"] = {"reason": reason}
        return self._whole(status)

    def _message(self, status: str) -> dict[str, Any]:
        content = [_text_part("".join(self._text or []))]
        return {
            "type": "message",
            "id": self._item_id("msg"),
            "status": status,
            "role": "assistant",
            "content": content,
        }

    def _item_id(self, kind: str) -> str:
        return f"{kind}_{self._id}_{len(self.response['output'])}"

    def _end_item(self, item: Mapping[str, Any]) -> bytes:
        done = self._item("done", item)
        self.response["output"].append(item)
        return done

    def _item(self, kind: str, item: Mapping[str, Any]) -> bytes:
        return self._event(f"output_item.{kind}", output_index=len(self.response["output"]), item=item)

    def _in_text(self, kind: str, **told: Any) -> bytes:
        return self._in_item(kind, self._item_id("msg"), content_index=0, **told)

    def _in_item(self, kind: str, item_id: str, **told: Any) -> bytes:
        return self._event(kind, item_id=item_id, output_index=len(self.response["output"]), **told)

    def _whole(self, kind: str) -> bytes:
        return self._event(kind, response=self.response)

    def _event(self, kind: str, **told: Any) -> bytes:
        body = {"type": f"response.{kind}", "sequence_number": self._events, **told}
        self._events += 1
        return event_bytes(json_bytes(body), f"response.{kind}")


def _open_response(opening: Opening) -> dict[str, Any]:
    request = opening.request
    said_back = {key: value if request.get(key) is None else request[key] for key, value in _SAID_BACK.items()}
    return {
        "id": f"resp_{opening.answer_id}",
        "object": "response",
        "created_at": opening.created_s,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": opening.model,
        "output": [],
        "usage": None,
        **said_back,
    }


def _code(status: int) -> str:
    """What clients know to try again, and the rest."""
    return "rate_limit_exceeded" if status == 429 else "server_error"


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _encode_usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.total_tokens,
    }
