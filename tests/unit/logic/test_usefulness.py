"""What a passage earns from an answer, and where that puts it in a search."""

import pytest

from hybrid_coordinator.domain.knowledge import Collection, Passage, Payload
from hybrid_coordinator.logic.usefulness import (
    Served,
    UsefulnessPolicy,
    choose,
    corrected_credits,
    passage_credits,
    rank,
    repetition,
)

POLICY = UsefulnessPolicy()
PROVEN: Payload = {"strategy": "extractive", "stage": "proven"}
ON_TRIAL: Payload = {"strategy": "extractive", "stage": "candidate"}


def passage(
    name: str, text: str = "", score: float = 0.5, payload: Payload | None = None, alike: float = 0.5
) -> Passage:
    return Passage(name, Collection.PRACTICES, text, payload or {}, alike, score)


def order(*passages: Passage, pull: float = 0.0) -> list[str]:
    return [one.id for one in rank(passages, pull, POLICY)]


def test_the_passage_an_answer_was_made_of_has_all_the_credit() -> None:
    used, idle = (
        passage("used", "restart nginx after editing its configuration"),
        passage("idle", "rotate postgres logs"),
    )

    assert passage_credits("Edit the configuration, then restart nginx.", [idle, used], 1.0) == {"used": 1.0}
    assert passage_credits("Edit the configuration, then restart nginx.", [idle, used], 0.0) == {"used": 0.0}


def test_a_passage_that_adds_a_little_stays_near_neutral() -> None:
    most = passage("most", "alpha bravo charlie delta echo foxtrot")
    some = passage("some", "golf hotel")

    credits = passage_credits("alpha bravo charlie delta echo foxtrot golf hotel", [some, most], 0.0)

    assert credits["most"] == 0.0
    assert 0.0 < credits["some"] < 0.5


def test_words_that_a_better_passage_explains_earn_a_lookalike_nothing() -> None:
    right = passage("right", "the pod is not ready: look at its events and its image")
    alike = passage("alike", "the pod is crashing: look at its events")

    assert set(passage_credits(right.text, [alike, right], 1.0)) == {"right"}


def test_repeating_the_question_is_no_use_of_a_passage() -> None:
    echo, used = passage("echo", "why does nginx fail"), passage("used", "the port is taken by apache")

    credits = passage_credits("nginx does fail: apache taken port", [echo, used], 1.0, question="Why does nginx fail?")

    assert set(credits) == {"used"}


def test_what_was_learned_takes_every_outcome_since_it_is_compared_with_going_without() -> None:
    assert passage_credits("something else", [passage("p", "words", payload=ON_TRIAL)], 0.5) == {"p": 0.5}


@pytest.mark.parametrize("response", ["", "?!", "🙂"])
def test_an_answer_without_words_owes_nothing(response: str) -> None:
    assert passage_credits(response, [passage("p", "words")], 1.0) == {}
    assert passage_credits(response, [], 1.0) == {}


def test_a_correction_praises_the_passage_that_says_so_and_blames_the_one_that_was_followed() -> None:
    wrong, right = passage("wrong", "delete the lock file"), passage("right", "stop the daemon before upgrading")

    credits = corrected_credits("Delete the lock file.", "Stop the daemon before upgrading.", [wrong, right])

    assert credits == {"wrong": 0.0, "right": 1.0}


def test_without_any_use_documents_stand_as_they_were_found() -> None:
    assert order(passage("a", score=0.9), passage("b", score=0.8), passage("c", score=0.8)) == ["a", "b", "c"]


def test_what_failed_falls() -> None:
    failed = passage("failed", score=0.52, payload={"failed": 1})

    assert order(failed, passage("fresh", score=0.5)) == ["fresh", "failed"]


def test_use_moves_a_passage_by_no_more_than_the_margin() -> None:
    often = passage("often", score=0.55, payload={"helped": 10**6})

    assert order(passage("fits", score=0.9), often, pull=1.0) == ["fits", "often"]


def test_what_helped_rises_where_questions_come_again_and_falls_where_they_do_not() -> None:
    helped, fresh = passage("helped", score=0.5, payload={"helped": 1}), passage("fresh", score=0.5)

    assert order(fresh, helped, pull=0.1) == ["helped", "fresh"]
    assert order(helped, fresh, pull=-0.1) == ["fresh", "helped"]


def test_a_likeness_of_questions_does_not_outrank_a_document_that_fits() -> None:
    like = passage("like", score=1.0, payload=PROVEN, alike=0.8)

    assert order(like, passage("fits", score=0.6, alike=0.6)) == ["fits", "like"]


def test_the_same_question_is_served_what_was_learned_from_it_once_that_is_proven() -> None:
    fits = passage("fits", score=0.6, alike=0.6)

    assert order(fits, passage("same", score=1.0, payload=PROVEN, alike=1.0)) == ["same", "fits"]
    assert order(fits, passage("same", score=1.0, payload=ON_TRIAL, alike=1.0)) == ["fits", "same"]


def test_what_was_learned_of_the_nearest_question_is_shown_second_at_the_latest() -> None:
    documents = [passage(f"d{number}", score=0.9, alike=0.6) for number in range(5)]
    learned = passage("learned", score=0.9, payload=PROVEN, alike=0.7)

    assert [one.id for one in choose([*documents, learned], 0.0, 3, POLICY)] == ["d0", "learned", "d1"]


def test_what_was_learned_of_another_question_has_no_place_of_its_own() -> None:
    documents = [passage(f"d{number}", score=0.9, alike=0.6) for number in range(5)]
    learned = passage("learned", score=0.9, payload=PROVEN, alike=0.4)

    assert [one.id for one in choose([*documents, learned], 0.0, 3, POLICY)] == ["d0", "d1", "d2"]


def test_the_first_place_is_a_matter_of_merit_alone() -> None:
    document, learned = passage("d", score=0.9, alike=0.6), passage("learned", score=0.9, payload=PROVEN, alike=0.7)

    assert [one.id for one in choose([learned, document], 0.0, 1, POLICY)] == ["d"]


def test_freshness_only_breaks_ties() -> None:
    stale, fresh = passage("stale", payload={"freshness": 0.1}), passage("fresh", payload={"freshness": 0.9})

    assert order(stale, fresh) == ["fresh", "stale"]
    assert order(passage("better", score=0.51, payload={"freshness": 0.1}), fresh) == ["better", "fresh"]


def test_traffic_that_repeats_itself_is_told_from_traffic_that_does_not() -> None:
    again = [Served(helped, credit) for helped, credit in [(0, 0.0), (2, 1.0)] * 20]
    never = [Served(helped, credit) for helped, credit in [(0, 1.0), (2, 0.0)] * 20]

    assert repetition(again, POLICY) > 0.02
    assert repetition(never, POLICY) < -0.02
    assert repetition([], POLICY) == 0.0


def test_a_drift_of_both_is_no_repetition() -> None:
    rising = [Served(place / 10, 0.5) for place in range(200)]

    assert repetition(rising, POLICY) == pytest.approx(0.0)
