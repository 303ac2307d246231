"""Anthropic Messages requests, as they come in."""

import json
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator.domain.query import (
    Image,
    Part,
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
from hybrid_coordinator.wire.anthropic_requests import decode_request
from hybrid_coordinator.wire.conversation import UNSAID_MAX_TOKENS

GOLDEN = Path(__file__).parent / "golden"


def ask(**fields: Any) -> Prompt:
    return decode_request({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9, **fields})


def parts_of(*blocks: dict[str, Any]) -> tuple[Part, ...]:
    [turn] = ask(messages=[{"role": "user", "content": list(blocks)}]).turns
    return turn.parts


def test_what_claude_code_sends_is_decoded_whole() -> None:
    body = json.loads((GOLDEN / "claude_code_request.json").read_text())

    prompt = decode_request(body)

    reminder = body["messages"][0]["content"][0]["text"]
    assert prompt == Prompt(
        turns=(
            Turn(Role.USER, (reminder, "What does this repository build, and how is the weather in Bern?")),
            Turn(Role.SYSTEM, ("Hook context: the last build passed.",)),
            Turn(
                Role.ASSISTANT,
                (
                    Thought("I need two tools.", "EqQBCkYIBRgC"),
                    Thought("", sealed="EmwKAhgBEgy3va3p"),
                    "Let me look.",
                    ToolCall("toolu_01A", "Bash", '{"command":"ls","timeout":5000}'),
                    ToolCall("toolu_01B", "ToolSearch", '{"query":"select:mcp__weather__forecast"}'),
                ),
            ),
            Turn(
                Role.USER,
                (
                    ToolResult("toolu_01A", "ls: cannot open directory", failed=True),
                    ToolResult("toolu_01B", "The tool mcp__weather__forecast can be called now."),
                    "<system-reminder>The file Makefile was changed.</system-reminder>",
                    "Go on, and look at this picture.",
                    Image("data:image/png;base64,iVBORw0KGgo="),
                ),
            ),
        ),
        system="You are Claude Code.\n\n# Tone\nBe concise.",
        max_tokens=128000,
        temperature=None,
        tools=(
            Tool("Bash", "Runs a command.", body["tools"][0]["input_schema"]),
            Tool("mcp__weather__forecast", "The weather to come.", body["tools"][2]["input_schema"]),
        ),
    )


def test_a_tool_that_was_called_before_needs_no_search_again() -> None:
    call = {"type": "tool_use", "id": "1", "name": "late", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "1"}
    messages = [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]

    prompt = ask(messages=messages, tools=[{"name": "late", "input_schema": {}, "defer_loading": True}])

    assert prompt.tools == (Tool("late", "", {}),)
    assert prompt.turns[-1].parts == (ToolResult("1", ""),)


@pytest.mark.parametrize(
    ("told", "choice", "forced"),
    [
        (None, ToolChoice.AUTO, ""),
        ({"type": "auto", "disable_parallel_tool_use": True}, ToolChoice.AUTO, ""),
        ({"type": "any"}, ToolChoice.REQUIRED, ""),
        ({"type": "none"}, ToolChoice.NONE, ""),
        ({"type": "tool", "name": "x"}, ToolChoice.REQUIRED, "x"),
    ],
)
def test_the_choice_of_a_tool_is_understood(told: Any, choice: ToolChoice, forced: str) -> None:
    prompt = ask(tool_choice=told)

    assert (prompt.tool_choice, prompt.forced_tool) == (choice, forced)


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "image", "source": {"type": "url", "url": "https://a/b.png"}}, Image("https://a/b.png")),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, "[image in a file: left out]"),
        ({"type": "document", "source": {"type": "text", "data": "words"}, "title": "A"}, "A\nwords"),
        ({"type": "document", "source": {"type": "content", "content": "words"}}, "words"),
        ({"type": "document", "source": {"type": "base64", "data": "JVBERi0="}}, "[document: left out]"),
        ({"type": "search_result", "title": "A", "content": [{"type": "text", "text": "b"}]}, "A\nb"),
        ({"type": "compaction", "content": "so far"}, "so far"),
        ({"type": "container_upload", "file_id": "f"}, "[container_upload: left out]"),
        ({"type": "of_next_year"}, "[of_next_year: left out]"),
    ],
)
def test_a_block_becomes_what_other_models_can_take(block: dict[str, Any], part: Part) -> None:
    assert parts_of(block) == (part,)


def test_the_traces_of_tools_that_ran_at_anthropic_are_passed_over() -> None:
    traces: list[dict[str, Any]] = [
        {"type": "server_tool_use", "name": "web_search"},
        {"type": "web_search_tool_result", "content": []},
    ]

    assert parts_of(*traces, {"type": "text", "text": "x"}) == ("x",)


@pytest.mark.parametrize("key", ["output_config", "output_format"])
def test_a_schema_is_found_in_its_place_of_today_and_of_before(key: str) -> None:
    form = {"type": "json_schema", "schema": {"type": "object"}}

    prompt = ask(**{key: {"format": form} if key == "output_config" else form})

    assert prompt.schema == {"type": "object"}


def test_what_is_not_said_is_left_to_the_model() -> None:
    prompt = ask(max_tokens=None)

    assert prompt == Prompt((Turn(Role.USER, ("hi",)),), max_tokens=UNSAID_MAX_TOKENS, temperature=None)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"messages": []}, "messages: a list with a message of the user is due"),
        (
            {"messages": [{"role": "tool", "content": "x"}]},
            r"messages\[0\].role: one of system, user, assistant is due",
        ),
        ({"messages": [{"role": "user", "content": [{}]}]}, r"messages\[0\].content\[0\].type: a text is due"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "tool_use_id: a text is due"),
        (
            {
                "messages": [
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "x", "input": 5}]}
                ]
            },
            "input: an object is due, not 5",
        ),
        ({"system": 5}, "system: a list is due, not 5"),
        ({"tools": [{"input_schema": {}}]}, r"tools\[0\].name: a text is due"),
        ({"tool_choice": {"type": "maybe"}}, "tool_choice.type: one of auto, any, tool, none is due"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name: a text is due"),
        ({"temperature": 1.5}, "temperature: a number from 0 to 1 is due"),
        ({"stop_sequences": "x"}, "stop_sequences: a list is due"),
    ],
)
def test_a_request_that_no_server_would_take_is_told_where_it_is_wrong(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        ask(**fields)
