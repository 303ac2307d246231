"""A grounding without one of its passages."""

from hybrid_coordinator.domain.knowledge import Collection, Passage
from hybrid_coordinator.domain.route import Location
from hybrid_coordinator.logic.grounding import GroundingPolicy, ground, without

PASSAGES = [Passage(name, Collection.PRACTICES, f"text {name}", {}, 0.5, 0.5) for name in "abc"]
WHOLE = ground(PASSAGES, Location.LOCAL, GroundingPolicy(max_passages=2))


def test_nothing_takes_the_place_of_what_is_withheld() -> None:
    less = without(WHOLE, "a", Location.LOCAL)

    assert [passage.id for passage in less.passages] == ["b"]
    assert less.withheld is not None
    assert less.withheld.id == "a"
    assert less.text == "Context:\n\ntext b"


def test_a_grounding_of_one_is_empty_without_it() -> None:
    alone = ground(PASSAGES[:1], Location.LOCAL, GroundingPolicy())

    assert without(alone, "a", Location.LOCAL).text == ""


def test_what_is_not_shown_cannot_be_withheld() -> None:
    assert without(WHOLE, "c", Location.LOCAL) is WHOLE
    assert without(WHOLE, None, Location.LOCAL) is WHOLE
