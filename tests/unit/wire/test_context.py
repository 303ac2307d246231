"""Context that is put into a request, and everything else that stays as it is."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator.wire.formats import ANTHROPIC, FORMATS, OPENAI_CHAT, OPENAI_RESPONSES, Format

GOLDEN = Path(__file__).parent / "golden"
WRAPPED = "<coordinator-context>\nknown\n</coordinator-context>"

formats = pytest.mark.parametrize("format", FORMATS.values(), ids=lambda format: format.name)


def key_of(format: Format) -> str:
    return "input" if format is OPENAI_RESPONSES else "messages"


def asking(format: Format, *messages: dict[str, Any]) -> dict[str, Any]:
    return {"model": "m", "of_next_year": [None], key_of(format): list(messages)}


@formats
def test_another_model_is_the_only_difference(format: Format) -> None:
    body = asking(format, {"role": "user", "content": "hi"})

    changed = format.with_model(body, "other")

    assert list(changed.items()) == [("model", "other"), *list(body.items())[1:]]


@formats
def test_a_text_gets_the_context_behind_it(format: Format) -> None:
    body = asking(format, {"role": "assistant", "content": "x"}, {"role": "user", "content": "hi", "name": "n"})
    before = deepcopy(body)

    changed = format.with_context(body, "known")

    said = {"role": "user", "content": f"hi\n\n{WRAPPED}", "name": "n"}
    assert changed == asking(format, {"role": "assistant", "content": "x"}, said)
    assert body == before


@formats
def test_a_list_gets_one_more_block_behind_what_a_prompt_cache_depends_on(format: Format) -> None:
    marked = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}
    body = asking(format, {"role": "user", "content": [marked]})

    changed = format.with_context(body, "known")

    kind = "input_text" if format is OPENAI_RESPONSES else "text"
    assert changed == asking(format, {"role": "user", "content": [marked, {"type": kind, "text": WRAPPED}]})


@formats
@pytest.mark.parametrize("role", ["system", "developer"])
def test_what_the_system_said_last_does_not_stand_in_the_way(format: Format, role: str) -> None:
    late = {"role": role, "content": "s"}
    body = asking(format, {"role": "user", "content": "hi"}, late)

    changed = format.with_context(body, "known")

    assert changed == asking(format, {"role": "user", "content": f"hi\n\n{WRAPPED}"}, late)


def test_a_text_alone_as_input_gets_it_too() -> None:
    assert OPENAI_RESPONSES.with_context({"input": "hi"}, "known") == {"input": f"hi\n\n{WRAPPED}"}


RESULT = {"type": "tool_result", "tool_use_id": "1", "content": "x"}


@pytest.mark.parametrize(
    ("format", "last"),
    [
        (OPENAI_CHAT, {"role": "tool", "tool_call_id": "1", "content": "x"}),
        (OPENAI_CHAT, {"role": "assistant", "content": "x"}),
        (OPENAI_CHAT, {"role": "user", "content": None}),
        (OPENAI_RESPONSES, {"type": "function_call_output", "call_id": "1", "output": "x"}),
        (OPENAI_RESPONSES, {"type": "reasoning", "id": "rs_1"}),
        (ANTHROPIC, {"role": "user", "content": [RESULT]}),
        (ANTHROPIC, {"role": "user", "content": [RESULT, {"type": "text", "text": "and?"}]}),
        (ANTHROPIC, "words"),
    ],
)
def test_a_request_that_does_not_end_with_the_users_words_stays_as_it_is(format: Format, last: Any) -> None:
    body = asking(format, {"role": "user", "content": "hi"}, last)

    assert format.with_context(body, "known") == body


@formats
@pytest.mark.parametrize("told", [None, [], 5, {}])
def test_a_request_without_messages_stays_as_it_is(format: Format, told: Any) -> None:
    assert format.with_context({key_of(format): told}, "known") == {key_of(format): told}


def test_a_recorded_request_keeps_every_other_byte() -> None:
    body = json.loads((GOLDEN / "openai_chat_request.json").read_text())

    changed = OPENAI_CHAT.with_context(body, "known")

    assert changed["messages"][-1]["content"].pop() == {"type": "text", "text": WRAPPED}
    assert json.dumps(changed) == json.dumps(body)
