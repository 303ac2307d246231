"""Which answers are trusted. The texts stand in golden/validation; those of `unseen` had no say in the rules."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator.domain.knowledge import Collection, Passage
from hybrid_coordinator.domain.query import (
    Completion,
    Finished,
    Prompt,
    Role,
    StopReason,
    Tool,
    ToolCall,
    ToolChoice,
    Turn,
    Usage,
)
from hybrid_coordinator.logic.contradictions import find_contradiction
from hybrid_coordinator.logic.validation import Flaw, FlawKind, ValidationPolicy, check_answer

GOLDEN = Path(__file__).parents[1] / "golden" / "validation"
ANSWERS = json.loads((GOLDEN / "answers.json").read_text())

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("get_weather", "The weather.", CITY)
TIME = Tool("get_time", "The time.", {"type": "object", "properties": {}})


def prompt(question: str = "How is it done?", **how: Any) -> Prompt:
    return Prompt((Turn(Role.USER, (question,)),), **how)


def said(text: str, *calls: ToolCall, stop: StopReason = StopReason.END, tokens: int = 5, **more: Any) -> Completion:
    return Completion(text, Finished("m", Usage(10, tokens), stop, **more), calls=calls)


def check(completion: Completion, asked: Prompt | None = None, passages: Sequence[str] = (), **how: Any) -> Flaw | None:
    shown = [Passage(str(n), Collection.CODEBASE, text, {}, 0.9, 0.9) for n, text in enumerate(passages)]
    return check_answer(asked or prompt(), completion, shown, ValidationPolicy(), **how)


def kind_of(flaw: Flaw | None) -> FlawKind | None:
    return flaw.kind if flaw else None


@pytest.mark.parametrize("text", ANSWERS["good"])
def test_a_good_answer_is_trusted(text: str) -> None:
    assert check(said(text)) is None


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in ANSWERS["bad"].items() for text in texts])
def test_a_bad_answer_is_rejected_for_what_is_wrong_with_it(kind: str, text: str) -> None:
    assert kind_of(check(said(text))) == kind


@pytest.mark.parametrize(
    ("name", "most_false_alarms", "most_missed"),
    [("contradictions.json", 0, 2), ("contradictions_unseen.json", 1, 1)],
)
def test_contradictions_are_found_and_right_answers_hardly_ever_accused(
    name: str, most_false_alarms: int, most_missed: int
) -> None:
    cases = json.loads((GOLDEN / name).read_text())
    false_alarms, missed = [], []
    for case in cases:
        accused = kind_of(check(said(case["answer"]), passages=[case["passage"]])) is FlawKind.CONTRADICTION
        if accused and not case["contradicts"]:
            false_alarms.append(case)
        if case["contradicts"] and not accused:
            missed.append(case)

    assert len(false_alarms) <= most_false_alarms
    assert len(missed) <= most_missed
    assert sum(case["contradicts"] for case in cases) >= 25
    assert sum(not case["contradicts"] for case in cases) >= 40


def test_what_the_question_says_itself_contradicts_nobody() -> None:
    asked = prompt("Why is the timeout 10 seconds for me?")

    assert check(said("The timeout is 10 seconds."), asked, ["The timeout is 45 seconds."]) is None
    assert kind_of(check(said("The timeout is 10 seconds."), passages=["The timeout is 45 seconds."])) is not None


def test_a_figure_that_another_passage_gives_contradicts_nobody() -> None:
    passages = ["The old timeout is 45 seconds.", "The timeout is 10 seconds."]

    assert check(said("The timeout is 10 seconds."), passages=passages) is None


@pytest.mark.parametrize(
    ("stop", "tokens", "ours", "cut"),
    [
        (StopReason.LENGTH, 100, False, False),
        (StopReason.LENGTH, 60, False, True),
        (StopReason.LENGTH, 100, True, True),
        (StopReason.LENGTH, 0, False, False),
        (StopReason.END, 60, True, False),
    ],
)
def test_an_answer_is_cut_when_it_ends_at_a_limit_that_the_asker_did_not_set(
    stop: StopReason, tokens: int, ours: bool, cut: bool
) -> None:
    flaw = check(said("It is done so", stop=stop, tokens=tokens), prompt(max_tokens=100), limit_is_ours=ours)

    assert (kind_of(flaw) is FlawKind.TRUNCATED) == cut


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (ToolCall("1", "get_weather", '{"city": "Oslo"}'), None),
        (ToolCall("1", "get_time", ""), None),
        (ToolCall("1", "get_wether", '{"city": "Oslo"}'), "there is no such tool"),
        (ToolCall("1", "get_weather", '{"city": 5}'), r"\$\.city: 5 is not of type 'string'"),
        (ToolCall("1", "get_weather", "{}"), "'city' is a required property"),
        (ToolCall("1", "get_weather", '{"city": "Os'), "are not JSON"),
        (ToolCall("1", "get_weather", '["Oslo"]'), "are not an object"),
        (ToolCall("1", "get_weather", "[" * 100_000), "are not JSON"),
    ],
)
def test_a_tool_call_must_name_a_tool_and_satisfy_its_schema(call: ToolCall, why: str | None) -> None:
    flaw = check(said("", call, stop=StopReason.TOOLS), prompt(tools=(WEATHER, TIME)))

    if why is None:
        assert flaw is None
    else:
        assert kind_of(flaw) is FlawKind.BAD_TOOL_CALL
        assert flaw
        with pytest.raises(AssertionError, match=why):
            raise AssertionError(flaw.why)


@pytest.mark.parametrize("name", ["github__create", "create"])
def test_a_tool_in_a_namespace_is_known_by_its_short_and_its_full_name(name: str) -> None:
    tool = Tool("create", "Create.", {"type": "object"}, namespace="github")

    assert check(said("", ToolCall("1", name, "{}")), prompt(tools=(tool,))) is None


@pytest.mark.parametrize("asked", [{"tool_choice": ToolChoice.REQUIRED}, {"forced_tool": "get_time"}])
def test_a_tool_that_had_to_be_called_is_missed(asked: Mapping[str, Any]) -> None:
    tools = (WEATHER, TIME)

    assert kind_of(check(said("It is noon."), prompt(tools=tools, **asked))) is FlawKind.BAD_TOOL_CALL
    assert check(said("", ToolCall("1", "get_time", "{}")), prompt(tools=tools, **asked)) is None


def test_another_tool_than_the_forced_one_is_no_answer() -> None:
    asked = prompt(tools=(WEATHER, TIME), forced_tool="get_time")

    assert kind_of(check(said("", ToolCall("1", "get_weather", '{"city": "Oslo"}')), asked)) is FlawKind.BAD_TOOL_CALL


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "get_weather"}</tool_call>',
        '```json\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n```',
        '{"tool": "get_weather", "arguments": {"city": "Os',
        "<function=get_weather>",
        '[TOOL_CALLS][{"name": "get_weather"}]',
    ],
)
def test_a_call_that_came_out_as_text_is_a_bad_call_only_where_there_are_tools(text: str) -> None:
    closed = text if text.count("```") != 1 else text + "\n```"

    assert kind_of(check(said(text), prompt(tools=(WEATHER,)))) is FlawKind.BAD_TOOL_CALL
    assert kind_of(check(said(closed))) is not FlawKind.BAD_TOOL_CALL


@pytest.mark.parametrize(
    ("schema", "text", "good"),
    [
        (CITY, '{"city": "Oslo"}', True),
        (CITY, '{"town": "Oslo"}', False),
        (CITY, '{"city": "Os', False),
        (CITY, 'Here it is: {"city": "Oslo"}', False),
        ({}, '{"anything": 1}', True),
        ({}, "[1, 2]", False),
        ({"type": "nonsense"}, '{"city": 1}', True),
        ({"$ref": "http://127.0.0.1:9/schema"}, '{"city": 1}', True),
        ({"type": "string", "pattern": "("}, '"x"', True),
    ],
)
def test_json_that_was_asked_for_must_follow_its_schema(schema: Mapping[str, Any], text: str, good: bool) -> None:
    flaw = check(said(text), prompt(schema=schema))

    assert kind_of(flaw) == (None if good else FlawKind.BAD_JSON)


def test_a_pattern_that_would_run_for_ever_is_not_judged() -> None:
    schema = {"type": "string", "pattern": "^(a+)+$"}

    assert check(said(json.dumps("a" * 40 + "b")), prompt(schema=schema)) is None
    assert kind_of(check(said('"b"'), prompt(schema={"type": "string", "pattern": "^a+$"}))) is FlawKind.BAD_JSON


@pytest.mark.parametrize(("confidence", "trusted"), [(None, True), (0.31, True), (0.29, False), (0.0, False)])
def test_a_model_that_guesses_is_not_trusted(confidence: float | None, trusted: bool) -> None:
    flaw = check(said("It is 4.", confidence=confidence))

    assert kind_of(flaw) == (None if trusted else FlawKind.LOW_CONFIDENCE)


def test_a_vendor_that_says_refused_is_believed() -> None:
    assert kind_of(check(said("Let us talk about the weather.", stop=StopReason.REFUSED))) is FlawKind.REFUSAL


def test_an_echo_of_the_question_is_no_answer() -> None:
    asked = prompt("Context:\n\nThe port is 80.\n\nWhich port does it listen on?")

    assert kind_of(check(said("Which port does it listen on?"), asked)) is FlawKind.ECHO
    assert check(said("It listens on port 80."), asked) is None


@pytest.mark.parametrize(
    "piece",
    [
        "x",
        "a b ",
        "\ud800 \x00 ￿",
        "`",
        "```\n",
        "sorry, ",
        "1",
        "1 ",
        "a:",
        "a-",
        "a.",
        "/a",
        "It is not 5. ",
        "a\n",
        "-- ",
    ],
)
def test_huge_and_odd_texts_are_judged_in_reasonable_time(piece: str) -> None:
    text = piece * (60_000 // len(piece))

    started = time.process_time()
    check(said(text), passages=[text])
    find_contradiction(text, [text], text)

    assert time.process_time() - started < 2.0
