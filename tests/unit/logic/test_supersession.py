"""When something learned later makes something learned earlier wrong."""

from dataclasses import replace
from datetime import timedelta

import pytest

from curation import START, learned
from hybrid_coordinator.domain.learning import Stage
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.logic.supersession import (
    SupersessionPolicy,
    answer_the_same,
    find_conflict,
    hold_back,
    may_supersede,
    supersede,
)

POLICY = SupersessionPolicy()
LATER = START + timedelta(days=9)
ASKED = "Which port does the gateway use?"
OLDER = learned("older", ASKED, "The gateway listens on port 80.")
NEWER = learned("newer", ASKED, "The gateway listens on port 443.", days=5)


def test_another_value_is_in_conflict() -> None:
    why = find_conflict(NEWER, OLDER)

    assert why is not None
    assert "443" in why


def test_one_of_two_alternatives_is_not_in_conflict_with_both() -> None:
    both = learned("both", ASKED, "The gateway listens on port 80.\nThe gateway listens on port 443.")

    assert find_conflict(NEWER, both) is None


def test_a_like_question_is_the_same_question() -> None:
    other = replace(NEWER, draft=replace(NEWER.draft, key="What port does the gateway use?"))

    assert answer_the_same(OLDER, other, 0.93, POLICY)


def test_a_like_question_about_something_else_is_another() -> None:
    other = replace(NEWER, draft=replace(NEWER.draft, key="Which port does the database use?"))

    assert not answer_the_same(OLDER, other, 0.93, POLICY)


def test_an_unlike_question_is_another() -> None:
    assert not answer_the_same(OLDER, NEWER, 0.5, POLICY)


def test_fixes_of_the_same_error_answer_the_same_however_it_was_quoted() -> None:
    older, newer = (replace(item, signature="EADDRINUSE") for item in (OLDER, NEWER))

    assert answer_the_same(older, newer, 0.0, POLICY)


def test_a_correction_answers_what_it_corrects_and_is_in_conflict_with_it() -> None:
    correction = learned(
        "said", "no", "Ask the network team.", strategy="correction", learned_from=("from older", "said")
    )

    assert answer_the_same(OLDER, correction, 0.0, POLICY)
    assert find_conflict(correction, OLDER) is not None


def test_a_correction_that_says_the_same_is_in_no_conflict() -> None:
    correction = replace(OLDER, id="said", strategy="correction")

    assert find_conflict(correction, OLDER) is None


@pytest.mark.parametrize(
    ("newer", "older", "may"),
    [
        (Origin.DIRECT_USER, Origin.MODEL_INFERENCE, True),
        (Origin.MODEL_INFERENCE, Origin.MODEL_INFERENCE, True),
        (Origin.MODEL_INFERENCE, Origin.DIRECT_USER, False),
        (Origin.TOOL_OUTPUT_EXTERNAL, Origin.TOOL_OUTPUT_INTERNAL, False),
    ],
)
def test_what_is_trusted_less_never_supersedes(newer: Origin, older: Origin, may: bool) -> None:
    assert may_supersede(replace(NEWER, origin=newer), replace(OLDER, origin=older)) is may


def test_the_older_was_valid_until_the_newer_came() -> None:
    older, newer = supersede(OLDER, NEWER, "because", LATER)

    assert (older.stage, older.replaced_by, older.why) == (Stage.SUPERSEDED, "newer", "because")
    assert older.draft.payload["valid_from"] == OLDER.created_at.isoformat()
    assert older.draft.payload["valid_to"] == newer.draft.payload["valid_from"] == NEWER.created_at.isoformat()
    assert newer.served


def test_validity_never_ends_before_it_began() -> None:
    older, newer = supersede(NEWER, OLDER, "the clock had gone back", LATER)

    assert older.draft.payload["valid_from"] <= older.draft.payload["valid_to"] == newer.draft.payload["valid_from"]


def test_what_is_held_back_names_what_contradicts_it() -> None:
    held = hold_back(NEWER, OLDER, "another port", LATER)

    assert held.stage is Stage.QUARANTINED
    assert "another port" in held.why
    assert "older" in held.why
