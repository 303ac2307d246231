"""OpenAI Chat Completions, against files that hold what goes over the wire."""

import json
import math
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
    Turn,
    Usage,
)
from hybrid_coordinator.wire.openai_chat import LLAMA_CPP, REASONING, ChatReader, encode_prompt, read_whole
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
    return [piece for line in data for piece in reader.read(ServerEvent(line))]


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
        Thought("The user asks…"),
        Delta("A Linux"),
        Delta(" distribution 🐧"),
        Delta("."),
        Finished("qwen3-4b", Usage(31, 7), StopReason.END),
    ]


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("stop", StopReason.END),
        ("length", StopReason.LENGTH),
        ("tool_calls", StopReason.TOOLS),
        ("content_filter", StopReason.REFUSED),
        ("insufficient_system_resource", StopReason.OTHER),
    ],
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


def chunk(delta: object, reason: str | None = None, **more: object) -> str:
    return json.dumps({"id": "c1", "choices": [{"delta": delta, "finish_reason": reason} | more]})


def test_calls_come_whole_and_in_order_when_the_answer_ends() -> None:
    pieces = read(
        chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "ls", "arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "cat", "arguments": '{"f"'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"path":'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"."}'}}, {"index": 1, "function": None}]}),
        chunk({"tool_calls": [{"index": 1, "function": {"arguments": ":1}"}}]}),
        chunk({}, "tool_calls"),
        "[DONE]",
    )

    assert pieces == [
        ToolCall("a", "ls", '{"path":"."}'),
        ToolCall("b", "cat", '{"f":1}'),
        Finished("asked-for", Usage(), StopReason.TOOLS),
    ]


def test_calls_without_index_or_id_and_with_objects_for_arguments_are_calls_too() -> None:
    pieces = read(
        chunk({"tool_calls": [{"id": "a", "function": {"name": "ls", "arguments": {"path": "."}}}]}),
        chunk({"tool_calls": [{"id": "b", "function": {"name": "pwd"}}]}),
        chunk({"tool_calls": [{"index": 5, "function": {"name": "id"}}]}, "stop"),
        "[DONE]",
    )

    assert pieces[:3] == [
        ToolCall("a", "ls", '{"path":"."}'),
        ToolCall("b", "pwd", "{}"),
        ToolCall("call_c1_2", "id", "{}"),
    ]
    assert pieces[3] == Finished("asked-for", Usage(), StopReason.TOOLS)


def test_a_thought_comes_whole_before_the_first_word_or_the_end() -> None:
    spoken = read(
        chunk({"reasoning_content": "Hm"}), chunk({"reasoning_content": "."}), chunk({"content": "Yes"}, "stop")
    )

    assert spoken == [Thought("Hm."), Delta("Yes")]
    assert read(chunk({"reasoning": "Hm."}), chunk({}, "length")) == [Thought("Hm.")]


def test_a_refusal_is_said_and_marked() -> None:
    assert read(chunk({"refusal": "I will not."}), chunk({}, "stop"), "[DONE]") == [
        Delta("I will not."),
        Finished("asked-for", Usage(), StopReason.REFUSED),
    ]


def test_confidence_is_the_geometric_mean_of_the_probabilities() -> None:
    def tokens(*logprobs: object) -> dict[str, object]:
        return {"content": [{"token": "x", "logprob": logprob} for logprob in logprobs]}

    sure = read(
        chunk({"content": "a"}, logprobs=tokens(math.log(0.5), math.log(0.5))),
        chunk({"content": "b"}, "stop", logprobs=tokens(math.log(0.125), None, "x", -1e9, 10**400)),
        "[DONE]",
    )[-1]

    assert isinstance(sure, Finished)
    assert sure.confidence == pytest.approx((0.5 * 0.5 * 0.125) ** (1 / 3))


def test_without_probabilities_there_is_no_confidence() -> None:
    assert read(chunk({"content": "a"}, "stop", logprobs=None), "[DONE]")[-1] == Finished("asked-for", Usage())


@pytest.mark.parametrize(
    ("usage", "read_tokens"),
    [
        ({"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}}, 4),
        ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 5}, 5),
        ({"prompt_tokens": 9, "prompt_tokens_details": None}, 0),
    ],
)
def test_what_a_prompt_cache_gave_is_counted(usage: dict[str, object], read_tokens: int) -> None:
    [finished] = read(json.dumps({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": usage}), "[DONE]")

    assert finished == Finished("asked-for", Usage(9, 0, read_tokens))


def test_a_local_server_hears_the_system_only_in_front_and_tells_probabilities() -> None:
    late = Prompt((Turn(Role.USER, ("a",)), Turn(Role.SYSTEM, ("b",)), Turn(Role.ASSISTANT, (Thought("t"), "c"))))

    body = encode_prompt(late, "m", LLAMA_CPP)

    assert body["messages"] == [
        {"role": "user", "content": "a\nb"},
        {"role": "assistant", "content": "c", "reasoning_content": "t"},
    ]
    assert (body["logprobs"], body["top_logprobs"]) == (True, 1)
    assert [message["role"] for message in encode_prompt(late, "m")["messages"]] == ["user", "system", "assistant"]


def test_a_whole_answer_of_a_lenient_server_is_read() -> None:
    body = {
        "choices": [{"message": {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm."}}],
        "model": "qwen3-4b",
        "timings": {"prompt_ms": 3},
    }

    completion = read_whole(body, "asked-for")

    assert (completion.text, completion.thoughts) == ("Yes.", (Thought("Hm."),))
    assert completion.finished == Finished("qwen3-4b", Usage())


@pytest.mark.parametrize("body", [{"error": {"message": "no answer"}}, {}, {"choices": "no answer"}])
def test_a_whole_answer_that_is_none_says_what_it_is(body: dict[str, object]) -> None:
    with pytest.raises(WireError, match="no answer"):
        read_whole(body, "m")
