"""What the record wants to know of a raw request."""

import json
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator.domain.gateway import wrap_context
from hybrid_coordinator.wire.formats import ANTHROPIC, FORMATS, OPENAI_CHAT, OPENAI_RESPONSES, Format
from hybrid_coordinator.wire.injected import strip_injected

GOLDEN = Path(__file__).parent / "golden"
RECORDED = {"openai-chat": "openai_chat", "openai-responses": "codex", "anthropic": "claude_code"}


def recorded(format: Format) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((GOLDEN / f"{RECORDED[format.name]}_request.json").read_text())
    return body


@pytest.mark.parametrize(
    ("format", "question"),
    [
        (OPENAI_CHAT, "Which is warmer? 🐧"),
        (OPENAI_RESPONSES, "Which route does this question take?"),
        (ANTHROPIC, "Go on, and look at this picture."),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_recorded_request_is_seen_through(format: Format, question: str) -> None:
    body = recorded(format)

    assert format.question_of(body) == question
    assert format.wants_stream(body)


@pytest.mark.parametrize("format", [OPENAI_CHAT, ANTHROPIC], ids=lambda format: format.name)
def test_a_plain_question_is_the_question(format: Format) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}]}

    assert format.question_of(body) == "hi"
    assert not format.wants_stream(body)


def test_a_text_alone_is_a_question() -> None:
    assert OPENAI_RESPONSES.question_of({"input": "hi"}) == "hi"


@pytest.mark.parametrize(
    ("format", "last"),
    [
        (OPENAI_CHAT, {"role": "tool", "tool_call_id": "1", "content": "x"}),
        (ANTHROPIC, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "x"}]}),
        (OPENAI_RESPONSES, {"type": "function_call_output", "call_id": "1", "output": "x"}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_result_of_a_tool_is_no_question(format: Format, last: dict[str, Any]) -> None:
    asked = {"role": "user", "content": "list it"}
    key = "input" if format is OPENAI_RESPONSES else "messages"
    body = {key: [asked, {"role": "assistant", "content": "ok"}, last, {"role": "system", "content": "s"}]}

    assert format.question_of(body) == "list it"


def test_reminders_alone_are_no_question() -> None:
    told = [("user", "list it"), ("user", "<system-reminder>x</system-reminder>")]
    body = {"messages": [{"role": role, "content": text} for role, text in told]}

    assert ANTHROPIC.question_of(body) == "list it"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a <system-reminder>b</system-reminder> c", "a  c"),
        ("<system-reminder>b</system-reminder>\n\n<system-reminder>c</system-reminder>\nd", "d"),
        ('a\n<coordinator-context id="7">b\n</coordinator-context>', "a"),
        ("<environment_context>\n<cwd>/</cwd>\n</environment_context>", ""),
        ("what is <system-reminder>?", "what is <system-reminder>?"),
        ("</system-reminder> a", "</system-reminder> a"),
        ("<system-reminders>a</system-reminder>", "<system-reminders>a</system-reminder>"),
        ("a <system-reminder", "a <system-reminder"),
    ],
)
def test_what_programs_put_in_is_taken_out(text: str, left: str) -> None:
    assert strip_injected(text) == left


def test_our_own_context_is_taken_out_whatever_stands_in_it() -> None:
    wrapped = wrap_context("a </coordinator-context> b <coordinator-context> c")

    assert strip_injected(f"asked\n\n{wrapped}") == "asked"


def test_many_tags_that_are_not_closed_take_no_longer_than_the_text() -> None:
    text = "<system-reminder>" * 200_000

    assert strip_injected(text) == text


@pytest.mark.parametrize(
    ("body", "headers", "session"),
    [
        ({}, {"x-claude-code-session-id": "s"}, "s"),
        ({"metadata": {"user_id": '{"session_id":"s"}'}}, {}, "s"),
        ({"metadata": {"user_id": "user_ab_account__session_s"}}, {}, "s"),
        ({"metadata": {"user_id": '{"session_id":"body"}'}}, {"x-claude-code-session-id": "header"}, "header"),
        ({"metadata": {"user_id": "somebody"}}, {}, None),
        ({"metadata": {"user_id": "[[["}}, {}, None),
        ({"metadata": {"user_id": 5}}, {}, None),
        ({}, {}, None),
    ],
)
def test_claude_codes_session_is_found(body: dict[str, Any], headers: dict[str, str], session: str | None) -> None:
    assert ANTHROPIC.session_of(body, headers) == session


@pytest.mark.parametrize(
    ("body", "headers", "session"),
    [
        ({}, {"session-id": "s"}, "s"),
        ({}, {"session_id": "s"}, "s"),
        ({"prompt_cache_key": "s"}, {}, "s"),
        ({"prompt_cache_key": 5}, {}, None),
    ],
)
def test_codexs_session_is_found(body: dict[str, Any], headers: dict[str, str], session: str | None) -> None:
    assert OPENAI_RESPONSES.session_of(body, headers) == session


def test_a_chat_has_no_session() -> None:
    assert OPENAI_CHAT.session_of({"user": "u", "prompt_cache_key": "k"}, {"session-id": "s"}) is None


def test_every_format_is_found_under_its_name() -> None:
    assert [(name, format.name) for name, format in FORMATS.items()] == [
        ("openai-chat", "openai-chat"),
        ("openai-responses", "openai-responses"),
        ("anthropic", "anthropic"),
    ]
