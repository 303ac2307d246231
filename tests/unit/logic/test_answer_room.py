"""How much room is left for an answer."""

from dataclasses import replace

from hybrid_coordinator.domain.query import Image, Prompt, Role, Tool, ToolCall, ToolResult, Turn
from hybrid_coordinator.logic.answer_room import IMAGE_TOKENS, cap_answer, estimate_prompt

LONG = "x" * 3_200
ASKED = Prompt((Turn(Role.USER, (LONG,)),), max_tokens=128_000)


def test_an_answer_is_asked_for_that_fits_beside_the_prompt() -> None:
    assert cap_answer(ASKED, 8_192).max_tokens == 7_192


def test_a_shorter_wish_is_left_alone() -> None:
    modest = replace(ASKED, max_tokens=500)

    assert cap_answer(modest, 8_192) is modest


def test_a_prompt_that_leaves_no_room_is_sent_as_it_is() -> None:
    assert cap_answer(ASKED, 900) is ASKED


def test_everything_that_is_sent_counts() -> None:
    parts = (LONG, ToolCall("1", "n", LONG), ToolResult("1", LONG, images=(Image("data:"),)), Image("https://x"))
    prompt = Prompt((Turn(Role.USER, parts),), system=LONG, tools=(Tool("t", LONG, {"a": LONG}),))

    assert 6_000 + 2 * IMAGE_TOKENS <= estimate_prompt(prompt) <= 6_100 + 2 * IMAGE_TOKENS
