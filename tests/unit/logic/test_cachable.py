"""Which answers may be kept for others."""

import pytest

from hybrid_coordinator.domain.caching import Circumstances
from hybrid_coordinator.logic.cachable import LONGEST, why_not_cached


@pytest.mark.parametrize(
    "text", ["How do I restart nginx?", "What does HTTP 404 mean?", "sort a list in Python", "Why is the sky blue?"]
)
def test_a_question_that_stands_alone_may_be_cached(text: str) -> None:
    assert why_not_cached(Circumstances(text)) is None


@pytest.mark.parametrize(
    "asked",
    [
        Circumstances("How do I restart nginx?", tools=True),
        Circumstances("How do I restart nginx?", images=True),
        Circumstances("How do I restart nginx?", earlier_turns=2),
        Circumstances("How do I restart nginx?", context="server { listen 80; }"),
        Circumstances("How do I restart nginx?", temperature=1.5),
    ],
)
def test_what_came_along_keeps_an_answer_out(asked: Circumstances) -> None:
    assert why_not_cached(asked)


@pytest.mark.parametrize(
    "text", ["What is the weather in Oslo?", "Which is the latest release of nginx?", "What happened today?", "uptime?"]
)
def test_an_answer_that_changes_with_time_is_not_kept(text: str) -> None:
    assert "time" in (why_not_cached(Circumstances(text)) or "")


@pytest.mark.parametrize(
    "text",
    ["explain it", "fix that", "and in Rust?", "What does this function do?", "as you said, do so", "run it again"],
)
def test_a_question_about_what_is_elsewhere_is_not_kept(text: str) -> None:
    assert why_not_cached(Circumstances(text)) == "the question refers to something outside it"


def test_a_secret_is_never_kept() -> None:
    assert "secret" in (why_not_cached(Circumstances("why does api_key=abc123 fail?")) or "")


@pytest.mark.parametrize("text", ["", " \n", "x" * (LONGEST + 1), "give me a random number"])
def test_what_is_empty_endless_or_meant_to_vary_is_not_kept(text: str) -> None:
    assert why_not_cached(Circumstances(text))
