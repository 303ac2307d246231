"""OpenAI Chat Completions, against files that hold what goes over the wire."""

import json
from pathlib import Path

import pytest

from hybrid_coordinator.domain.query import Delta, Finished, Prompt, Role, Spoken, StopReason, Turn, Usage
from hybrid_coordinator.wire.openai_chat import REASONING, ChatReader, encode_prompt
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
    reader = ChatReader("asked-for")
    pieces = [reader.read(ServerEvent(line)) for line in data]
    return [piece for piece in pieces if piece is not None]


def test_a_prompt_is_encoded_as_the_golden_file_has_it() -> None:
    golden = json.loads((GOLDEN / "openai_chat_prompt.json").read_text())

    assert encode_prompt(PROMPT, "qwen3") == golden


def test_reasoning_models_get_another_limit_and_no_temperature() -> None:
    body = encode_prompt(PROMPT, "o4", REASONING)

    assert body["max_completion_tokens"] == 64
    assert body.keys().isdisjoint({"max_tokens", "temperature"})


def test_a_prompt_without_a_system_text_starts_with_the_user() -> None:
    body = encode_prompt(Prompt((Turn(Role.USER, ("hi",)),)), "qwen3")

    assert body["messages"] == [{"role": "user", "content": "hi"}]


def test_an_answer_is_decoded_from_the_golden_file() -> None:
    events = list(SseDecoder().feed((GOLDEN / "openai_chat_answer.sse").read_bytes()))

    pieces = read(*(event.data for event in events))

    assert pieces == [
        Delta("A Linux"),
        Delta(" distribution 🐧"),
        Delta("."),
        Finished("qwen3-4b", Usage(31, 7), StopReason.END),
    ]


@pytest.mark.parametrize(
    ("reason", "stop"),
    [("stop", StopReason.END), ("length", StopReason.LENGTH), ("content_filter", StopReason.OTHER)],
)
def test_the_reason_to_stop_is_kept(reason: str, stop: StopReason) -> None:
    [finished] = read(json.dumps({"choices": [{"finish_reason": reason, "delta": {}}]}), "[DONE]")

    assert finished == Finished("asked-for", Usage(), stop)


def test_a_stream_that_closes_after_the_reason_to_stop_is_whole() -> None:
    reader = ChatReader("m")
    reader.read(ServerEvent('{"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}'))

    assert reader.end() == Finished("m", Usage())


@pytest.mark.parametrize("data", [[], ["[DONE]"], ['{"choices": [{"delta": {"content": "half"}}]}', "[DONE]"]])
def test_a_stream_that_ends_without_a_reason_to_stop_was_cut_short(data: list[str]) -> None:
    with pytest.raises(WireError, match="ended before"):
        reader = ChatReader("m")
        for line in data:
            reader.read(ServerEvent(line))
        reader.end()


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ("<html>", "not JSON"),
        ("[1]", "not a JSON object"),
        ("[" * 100_000, "not JSON"),
        ('{"object": "chunk"}', "no list of choices"),
        ('{"choices": 3}', "no list of choices"),
        ('{"choices": ["x"]}', "not an object"),
        ('{"error": {"message": "out of memory", "code": 500}}', "out of memory"),
        ('{"error": "plain words"}', "plain words"),
    ],
)
def test_garbage_and_error_events_say_what_they_are(data: str, complaint: str) -> None:
    with pytest.raises(WireError, match=complaint):
        read(data)


@pytest.mark.parametrize(
    "data",
    [
        '{"choices": []}',
        '{"choices": [{}]}',
        '{"choices": [{"delta": null}]}',
        '{"choices": [{"delta": {"content": ""}}]}',
        '{"choices": [{"delta": {"content": 5}}], "usage": {"prompt_tokens": "many"}}',
    ],
)
def test_an_event_without_text_says_nothing(data: str) -> None:
    assert read(data) == []
