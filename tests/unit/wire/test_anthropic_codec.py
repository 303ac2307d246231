"""Anthropic Messages, against files that hold what goes over the wire."""

import json
from pathlib import Path

import pytest

from hybrid_coordinator.domain.query import (
    Delta,
    Finished,
    Prompt,
    Role,
    Spoken,
    StopReason,
    Thought,
    ToolCall,
    ToolResult,
    Turn,
    Usage,
)
from hybrid_coordinator.wire.anthropic import MessageReader, encode_prompt, read_whole
from hybrid_coordinator.wire.sse import ServerEvent, SseDecoder, WireError

GOLDEN = Path(__file__).parent / "golden"
PROMPT = Prompt(
    (
        Turn(Role.USER, ("What is Nix?",)),
        Turn(Role.ASSISTANT, ("A package manager.",)),
        Turn(Role.USER, ("And NixOS? 🐧",)),
    ),
    system="Be brief.",
    max_tokens=64,
    temperature=0.2,
)


def read(*data: str) -> list[Spoken]:
    reader = MessageReader("asked-for")
    return [piece for line in data for piece in reader.read(ServerEvent(line))]


def test_a_prompt_is_encoded_as_the_golden_file_has_it() -> None:
    golden = json.loads((GOLDEN / "anthropic_prompt.json").read_text())

    assert encode_prompt(PROMPT, "qwen3") == golden


def test_a_temperature_is_kept_in_the_range_of_the_api_or_left_out() -> None:
    prompt = Prompt((Turn(Role.USER, ("hi",)),), temperature=1.7)

    assert encode_prompt(prompt, "m")["temperature"] == 1.0
    assert "temperature" not in encode_prompt(prompt, "m", takes_temperature=False)


def test_an_answer_is_decoded_from_the_golden_file() -> None:
    events = list(SseDecoder().feed((GOLDEN / "anthropic_answer.sse").read_bytes()))

    pieces = read(*(event.data for event in events))

    assert pieces == [
        Delta("A Linux"),
        Delta(" distribution 🐧"),
        Delta("."),
        Finished("claude-sonnet-5", Usage(31, 7, 15, 2), StopReason.END),
    ]


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", StopReason.END),
        ("stop_sequence", StopReason.END),
        ("max_tokens", StopReason.LENGTH),
        ("model_context_window_exceeded", StopReason.LENGTH),
        ("tool_use", StopReason.TOOLS),
        ("refusal", StopReason.REFUSED),
        ("pause_turn", StopReason.OTHER),
    ],
)
def test_the_reason_to_stop_is_kept(reason: str, stop: StopReason) -> None:
    stopping = json.dumps({"type": "message_delta", "delta": {"stop_reason": reason}})

    [finished] = read(stopping, '{"type": "message_stop"}')

    assert finished == Finished("asked-for", Usage(), stop)


def test_a_stream_that_ends_without_a_reason_to_stop_was_cut_short() -> None:
    with pytest.raises(WireError, match="ended before"):
        read('{"type": "message_start", "message": {}}', '{"type": "message_stop"}')


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ("oops", "not JSON"),
        ("{}", "no type"),
        ('{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}', "Overloaded"),
        ('{"type": "error"}', "broke off"),
    ],
)
def test_garbage_and_error_events_say_what_they_are(data: str, complaint: str) -> None:
    with pytest.raises(WireError, match=complaint):
        read(data)


@pytest.mark.parametrize(
    "data",
    [
        '{"type": "ping"}',
        '{"type": "content_block_delta", "index": [1], "delta": {"type": "text_delta"}}',
        '{"type": "content_block_stop", "index": 7}',
        '{"type": "a_kind_of_next_year", "delta": 5}',
        '{"type": "content_block_delta"}',
        '{"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "Hm."}}',
        '{"type": "content_block_delta", "delta": {"type": "text_delta", "text": ""}}',
    ],
)
def test_an_event_without_text_says_nothing(data: str) -> None:
    assert read(data) == []


def test_a_call_and_a_thought_come_whole_when_their_blocks_end() -> None:
    start = '{"type": "content_block_start", "index": %d, "content_block": %s}'
    delta = '{"type": "content_block_delta", "index": %d, "delta": %s}'
    stop = '{"type": "content_block_stop", "index": %d}'

    pieces = read(
        start % (0, '{"type": "thinking", "thinking": "", "signature": ""}'),
        delta % (0, '{"type": "thinking_delta", "thinking": "Hm"}'),
        delta % (0, '{"type": "thinking_delta", "thinking": "."}'),
        delta % (0, '{"type": "signature_delta", "signature": "Eq"}'),
        stop % 0,
        start % (1, '{"type": "tool_use", "id": "toolu_1", "name": "ls", "input": {}}'),
        delta % (1, '{"type": "input_json_delta", "partial_json": ""}'),
        delta % (1, '{"type": "input_json_delta", "partial_json": "{\\"path\\": "}'),
        delta % (1, '{"type": "input_json_delta", "partial_json": "\\".\\"}"}'),
        stop % 1,
        '{"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}}',
    )

    assert pieces == [Thought("Hm.", "Eq"), ToolCall("toolu_1", "ls", '{"path": "."}')]


def test_a_block_that_was_not_ended_ends_with_the_message() -> None:
    pieces = read(
        '{"type": "content_block_start", "content_block": {"type": "tool_use", "id": "1", "name": "ls", "input": {}}}',
        '{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}',
        '{"type": "message_stop"}',
    )

    assert pieces == [ToolCall("1", "ls", "{}"), Finished("asked-for", Usage(), StopReason.TOOLS)]


def test_the_traces_of_tools_that_ran_at_anthropic_are_passed_over() -> None:
    pieces = read(
        '{"type": "content_block_start", "content_block": {"type": "server_tool_use", "id": "1"}}',
        '{"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": "{}"}}',
        '{"type": "content_block_stop"}',
    )

    assert pieces == []


def test_a_whole_answer_that_is_none_says_what_it_is() -> None:
    with pytest.raises(WireError, match="Overloaded"):
        read_whole({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "m")
    with pytest.raises(WireError, match="no answer"):
        read_whole({"content": "words"}, "m")


def test_what_the_api_would_refuse_is_left_out() -> None:
    said = (Thought("mine"), Thought("OpenAI's", "rs_1", "gAAA"), " ", "Yes.", ToolCall("1", "ls", "{}"))
    prompt = Prompt(
        (
            Turn(Role.USER, ("hi",)),
            Turn(Role.ASSISTANT, said),
            Turn(Role.SYSTEM, ("Be quick.",)),
            Turn(Role.USER, (ToolResult("1", "none"),)),
        ),
        temperature=0.3,
        top_p=0.9,
        schema={},
    )

    body = encode_prompt(prompt, "m")

    assert [block["type"] for block in body["messages"][1]["content"]] == ["text", "tool_use"]
    assert [block["type"] for block in body["messages"][2]["content"]] == ["tool_result", "text"]
    assert body.keys().isdisjoint({"top_p", "output_config"})
