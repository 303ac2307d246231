"""How alike two answers are, by their letters."""

import pytest

from hybrid_coordinator.logic.answer_likeness import likeness

ACCEPTED = "The server listens on port 8092 by default."


def test_the_same_answer_is_wholly_alike_whatever_its_case_and_blanks() -> None:
    assert likeness(ACCEPTED, ACCEPTED) == pytest.approx(1.0)
    assert likeness(ACCEPTED, "  the SERVER listens on\nport 8092 by default.") == pytest.approx(1.0)


def test_answers_that_share_no_letters_are_not_alike() -> None:
    assert likeness("abc", "xyz") == 0.0


@pytest.mark.parametrize(("one", "other"), [("", ""), ("a", ""), ("", "a"), (" ", "a")])
def test_saying_nothing_is_like_nothing(one: str, other: str) -> None:
    assert likeness(one, other) == 0.0


def test_a_nearer_wording_is_more_alike() -> None:
    near, far = "By default the server listens on port 8092.", "You could try another editor."

    assert 0.6 < likeness(ACCEPTED, near) < 1.0
    assert likeness(ACCEPTED, far) < 0.3


def test_what_is_missing_weighs_more_than_what_is_too_much() -> None:
    half, double = ACCEPTED[: len(ACCEPTED) // 2], f"{ACCEPTED} {'Some more words follow here, and then more.'}"

    assert likeness(ACCEPTED, half) < likeness(ACCEPTED, double)


def test_the_formula_is_that_of_chrf() -> None:
    # n=1: one of two letters each way (1/2, 1/2); n=2: none of one: P = R = 1/4, and F = 1/4
    assert likeness("ab", "ac") == pytest.approx(0.25)


def test_a_huge_answer_is_compared_by_its_beginning() -> None:
    assert likeness("x" * 4_000, "x" * 1_000_000) == pytest.approx(1.0)
