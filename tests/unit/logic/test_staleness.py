"""When something learned speaks of code that is no longer there."""

from dataclasses import replace

from curation import START, learned
from hybrid_coordinator.domain.learning import Stage
from hybrid_coordinator.logic.staleness import StalenessPolicy, age_out, gone_from_under, is_stale

ITEM = learned("one", "question", "answer", rests_on=("a", "b", "skill"))
SKILL = learned("skill", "another question", "another answer")


def test_what_is_indexed_or_learned_is_not_gone() -> None:
    assert gone_from_under(ITEM, {"a", "b"}, {"skill": SKILL}) == ()


def test_a_passage_that_nobody_knows_is_gone() -> None:
    assert gone_from_under(ITEM, {"a"}, {"skill": SKILL}) == ("b",)


def test_what_rests_on_something_stale_has_lost_its_ground() -> None:
    stale = replace(SKILL, stage=Stage.STALE)

    assert gone_from_under(ITEM, {"a", "b", "skill"}, {"skill": stale}) == ("skill",)


def test_what_rests_on_nothing_is_never_stale() -> None:
    assert not is_stale(replace(ITEM, rests_on=()), (), StalenessPolicy())


def test_one_lost_passage_is_enough_unless_some_are_tolerated() -> None:
    assert is_stale(ITEM, ("a",), StalenessPolicy())
    assert not is_stale(ITEM, ("a",), StalenessPolicy(tolerated_share=0.5))
    assert is_stale(ITEM, ("a", "b"), StalenessPolicy(tolerated_share=0.5))


def test_the_reason_names_what_is_gone() -> None:
    stale = age_out(ITEM, ("a",), START)

    assert stale.stage is Stage.STALE
    assert "a" in stale.why
