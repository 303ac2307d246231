"""OpenAI Responses requests, as they come in."""

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
from hybrid_coordinator.wire.openai_responses_requests import decode_request

GOLDEN = Path(__file__).parent / "golden"


def ask(**fields: Any) -> Prompt:
    return decode_request({"input": "hi", **fields})


def test_what_codex_sends_is_decoded_whole() -> None:
    body = json.loads((GOLDEN / "codex_request.json").read_text())

    prompt = decode_request(body)

    free_text = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
    routing = body["tools"][2]["tools"][0]["parameters"]
    assert prompt == Prompt(
        turns=(
            Turn(
                Role.USER,
                (
                    "<environment_context>\n  <cwd>/src</cwd>\n</environment_context>",
                    "Which route does this question take?",
                ),
            ),
            Turn(Role.SYSTEM, ("Hook context: the last build passed.",)),
            Turn(
                Role.ASSISTANT,
                (
                    Thought("Ask the coordinator.", "rs_0a1", "gAAAAABpxyz"),
                    ToolCall("call_a", "route_query", '{"query":"hello"}', "mcp__coord"),
                    ToolCall("call_b", "apply_patch", '{"input":"*** Begin Patch\\n*** End Patch"}'),
                ),
            ),
            Turn(
                Role.USER,
                (
                    ToolResult("call_a", 'Wall time: 0.0145 seconds\nOutput:\n{"target":"local"}'),
                    ToolResult("call_b", "done", images=(Image("data:image/png;base64,iVBORw0KGgo="),)),
                ),
            ),
        ),
        system="You are a coding agent.\n\nSandbox: read-only.",
        max_tokens=UNSAID_MAX_TOKENS,
        temperature=None,
        tools=(
            Tool("shell", "Runs a command.", body["tools"][0]["parameters"]),
            Tool("apply_patch", "Edits files.", free_text),
            Tool("route_query", "Says where a question goes.", routing, "mcp__coord"),
        ),
    )


def test_a_text_alone_is_what_the_user_says() -> None:
    prompt = ask(max_output_tokens=9, temperature=1, top_p=0.5)

    assert prompt == Prompt((Turn(Role.USER, ("hi",)),), max_tokens=9, temperature=1.0, top_p=0.5)


def test_a_message_may_come_without_a_type() -> None:
    said = [("user", "a"), ("assistant", "b"), ("user", "c")]

    prompt = ask(input=[{"role": role, "content": text} for role, text in said])

    assert [turn.parts for turn in prompt.turns] == [("a",), ("b",), ("c",)]


def test_the_traces_of_tools_that_ran_at_openai_are_passed_over() -> None:
    trace = {"type": "web_search_call", "id": "ws_1", "status": "completed"}

    prompt = ask(input=[{"role": "user", "content": "a"}, trace])

    assert prompt.turns == (Turn(Role.USER, ("a",)),)


def test_a_picture_or_file_that_lies_elsewhere_is_named_and_left_out() -> None:
    parts = [{"type": "input_image", "file_id": "f"}, {"type": "input_file", "file_id": "f"}]

    prompt = ask(input=[{"role": "user", "content": parts}])

    assert prompt.turns[0].parts == ("[input_image: left out]", "[input_file: left out]")


def test_a_schema_and_a_forced_tool_are_understood() -> None:
    form = {"type": "json_schema", "name": "x", "schema": {"type": "object"}, "strict": True}

    prompt = ask(text={"format": form}, tool_choice={"type": "function", "name": "f"})

    assert (prompt.schema, prompt.tool_choice, prompt.forced_tool) == ({"type": "object"}, ToolChoice.REQUIRED, "f")
    assert ask(text={"format": {"type": "json_object"}}).schema == {}
    assert ask(text={"verbosity": "low"}).schema is None


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"input": None}, "input: a text, or a list with a message of the user, is due, it is missing"),
        ({"input": []}, "input: a text, or a list"),
        ({"input": ""}, "input: a text, or a list"),
        ({"input": 5}, "input: a list is due, not 5"),
        ({"input": [{"role": "tool", "content": "x"}]}, r"input\[0\].role: one of system, developer, user, assistant"),
        ({"input": [{"type": "function_call", "name": "x"}]}, r"input\[0\].call_id: a text is due, it is missing"),
        ({"input": [{"type": "function_call_output"}]}, r"input\[0\].call_id: a text is due"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, r"input\[0\]: only OpenAI can read this item_reference"),
        (
            {"input": [{"type": "compaction", "encrypted_content": "x"}]},
            "only OpenAI can read this compaction; send the",
        ),
        ({"previous_response_id": "resp_1"}, "previous_response_id: no conversation is kept here; send all of it"),
        ({"conversation": "conv_1"}, "conversation: no conversation is kept here"),
        ({"max_output_tokens": -1}, "max_output_tokens: a whole number above 0"),
        ({"tools": [{"type": "namespace", "tools": []}]}, r"tools\[0\].name: a text is due"),
    ],
)
def test_a_request_that_cannot_be_answered_here_is_told_why(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        ask(**fields)
