"""One canned answer in every wire format: whole, and as the events of a stream.

A stream is a list of bursts of bytes. The words come one a burst; what a real server sends before the first word goes
with it, and what it sends after the last has a burst of its own.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TEXT = "A table of buckets finds each key by its hash, so one look is nearly always enough to find the answer."
WORDS = tuple(re.findall(r"\S+ ?", TEXT))
READ_TOKENS = 20

Body = Mapping[str, Any]
Bursts = list[bytes]


@dataclass(frozen=True, slots=True)
class Wire:
    """How one operation says the answer to a request's body."""

    whole: Callable[[Body], Body]
    stream: Callable[[Body], Bursts]


def models(names: Sequence[str]) -> Body:
    """A list of models that clients of either vendor can read."""
    data = [{"id": name, "object": "model", "type": "model", "created": 0, "display_name": name} for name in names]
    return {"object": "list", "data": data, "has_more": False, "first_id": names[0], "last_id": names[-1]}


def _event(body: Body, *, named: bool = False) -> bytes:
    name = f"event: {body['type']}\n" if named else ""
    return f"{name}data: {json.dumps(body, separators=(',', ':'))}\n\n".encode()


def _bursts(before: bytes, words: Sequence[bytes], after: bytes) -> Bursts:
    return [before + words[0], *words[1:], after]


def _chat_usage() -> Body:
    return {
        "prompt_tokens": READ_TOKENS,
        "completion_tokens": len(WORDS),
        "total_tokens": READ_TOKENS + len(WORDS),
    }


def _chat_whole(request: Body) -> Body:
    choice = {"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}
    head = {"id": "chatcmpl-mock", "object": "chat.completion", "created": 0, "model": request.get("model")}
    return {**head, "choices": [choice], "usage": _chat_usage()}


def _chat_stream(request: Body) -> Bursts:
    head = {"id": "chatcmpl-mock", "object": "chat.completion.chunk", "created": 0, "model": request.get("model")}

    def chunk(delta: Body, finish_reason: str | None = None) -> bytes:
        return _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})

    after = chunk({}, "stop")
    if (request.get("stream_options") or {}).get("include_usage"):
        after += _event({**head, "choices": [], "usage": _chat_usage()})
    words = [chunk({"content": word}) for word in WORDS]
    return _bursts(chunk({"role": "assistant", "content": ""}), words, after + b"data: [DONE]\n\n")


def _message(request: Body, **changes: Any) -> Body:
    usage = {"input_tokens": READ_TOKENS, "output_tokens": len(WORDS)}
    head = {"id": "msg_mock", "type": "message", "role": "assistant", "model": request.get("model")}
    said = {"content": [{"type": "text", "text": TEXT}], "stop_reason": "end_turn", "stop_sequence": None}
    return {**head, **said, "usage": usage, **changes}


def _message_stream(request: Body) -> Bursts:
    start = _message(request, content=[], stop_reason=None, usage={"input_tokens": READ_TOKENS, "output_tokens": 1})
    opening: list[Body] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
    ]
    deltas: list[Body] = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in WORDS
    ]
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    closing: list[Body] = [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": len(WORDS)}},
        {"type": "message_stop"},
    ]
    return _named_bursts(opening, deltas, closing)


def _named_bursts(opening: Sequence[Body], words: Sequence[Body], closing: Sequence[Body]) -> Bursts:
    def joined(events: Sequence[Body]) -> bytes:
        return b"".join(_event(event, named=True) for event in events)

    return _bursts(joined(opening), [joined([word]) for word in words], joined(closing))


_PART: Body = {"type": "output_text", "text": TEXT, "annotations": []}
_EMPTY_PART: Body = {**_PART, "text": ""}


def _item(status: str, content: Sequence[Body]) -> Body:
    return {"id": "msg_mock", "type": "message", "role": "assistant", "status": status, "content": list(content)}


def _response(request: Body, *, done: bool = True) -> Body:
    usage = {
        "input_tokens": READ_TOKENS,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": len(WORDS),
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": READ_TOKENS + len(WORDS),
    }
    head = {"id": "resp_mock", "object": "response", "created_at": 0, "model": request.get("model"), "error": None}
    if not done:
        return {**head, "status": "in_progress", "output": [], "usage": None}
    return {**head, "status": "completed", "output": [_item("completed", [_PART])], "usage": usage}


def _response_stream(request: Body) -> Bursts:
    part = {"item_id": "msg_mock", "output_index": 0, "content_index": 0}
    opening: list[Body] = [
        {"type": "response.created", "response": _response(request, done=False)},
        {"type": "response.output_item.added", "output_index": 0, "item": _item("in_progress", [])},
        {"type": "response.content_part.added", **part, "part": _EMPTY_PART},
    ]
    deltas: list[Body] = [{"type": "response.output_text.delta", **part, "delta": word} for word in WORDS]
    closing: list[Body] = [
        {"type": "response.output_text.done", **part, "text": TEXT},
        {"type": "response.content_part.done", **part, "part": _PART},
        {"type": "response.output_item.done", "output_index": 0, "item": _item("completed", [_PART])},
        {"type": "response.completed", "response": _response(request)},
    ]
    numbered = [{**event, "sequence_number": n} for n, event in enumerate([*opening, *deltas, *closing])]
    first, last = len(opening), len(opening) + len(deltas)
    return _named_bursts(numbered[:first], numbered[first:last], numbered[last:])


WIRES: Mapping[str, Wire] = {
    "/v1/chat/completions": Wire(_chat_whole, _chat_stream),
    "/v1/messages": Wire(_message, _message_stream),
    "/v1/responses": Wire(_response, _response_stream),
}
"""By path."""
