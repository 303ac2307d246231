"""Tool calls without a template for tools: into a prompt and a schema, and back."""

from dataclasses import replace
from typing import Any

import pytest

from hybrid_coordinator.domain.query import (
    Completion,
    Delta,
    Finished,
    Prompt,
    Role,
    StopReason,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Usage,
)
from hybrid_coordinator.logic.tool_grammar import offered_tools, speaks_of_tools, tool_prompt, tool_spoken

WEATHER = Tool(
    "get_weather",
    "Current weather in a city. Never guesses.",
    {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}, "days": {"type": "array"}},
        "required": ["city"],
    },
)
TIME = Tool("get_time", "", {}, namespace="clock")
ROOM = 4096
ASKED = Prompt((Turn(Role.USER, ("Is it warm?",)),), system="Be brief.", tools=(WEATHER, TIME))


def said(text: str, stop: StopReason = StopReason.END) -> Completion:
    return Completion(text, Finished("m", Usage(1, 1), stop, confidence=0.5))


def test_the_tools_stand_in_the_system_text_one_a_line() -> None:
    prompt = tool_prompt(replace(ASKED, tool_choice=ToolChoice.REQUIRED), ROOM)

    assert prompt.system.splitlines() == [
        "Be brief.",
        "",
        'Call the tool that serves the request. Reply as {"tool": name, "arguments": {...}}. Tools:',
        'get_weather(city: string, unit?: "c"|"f", days?: [any]) - Current weather in a city.',
        "get_time()",
    ]
    assert prompt.tools == ()


def alternatives(prompt: Prompt) -> list[set[str]]:
    schema: Any = tool_prompt(prompt, ROOM).schema
    return [set(one["properties"]) for one in schema.get("anyOf", [schema])]


def test_a_model_that_may_speak_has_an_answer_among_its_alternatives() -> None:
    assert alternatives(ASKED) == [{"answer"}, {"tool", "arguments"}, {"tool", "arguments"}]
    assert alternatives(replace(ASKED, tool_choice=ToolChoice.REQUIRED)) == [{"tool", "arguments"}] * 2


def test_a_forced_tool_is_the_only_one_offered() -> None:
    prompt = replace(ASKED, forced_tool="get_time")

    assert offered_tools(prompt) == (TIME,)
    assert alternatives(prompt) == [{"tool", "arguments"}]


def test_what_may_be_said_shrinks_with_the_room_that_is_left() -> None:
    wish = replace(ASKED, max_tokens=128_000)

    roomy, narrow = (str(tool_prompt(wish, room).schema) for room in (8_192, 300))

    assert "'maxLength': 1500" in roomy
    assert "'maxLength': 1500" not in narrow


def test_an_answer_beside_tools_follows_the_schema_that_was_asked_for() -> None:
    prompt = replace(ASKED, schema={"type": "object", "properties": {"warm": {"type": "boolean"}}})

    schema: Any = tool_prompt(prompt, ROOM).schema

    assert set(schema["anyOf"][0]["properties"]["answer"]["properties"]) == {"warm"}
    assert tool_spoken(said('{"answer": {"warm": true}}'), prompt)[0] == Delta('{"warm": true}')


@pytest.mark.parametrize("how", [{"tool_choice": ToolChoice.NONE}, {"tools": ()}])
def test_without_an_offer_there_is_no_grammar(how: dict[str, Any]) -> None:
    prompt = tool_prompt(replace(ASKED, **how), ROOM)

    assert prompt.schema is None
    assert prompt.system == "Be brief."


def test_a_call_comes_back_as_a_call() -> None:
    pieces = tool_spoken(said('{"tool": "get_time", "arguments": {}}'), ASKED)

    assert pieces == [
        ToolCall("call_0", "get_time", "{}", namespace="clock"),
        Finished("m", Usage(1, 1), StopReason.TOOLS, confidence=0.5),
    ]


def test_calls_are_numbered_through_the_conversation() -> None:
    turns = (
        *ASKED.turns,
        Turn(Role.ASSISTANT, (ToolCall("call_0", "get_weather", '{"city": "Oslo"}'),)),
        Turn(Role.USER, (ToolResult("call_0", "cold"),)),
    )

    [call, _] = tool_spoken(said('{"tool": "get_time", "arguments": {}}'), replace(ASKED, turns=turns))

    assert isinstance(call, ToolCall)
    assert call.id == "call_1"


@pytest.mark.parametrize(
    "text",
    [
        "It is warm.",
        '{"tool": "get_weather", "arguments": {"city": "Os',
        '{"tool": "unknown", "arguments": {}}',
        '{"tool": ["get_time"], "arguments": {}}',
        '{"tool": "get_time"}',
        "[1, 2]",
        "[" * 100_000,
    ],
)
def test_what_is_no_call_stays_text(text: str) -> None:
    [piece, finished] = tool_spoken(said(text, StopReason.LENGTH), ASKED)

    assert piece == Delta(text)
    assert isinstance(finished, Finished)
    assert finished.stop is StopReason.LENGTH


def test_an_empty_answer_stays_empty() -> None:
    assert tool_spoken(said(""), ASKED) == [said("").finished]


def test_earlier_calls_and_results_become_words_between_user_and_assistant_in_turn() -> None:
    turns = (
        *ASKED.turns,
        Turn(Role.ASSISTANT, ("I look.", ToolCall("c1", "get_weather", '{"city": "Oslo"}'))),
        Turn(Role.USER, (ToolResult("c1", "offline", failed=True),)),
        Turn(Role.USER, ("And now?",)),
    )

    prompt = tool_prompt(Prompt(turns), ROOM)

    assert speaks_of_tools(Prompt(turns))
    assert [(turn.role, turn.text) for turn in prompt.turns] == [
        (Role.USER, "Is it warm?"),
        (Role.ASSISTANT, 'I look.\n{"tool": "get_weather", "arguments": {"city": "Oslo"}}'),
        (Role.USER, "get_weather failed: offline\nAnd now?"),
    ]
