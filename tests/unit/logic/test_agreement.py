"""Which of several answers wins the vote, and when none is trusted."""

import pytest

from hybrid_coordinator.domain.query import Speciality
from hybrid_coordinator.logic.agreement import AgreementPolicy, Candidate, choose_by_agreement

EAST, NORTH, NORTH_EAST = (1.0, 0.0), (0.0, 1.0), (0.6, 0.8)


def candidate(
    model: str, text: str, vector: tuple[float, float] = EAST, speciality: Speciality = Speciality.GENERAL
) -> Candidate:
    return Candidate(model, speciality, text, vector)


def test_the_answer_in_the_middle_wins() -> None:
    candidates = [candidate("a", "east", EAST), candidate("b", "north", NORTH), candidate("c", "between", NORTH_EAST)]

    verdict = choose_by_agreement(candidates, Speciality.GENERAL, AgreementPolicy())

    assert verdict.winner == "c"
    assert verdict.agreement == pytest.approx(0.7)
    assert not verdict.trusted


def test_answers_that_say_the_same_agree_wholly_whatever_their_case() -> None:
    candidates = [candidate("a", "Port 80.", EAST), candidate("b", "port 80", NORTH)]

    verdict = choose_by_agreement(candidates, Speciality.GENERAL, AgreementPolicy())

    assert verdict.agreement == 1.0
    assert verdict.trusted


@pytest.mark.parametrize(
    ("mine", "theirs"), [("It is port 80.", "The port is 8080."), ("Edit /etc/hosts.", "Change /etc/resolv.conf.")]
)
def test_alike_sentences_with_other_figures_or_names_do_not_agree(mine: str, theirs: str) -> None:
    candidates = [candidate("a", mine), candidate("b", theirs)]

    verdict = choose_by_agreement(candidates, Speciality.GENERAL, AgreementPolicy())

    assert verdict.agreement == pytest.approx(0.6)
    assert not verdict.trusted


def test_the_specialist_wins_where_the_vote_is_even() -> None:
    candidates = [
        candidate("general", "one way", EAST),
        candidate("analyst", "a way", EAST, Speciality.ANALYSIS),
        candidate("coder", "another way", EAST, Speciality.CODE),
    ]

    verdict = choose_by_agreement(candidates, Speciality.CODE, AgreementPolicy())

    assert verdict.winner == "coder"
    assert verdict.agreement == pytest.approx(1.0)


def test_a_specialist_alone_does_not_outvote_those_who_agree() -> None:
    candidates = [
        candidate("general", "one way", EAST),
        candidate("analyst", "a way", EAST, Speciality.ANALYSIS),
        candidate("coder", "nonsense", NORTH, Speciality.CODE),
    ]

    assert choose_by_agreement(candidates, Speciality.CODE, AgreementPolicy()).winner == "general"


def test_a_lone_answer_is_taken_but_not_trusted() -> None:
    verdict = choose_by_agreement([candidate("a", "yes")], Speciality.GENERAL, AgreementPolicy())

    assert (verdict.winner, verdict.agreement, verdict.trusted) == ("a", 0.0, False)
    assert "nothing confirms it" in verdict.reason
