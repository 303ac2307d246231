"""Requests and answers in which any one value is something else: refused in words or taken, and nothing falls over."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator.domain.query import Delta, Finished, Prompt, Spoken, ToolCall, Usage
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.wire.answers import Opening
from hybrid_coordinator.wire.formats import FORMATS, Format
from hybrid_coordinator.wire.sse import SseDecoder, WireError

GOLDEN = Path(__file__).parent / "golden"
RECORDED = {"openai-chat": "openai_chat", "openai-responses": "codex", "anthropic": "claude_code"}
ODD: tuple[Any, ...] = (None, True, -1, 10**400, 1.5, "", "x", [], ["x"], [[]], {}, {"type": "x"}, [{"type": []}])

formats = pytest.mark.parametrize("format", FORMATS.values(), ids=lambda format: format.name)


def variants(value: Any) -> Iterator[Any]:
    """Copies of a JSON value, each with another of its values replaced or gone."""
    yield from ODD
    if isinstance(value, dict):
        for key in value:
            yield {other: inner for other, inner in value.items() if other != key}
            yield from ({**value, key: changed} for changed in variants(value[key]))
    if isinstance(value, list):
        for at in range(len(value)):
            yield from ([*value[:at], changed, *value[at + 1 :]] for changed in variants(value[at]))


def bodies(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (changed for changed in variants(value) if isinstance(changed, dict))


def recorded(format: Format) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((GOLDEN / f"{RECORDED[format.name]}_request.json").read_text())
    return body


@formats
def test_an_odd_request_is_decoded_or_refused(format: Format) -> None:
    refused = 0
    for body in bodies(recorded(format)):
        try:
            assert isinstance(format.decode_request(body), Prompt)
        except BadInput:
            refused += 1

    assert refused > 100


@formats
def test_the_looks_never_raise(format: Format) -> None:
    for body in bodies(recorded(format)):
        looked = (format.question_of(body), format.session_of(body, {}) or "")

        assert all(isinstance(text, str) for text in looked)
        assert isinstance(format.wants_stream(body), bool)
        assert format.with_context(body, "known").keys() == body.keys()
        assert format.with_model(body, "m")["model"] == "m"


@formats
def test_an_odd_whole_answer_is_read_or_called_one(format: Format) -> None:
    answer = json.loads((GOLDEN / f"{format.name.replace('-', '_')}_tools_answer.json").read_text())
    refused = 0
    for body in bodies(answer):
        try:
            format.read_whole(body, "m")
        except WireError:
            refused += 1

    assert refused > 0


@formats
def test_an_odd_event_is_heard_or_told(format: Format) -> None:
    stream = (GOLDEN / f"{format.name.replace('-', '_')}_tools_answer.sse").read_bytes()
    events = [event.data for event in SseDecoder().feed(stream) if event.data.startswith("{")]
    for at, data in enumerate(events):
        for changed in variants(json.loads(data)):
            told = [*events[:at], json.dumps(changed), *events[at + 1 :]]
            listener = format.listener("m", streaming=True)
            listener.hear("".join(f"data: {one}\n\n" for one in told).encode())
            listener.end()


@formats
def test_an_odd_request_does_not_break_the_answer_to_it(format: Format) -> None:
    said: list[Spoken] = [Delta("x"), ToolCall("1", "mcp__coord__route_query", "{}"), Finished("m", Usage())]
    for body in bodies(recorded(format)):
        writer = format.writer(Opening("7", "m", 0, body))

        assert writer.start() + b"".join(writer.write(event) for event in said)
