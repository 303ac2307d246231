"""Anthropic Messages, against files that hold what goes over the wire."""

import json
from pathlib import Path

import pytest

from hybrid_coordinator.domain.query import Delta, Finished, Prompt, Role, Spoken, StopReason, Turn, Usage
from hybrid_coordinator.wire.anthropic import MessageReader, encode_prompt
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
    pieces = [reader.read(ServerEvent(line)) for line in data]
    return [piece for piece in pieces if piece is not None]


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
        Finished("claude-sonnet-5", Usage(31, 7), StopReason.END),
    ]


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", StopReason.END),
        ("stop_sequence", StopReason.END),
        ("max_tokens", StopReason.LENGTH),
        ("refusal", StopReason.OTHER),
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
        '{"type": "a_kind_of_next_year", "delta": 5}',
        '{"type": "content_block_delta"}',
        '{"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "Hm."}}',
        '{"type": "content_block_delta", "delta": {"type": "text_delta", "text": ""}}',
    ],
)
def test_an_event_without_text_says_nothing(data: str) -> None:
    assert read(data) == []
