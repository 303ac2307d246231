"""OpenAI Responses as a client speaks it, against a file that holds what goes over the wire."""

import json
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator.domain.query import (
    Delta,
    Finished,
    Prompt,
    Role,
    Spoken,
    StopReason,
    Thought,
    Tool,
    ToolCall,
    Turn,
    Usage,
)
from hybrid_coordinator.wire.openai_responses import ResponseReader, encode_prompt, read_whole
from hybrid_coordinator.wire.sse import ServerEvent, SseDecoder, WireError

GOLDEN = Path(__file__).parent / "golden"


def read(*bodies: dict[str, Any] | str) -> list[Spoken]:
    reader = ResponseReader("asked-for")
    lines = (body if isinstance(body, str) else json.dumps(body) for body in bodies)
    return [piece for line in lines for piece in reader.read(ServerEvent(line))]


def ended(**response: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": response}


def test_an_answer_is_decoded_from_the_golden_file() -> None:
    events = SseDecoder().feed((GOLDEN / "openai_responses_answer.sse").read_bytes())

    pieces = read(*(event.data for event in events))

    assert pieces == [
        Thought("A distribution,\nsurely.", "rs_1", "gAAAAAB"),
        Delta("A Linux"),
        Delta(" distribution 🐧."),
        Finished("gpt-5.2-2026-01-01", Usage(31, 7, 15)),
    ]


def test_reasoning_models_get_no_temperature_and_give_sealed_thoughts() -> None:
    prompt = Prompt((Turn(Role.USER, ("hi",)),), temperature=0.2)

    thinking = encode_prompt(prompt, "o4", reasoning=True)

    assert thinking["include"] == ["reasoning.encrypted_content"]
    assert "temperature" not in thinking
    assert "include" not in encode_prompt(prompt, "gpt-4o")


def test_tools_of_one_namespace_stand_together() -> None:
    tools = (Tool("a", "", {}, "x"), Tool("b", "", {}, "x"), Tool("c", "", {}))

    body = encode_prompt(Prompt((Turn(Role.USER, ("hi",)),), tools=tools), "m")

    assert [(tool["type"], tool["name"]) for tool in body["tools"]] == [("namespace", "x"), ("function", "c")]
    assert [tool["name"] for tool in body["tools"][0]["tools"]] == ["a", "b"]


def test_a_message_that_no_delta_told_is_told_at_its_end() -> None:
    told = {"type": "message", "content": [{"type": "output_text", "text": "Yes."}]}

    pieces = read({"type": "response.output_item.done", "item": told}, ended(status="completed"))

    assert pieces == [Delta("Yes."), Finished("asked-for", Usage())]


@pytest.mark.parametrize(
    ("response", "stop"),
    [
        ({"status": "completed"}, StopReason.END),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, StopReason.LENGTH),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, StopReason.REFUSED),
        ({"status": "incomplete"}, StopReason.OTHER),
    ],
)
def test_the_reason_to_stop_is_kept(response: dict[str, Any], stop: StopReason) -> None:
    assert read(ended(**response)) == [Finished("asked-for", Usage(), stop)]


def test_a_call_is_the_reason_to_stop() -> None:
    item = {"type": "function_call", "call_id": "a", "name": "ls", "arguments": "{}"}

    pieces = read({"type": "response.output_item.done", "item": item}, ended(status="completed"))

    assert pieces == [ToolCall("a", "ls", "{}"), Finished("asked-for", Usage(), StopReason.TOOLS)]


def test_a_refusal_is_said_and_marked() -> None:
    pieces = read({"type": "response.refusal.delta", "delta": "No."}, ended(status="completed"))

    assert pieces == [Delta("No."), Finished("asked-for", Usage(), StopReason.REFUSED)]


def test_a_stream_that_ends_without_the_end_of_the_response_was_cut_short() -> None:
    reader = ResponseReader("m")
    reader.read(ServerEvent('{"type": "response.output_text.delta", "delta": "half"}'))

    with pytest.raises(WireError, match="ended before"):
        reader.end()


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("oops", "not JSON"),
        ("{}", "no type"),
        ({"type": "response.failed", "response": {"error": {"code": "server_error", "message": "gone"}}}, "gone"),
        ({"type": "error", "code": "rate_limit_exceeded", "message": "too fast"}, "too fast"),
        ({"type": "error", "error": {"message": "too slow"}}, "too slow"),
    ],
)
def test_garbage_and_error_events_say_what_they_are(body: dict[str, Any] | str, complaint: str) -> None:
    with pytest.raises(WireError, match=complaint):
        read(body)


@pytest.mark.parametrize("body", [{"error": {"message": "no answer"}}, {}, {"output": "x"}])
def test_a_whole_answer_that_is_none_says_what_it_is(body: dict[str, Any]) -> None:
    with pytest.raises(WireError, match="no answer"):
        read_whole(body, "m")
