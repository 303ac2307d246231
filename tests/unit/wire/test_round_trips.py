"""What one direction writes the other reads, and both agree with files that hold what goes over the wire."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator.domain.query import (
    Delta,
    Finished,
    Image,
    Prompt,
    Role,
    Spoken,
    StopReason,
    Thought,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Usage,
    Verbatim,
    fold,
)
from hybrid_coordinator.wire.answers import Opening
from hybrid_coordinator.wire.formats import ANTHROPIC, FORMATS, OPENAI_CHAT, OPENAI_RESPONSES, Format
from hybrid_coordinator.wire.openai_chat import Dialect, encode_prompt
from hybrid_coordinator.wire.sse import ServerEvent, SseDecoder

GOLDEN = Path(__file__).parent / "golden"

PICTURE = Image("data:image/png;base64,iVBORw0KGgo=")

THOUGHTS: Mapping[str, tuple[Thought, ...]] = {
    "openai-chat": (Thought("Look first."),),
    "openai-responses": (Thought("Look first.", "rs_1", "gAAAAAB"), Thought("", "rs_2", "gAAAAAC")),
    "anthropic": (Thought("Look first.", "EqQB"), Thought("", sealed="EmwK")),
}
"""What each vendor lets its own models think: seals differ."""

WEATHER = Tool(
    "weather", "The weather now.", {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
)
CALLS = (ToolCall("call_1", "weather", '{"city":"Bern"}'), ToolCall("call_2", "weather", '{"city":"Zürich 🐧"}'))
OPENING = Opening("7", "home", 1795235062, {"stream_options": {"include_usage": True}}, input_tokens=31)


def rich_prompt(format: Format) -> Prompt:
    return Prompt(
        turns=(
            Turn(Role.USER, ("What is warmer?", PICTURE, Image("https://example.org/map.png"), "Bern or Zürich?")),
            Turn(Role.ASSISTANT, (*THOUGHTS[format.name], "Let me look.", *CALLS)),
            Turn(Role.USER, (ToolResult("call_1", "12 °C"), ToolResult("call_2", "14 °C"), "Well?")),
            Turn(Role.ASSISTANT, ("Zürich.",)),
            Turn(Role.USER, ("Sure?",)),
        ),
        system="Be brief.\n\nAnswer in JSON.",
        max_tokens=300,
        temperature=0.5,
        stop=() if format is OPENAI_RESPONSES else ("END", "\n\n\n"),
        tools=(WEATHER, Tool("stop", "", {"type": "object"})),
        tool_choice=ToolChoice.REQUIRED,
        forced_tool="weather",
        schema={"type": "object", "properties": {"warmer": {"enum": ["Bern", "Zürich"]}}},
    )


def encode(format: Format, prompt: Prompt) -> dict[str, Any]:
    if format is OPENAI_CHAT:
        return encode_prompt(prompt, "asked-for", Dialect(takes_thoughts=True))
    return format.encode_prompt(prompt, "asked-for")


def events(format: Format) -> list[Spoken]:
    usage = Usage(input_tokens=31, output_tokens=7, cache_read_tokens=15, cache_write_tokens=2)
    said = (Delta("Let me"), Delta(" look. 🐧"))
    return [*THOUGHTS[format.name], *said, *CALLS, Finished("home", usage, StopReason.TOOLS)]


def write(format: Format, spoken: list[Spoken]) -> bytes:
    writer = format.writer(OPENING)
    return writer.start() + b"".join(writer.write(event) for event in spoken)


def parse(stream: bytes) -> list[tuple[str, Any]]:
    told = SseDecoder().feed(stream)
    return [(event.name, event.data if event.data == "[DONE]" else json.loads(event.data)) for event in told]


def read(format: Format, stream: bytes) -> list[Spoken]:
    reader = format.reader("asked-for")
    return [piece for event in SseDecoder().feed(stream) for piece in reader.read(event)]


def golden(format: Format, ending: str) -> bytes:
    return (GOLDEN / f"{format.name.replace('-', '_')}_{ending}").read_bytes()


formats = pytest.mark.parametrize("format", FORMATS.values(), ids=lambda format: format.name)


@formats
def test_a_rich_prompt_is_encoded_as_the_golden_file_has_it(format: Format) -> None:
    assert encode(format, rich_prompt(format)) == json.loads(golden(format, "tools_prompt.json"))


@formats
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"tool_choice": ToolChoice.REQUIRED, "forced_tool": ""},
        {"tool_choice": ToolChoice.NONE, "forced_tool": ""},
        {"tool_choice": ToolChoice.AUTO, "forced_tool": "", "tools": ()},
        {"temperature": None, "top_p": 0.9},
        {"temperature": None, "schema": None, "stop": (), "system": ""},
    ],
)
def test_a_rich_prompt_comes_back_as_it_was(format: Format, change: dict[str, Any]) -> None:
    prompt = replace(rich_prompt(format), **change)

    assert format.decode_request(json.loads(json.dumps(encode(format, prompt)))) == prompt


@pytest.mark.parametrize("format", [OPENAI_CHAT, OPENAI_RESPONSES], ids=lambda format: format.name)
def test_a_late_word_of_the_system_and_the_wish_for_any_json_come_back(format: Format) -> None:
    late = (Turn(Role.USER, ("a",)), Turn(Role.SYSTEM, ("b",)), Turn(Role.ASSISTANT, ("c",)), Turn(Role.USER, ("d",)))
    prompt = Prompt(late, temperature=None, schema={})

    assert format.decode_request(encode(format, prompt)) == prompt


def test_namespaces_come_back_where_the_format_knows_them_and_are_part_of_the_name_elsewhere() -> None:
    call = ToolCall("1", "weather", "{}", "mcp__sky")
    turns = (Turn(Role.USER, ("a",)), Turn(Role.ASSISTANT, (call,)), Turn(Role.USER, (ToolResult("1", "x"),)))
    prompt = Prompt(turns, temperature=None, tools=(WEATHER, replace(WEATHER, namespace="mcp__sky")))

    assert OPENAI_RESPONSES.decode_request(encode(OPENAI_RESPONSES, prompt)) == prompt
    for format in (OPENAI_CHAT, ANTHROPIC):
        decoded = format.decode_request(encode(format, prompt))
        assert decoded.turns[1].parts == (ToolCall("1", "mcp__sky__weather", "{}"),)
        assert [tool.name for tool in decoded.tools] == ["weather", "mcp__sky__weather"]


def test_results_with_pictures_come_back_where_the_format_has_a_place_for_them() -> None:
    shown = ToolResult("call_1", "a map", images=(PICTURE,))
    turns = (Turn(Role.USER, ("a",)), Turn(Role.ASSISTANT, CALLS[:1]), Turn(Role.USER, (shown,)))
    prompt = Prompt(turns, temperature=None, tools=(WEATHER,))

    assert ANTHROPIC.decode_request(encode(ANTHROPIC, prompt)) == prompt
    assert OPENAI_RESPONSES.decode_request(encode(OPENAI_RESPONSES, prompt)) == prompt
    beside = OPENAI_CHAT.decode_request(encode(OPENAI_CHAT, prompt)).turns[-1]
    assert beside.parts == (ToolResult("call_1", "a map"), PICTURE)


def test_a_failed_result_comes_back_as_such_where_the_format_has_a_mark_for_it() -> None:
    failed = ToolResult("call_1", "no such city", failed=True)
    turns = (Turn(Role.USER, ("a",)), Turn(Role.ASSISTANT, CALLS[:1]), Turn(Role.USER, (failed,)))
    prompt = Prompt(turns, temperature=None, tools=(WEATHER,))

    assert ANTHROPIC.decode_request(encode(ANTHROPIC, prompt)) == prompt
    for format in (OPENAI_CHAT, OPENAI_RESPONSES):
        [told] = format.decode_request(encode(format, prompt)).turns[-1].parts
        assert told == ToolResult("call_1", "Error: no such city")


@formats
def test_an_answer_is_streamed_as_the_golden_file_has_it(format: Format) -> None:
    assert parse(write(format, events(format))) == parse(golden(format, "tools_answer.sse"))


@formats
def test_a_streamed_answer_is_read_from_the_golden_file(format: Format) -> None:
    assert read(format, golden(format, "tools_answer.sse")) == events(format)


@formats
def test_a_whole_answer_is_as_the_golden_file_has_it(format: Format) -> None:
    completion = fold(events(format))
    body = json.loads(golden(format, "tools_answer.json"))

    assert format.encode_completion(completion, OPENING) == body
    assert format.read_whole(body, "asked-for") == completion


@formats
@pytest.mark.parametrize("stop", [StopReason.END, StopReason.LENGTH, StopReason.TOOLS, StopReason.REFUSED])
def test_the_reason_to_stop_survives_both_ways(format: Format, stop: StopReason) -> None:
    said: list[Spoken] = [CALLS[0]] if stop is StopReason.TOOLS else [Delta("x")]
    spoken = [*said, Finished("home", Usage(3, 2), stop)]

    assert read(format, write(format, spoken)) == spoken
    assert format.read_whole(format.encode_completion(fold(spoken), OPENING), "m") == fold(spoken)


@formats
def test_text_around_a_call_keeps_its_place_as_far_as_the_format_has_places(format: Format) -> None:
    spoken: list[Spoken] = [Delta("a"), CALLS[0], Delta("b"), Finished("home", Usage(3, 2), StopReason.TOOLS)]
    told_last = [Delta("a"), Delta("b"), CALLS[0], spoken[-1]]

    assert read(format, write(format, spoken)) == (told_last if format is OPENAI_CHAT else spoken)


@formats
def test_an_answer_without_a_word_is_whole(format: Format) -> None:
    spoken: list[Spoken] = [Finished("home", Usage(3, 0))]

    assert read(format, write(format, spoken)) == spoken
    assert format.read_whole(format.encode_completion(fold(spoken), OPENING), "m") == fold(spoken)


@formats
def test_pings_and_bytes_of_others_change_nothing(format: Format) -> None:
    writer = format.writer(OPENING)
    stream = writer.start()
    for event in events(format):
        stream += writer.ping() + writer.write(Verbatim(b"x")) + writer.write(event)

    assert read(format, stream) == events(format)


@pytest.mark.parametrize("format", [OPENAI_RESPONSES, ANTHROPIC], ids=lambda format: format.name)
def test_a_thought_without_the_vendors_seal_is_not_told_for_it_could_not_be_sent_back(format: Format) -> None:
    others = [thought for name, told in THOUGHTS.items() if name != format.name for thought in told]
    finished = Finished("home", Usage(3, 2))

    assert read(format, write(format, [*others, Delta("x"), finished])) == [Delta("x"), finished]
    assert format.encode_completion(fold([*others, Delta("x"), finished]), OPENING) == format.encode_completion(
        fold([Delta("x"), finished]), OPENING
    )


@formats
def test_half_a_character_does_not_break_a_stream(format: Format) -> None:
    spoken: list[Spoken] = [Delta("\ud83d"), Finished("home", Usage(3, 2))]

    assert read(format, write(format, spoken)) == spoken


def test_arguments_that_are_no_object_become_one_where_the_format_wants_one() -> None:
    said = [ToolCall("1", "patch", "*** Begin"), ToolCall("2", "count", "5"), ToolCall("3", "stop", "")]

    spoken = read(ANTHROPIC, write(ANTHROPIC, [*said, Finished("home", Usage(), StopReason.TOOLS)]))

    told = [event.arguments for event in spoken if isinstance(event, ToolCall)]
    assert told == ['{"input":"*** Begin"}', '{"input":5}', "{}"]


def test_calls_go_back_to_codex_in_the_shape_in_which_it_declared_its_tools() -> None:
    request = json.loads((GOLDEN / "codex_request.json").read_text())
    patch = ToolCall("1", "apply_patch", '{"input":"*** Begin Patch"}')
    route = ToolCall("2", "mcp__coord__route_query", '{"query":"x"}')
    split = ToolCall("3", "route_query", "{}", "mcp__coord")
    calls: list[Spoken] = [patch, route, split, Finished("m", Usage(), StopReason.TOOLS)]

    output = OPENAI_RESPONSES.encode_completion(fold(calls), Opening("7", "m", 0, request))["output"]

    told = [{key: item.get(key) for key in ("type", "name", "namespace", "input", "arguments")} for item in output]
    assert told == [
        {"type": "custom_tool_call", "name": "apply_patch", "namespace": None, "input": "*** Begin Patch"}
        | {"arguments": None},
        {"type": "function_call", "name": "route_query", "namespace": "mcp__coord", "input": None}
        | {"arguments": '{"query":"x"}'},
        {"type": "function_call", "name": "route_query", "namespace": "mcp__coord", "input": None}
        | {"arguments": "{}"},
    ]


def test_a_response_repeats_what_its_request_set() -> None:
    request = {"instructions": "Be brief.", "temperature": 0.2, "tools": [{"type": "function", "name": "x"}]}

    body = OPENAI_RESPONSES.encode_completion(fold([Finished("m", Usage())]), Opening("7", "m", 0, request))

    assert {key: body[key] for key in request} == request
    assert body["parallel_tool_calls"] is True


@formats
def test_a_failure_within_a_stream_is_told_in_the_vendors_words(format: Format) -> None:
    expected: dict[str, list[tuple[str, Any]]] = {
        "openai-chat": [
            (
                "message",
                {"error": {"message": "gone", "type": "server_error", "param": None, "code": "unavailable"}},
            )
        ],
        "openai-responses": [
            (
                "error",
                {"type": "error", "code": "server_error", "message": "gone", "param": None, "sequence_number": 0},
            )
        ],
        "anthropic": [("error", {"type": "error", "error": {"type": "overloaded_error", "message": "gone"}})],
    }

    assert parse(format.encode_failure(503, "unavailable", "gone")) == expected[format.name]


@formats
def test_a_writer_that_fails_says_so_in_the_shape_that_clients_await(format: Format) -> None:
    writer = format.writer(OPENING)
    writer.start()

    [(name, body)] = parse(writer.write(Delta("x"))[:0] + writer.fail(429, "over_budget", "too much"))

    if format is OPENAI_RESPONSES:
        assert (name, body["type"], body["sequence_number"]) == ("response.failed", "response.failed", 5)
        assert (body["response"]["status"], body["response"]["error"]) == (
            "failed",
            {"code": "rate_limit_exceeded", "message": "too much"},
        )
    else:
        assert body["error"]["type"] == "rate_limit_error"


@pytest.mark.parametrize(
    ("status", "openai", "anthropic"),
    [
        (400, "invalid_request_error", "invalid_request_error"),
        (401, "authentication_error", "authentication_error"),
        (403, "permission_error", "permission_error"),
        (404, "invalid_request_error", "not_found_error"),
        (413, "invalid_request_error", "request_too_large"),
        (429, "rate_limit_error", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (503, "server_error", "overloaded_error"),
        (507, "server_error", "api_error"),
    ],
)
def test_an_error_has_the_vendors_name_for_its_status(status: int, openai: str, anthropic: str) -> None:
    told = {"message": "no", "type": openai, "param": None, "code": "kind"}

    assert OPENAI_CHAT.encode_error(status, "kind", "no") == {"error": told}
    assert OPENAI_RESPONSES.encode_error(status, "kind", "no") == {"error": told}
    assert ANTHROPIC.encode_error(status, "kind", "no") == {
        "type": "error",
        "error": {"type": anthropic, "message": "no"},
    }


def test_usage_is_streamed_to_those_only_who_asked_for_it() -> None:
    writer = OPENAI_CHAT.writer(Opening("7", "m", 0))

    stream = writer.start() + writer.write(Finished("m", Usage(3, 2)))

    assert b"usage" not in stream
    assert stream.endswith(b"data: [DONE]\n\n")


def test_every_event_of_a_response_is_numbered_in_order() -> None:
    bodies = [body for _, body in parse(write(OPENAI_RESPONSES, events(OPENAI_RESPONSES)))]

    assert [body["sequence_number"] for body in bodies] == list(range(len(bodies)))


def test_an_event_says_its_kind_twice_where_clients_look_for_it_twice() -> None:
    for format in (ANTHROPIC, OPENAI_RESPONSES):
        for name, body in parse(write(format, events(format))):
            assert name == body["type"]


def test_comments_keep_a_connection_alive_without_an_event() -> None:
    assert OPENAI_CHAT.writer(OPENING).ping() == b": keep-alive\n\n"
    assert list(SseDecoder().feed(OPENAI_RESPONSES.writer(OPENING).ping())) == []
    assert list(SseDecoder().feed(ANTHROPIC.writer(OPENING).ping())) == [ServerEvent('{"type":"ping"}', "ping")]
