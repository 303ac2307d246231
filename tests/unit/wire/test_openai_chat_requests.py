"""OpenAI Chat Completions requests, as they come in."""

import json
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator.domain.query import (
    Image,
    Prompt,
    Role,
    Thought,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.wire.conversation import UNSAID_MAX_TOKENS
from hybrid_coordinator.wire.openai_chat_requests import decode_request

GOLDEN = Path(__file__).parent / "golden"


def ask(**fields: Any) -> Prompt:
    return decode_request({"messages": [{"role": "user", "content": "hi"}], **fields})


def test_a_request_is_decoded_whole() -> None:
    body = json.loads((GOLDEN / "openai_chat_request.json").read_text())

    prompt = decode_request(body)

    weather = body["tools"][0]["function"]["parameters"]
    assert prompt == Prompt(
        turns=(
            Turn(
                Role.USER,
                (
                    "Compare the weather in Bern and Basel.",
                    "Here is a map.",
                    Image("https://example.org/map.png"),
                ),
            ),
            Turn(
                Role.ASSISTANT,
                (
                    Thought("Two calls."),
                    ToolCall("call_1", "weather", '{"city":"Bern"}'),
                    ToolCall("call_2", "weather", '{"city":"Basel"}'),
                ),
            ),
            Turn(
                Role.USER,
                (
                    ToolResult("call_1", "12 °C"),
                    ToolResult("call_2", "14 °C"),
                    "[input_audio: left out]",
                    "Which is warmer? 🐧",
                ),
            ),
        ),
        system="Be brief.\n\nAnswer in JSON.",
        max_tokens=300,
        temperature=0.0,
        top_p=0.9,
        stop=("END", "\n\n\n"),
        tools=(Tool("weather", "The weather now.", weather),),
        tool_choice=ToolChoice.REQUIRED,
        forced_tool="weather",
        schema={"type": "object", "properties": {"warmer": {"type": "string"}}},
    )


def test_what_is_not_said_is_left_to_the_model() -> None:
    prompt = ask()

    assert prompt == Prompt((Turn(Role.USER, ("hi",)),), max_tokens=UNSAID_MAX_TOKENS, temperature=None)


def test_the_system_may_speak_after_the_user() -> None:
    said = [("user", "hi"), ("system", "be brief"), ("assistant", "yes"), ("user", "go on")]

    prompt = decode_request({"messages": [{"role": role, "content": text} for role, text in said]})

    assert [turn.role for turn in prompt.turns] == [Role.USER, Role.SYSTEM, Role.ASSISTANT, Role.USER]
    assert prompt.system == ""


@pytest.mark.parametrize(
    ("told", "choice", "forced"),
    [
        (None, ToolChoice.AUTO, ""),
        ("auto", ToolChoice.AUTO, ""),
        ("none", ToolChoice.NONE, ""),
        ("required", ToolChoice.REQUIRED, ""),
        ({"type": "function", "function": {"name": "x"}}, ToolChoice.REQUIRED, "x"),
        ({"type": "custom", "custom": {"name": "x"}}, ToolChoice.REQUIRED, "x"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}}, ToolChoice.REQUIRED, ""),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}, ToolChoice.AUTO, ""),
        ({"type": "of_next_year"}, ToolChoice.AUTO, ""),
    ],
)
def test_the_choice_of_a_tool_is_understood(told: Any, choice: ToolChoice, forced: str) -> None:
    prompt = ask(tool_choice=told)

    assert (prompt.tool_choice, prompt.forced_tool) == (choice, forced)


def test_any_json_object_is_a_schema_that_says_nothing() -> None:
    assert ask(response_format={"type": "json_object"}).schema == {}
    assert ask(response_format={"type": "text"}).schema is None


def test_one_word_to_stop_at_may_stand_without_a_list() -> None:
    assert ask(stop="END").stop == ("END",)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"messages": None}, "messages: a list with a message of the user is due, it is missing"),
        ({"messages": []}, "messages: a list with a message of the user is due"),
        ({"messages": "hi"}, "messages: a list is due, not 'hi'"),
        ({"messages": [5]}, r"messages\[0\].role: a text is due, it is missing"),
        ({"messages": [{"role": "narrator"}]}, r"messages\[0\].role: one of system, developer, .* not 'narrator'"),
        ({"messages": [{"role": "user", "content": 5}]}, r"messages\[0\].content: a list is due, not 5"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, r"content\[0\].text: a text is due"),
        ({"messages": [{"role": "tool", "content": "x"}]}, r"messages\[0\].tool_call_id: a text is due"),
        ({"messages": [{"role": "tool", "tool_call_id": " ", "content": "x"}]}, "tool_call_id: a name is due, not ' '"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "function": {}}]}]},
            r"messages\[0\].tool_calls\[0\].function.name: a text is due",
        ),
        ({"max_tokens": 0}, "max_tokens: a whole number above 0 is due, not 0"),
        ({"max_tokens": True}, "max_tokens: a whole number above 0 is due"),
        ({"temperature": 3}, "temperature: a number from 0 to 2 is due, not 3"),
        ({"temperature": "hot"}, "temperature: a number from 0 to 2 is due, not 'hot'"),
        ({"temperature": float("nan")}, "temperature: a number from 0 to 2 is due, not nan"),
        ({"tools": {}}, "tools: a list is due"),
        ({"tools": [{"type": "function", "function": {"description": "x"}}]}, r"tools\[0\].function.name: a text"),
        ({"tool_choice": "sometimes"}, "tool_choice: one of auto, none, required"),
        ({"stop": [5]}, r"stop\[0\]: a text is due, not 5"),
    ],
)
def test_a_request_that_no_server_would_take_is_told_where_it_is_wrong(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        ask(**fields)
