"""What has to change so that something was never learned."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hybrid_coordinator.domain.learning import Change, Learned, LoggedChange, Stage
from hybrid_coordinator.logic.lineage import Lineage, Sources, spread, stems_from
from hybrid_coordinator.logic.rollback import clean_of, last_clean, turn_back, undo
from learning_room import make_interaction, make_item

NOW = datetime(2026, 2, 1, tzinfo=UTC)
ITEM = make_item("a", "i1")


def log_of(*states: Learned | None) -> Sequence[LoggedChange]:
    """A log that leads through these states."""
    pairs = zip((None, *states), states, strict=False)
    changes = [Change("a", "learn", before, after, "extract") for before, after in pairs]
    return [LoggedChange(place, NOW + timedelta(place), one, "", "") for place, one in enumerate(changes, 1)]


def test_an_item_goes_back_to_what_it_was_before_the_first_change() -> None:
    proven, retired = replace(ITEM, stage=Stage.PROVEN), replace(ITEM, stage=Stage.RETIRED)

    assert turn_back(log_of(ITEM, proven, retired)[1:]) == {"a": ITEM}
    assert turn_back(log_of(ITEM, proven)) == {"a": None}
    assert turn_back([]) == {}


def test_the_newest_clean_state_counts() -> None:
    merged = replace(ITEM, learned_from=("i1", "i2"), stage=Stage.PROVEN)
    grown = replace(merged, learned_from=("i1", "i2", "i3"))
    is_clean = clean_of("i2", Sources(), frozenset())

    assert last_clean(log_of(ITEM, merged, grown), is_clean) == ITEM
    assert last_clean(log_of(merged, grown), is_clean) is None


def test_a_state_that_leans_on_what_is_undone_is_not_clean() -> None:
    is_clean = clean_of("nobody", Sources(), frozenset(("x",)))

    assert is_clean(ITEM)
    assert not is_clean(replace(ITEM, replaced_by="x"))
    assert not is_clean(replace(ITEM, rests_on=("x", "y")))
    assert not is_clean(replace(ITEM, id="x"))


def test_a_new_item_is_retired_and_a_deleted_one_comes_back() -> None:
    retired, restored = undo(ITEM, None, NOW, "why"), undo(None, ITEM, NOW, "why")

    assert retired is not None
    assert retired.after == replace(ITEM, stage=Stage.RETIRED, changed_at=NOW, why="why")
    assert restored is not None
    assert (restored.before, restored.after) == (None, replace(ITEM, changed_at=NOW, why="why"))


def test_what_is_as_it_was_is_left_alone() -> None:
    assert undo(replace(ITEM, changed_at=NOW, why="seen"), ITEM, NOW, "why") is None
    assert undo(replace(ITEM, stage=Stage.RETIRED), None, NOW, "why") is None
    assert undo(None, None, NOW, "why") is None


def test_a_circle_of_items_that_rest_on_each_other_ends() -> None:
    items = [make_item("a", rests_on=("b",)), make_item("b", rests_on=("a",)), make_item("c", rests_on=("c",))]

    assert spread(["a"], items) == {"a", "b"}
    assert spread([], items) == frozenset()


@pytest.mark.parametrize(
    ("source", "origin", "stems"),
    [
        ("answers:/tmp/faq.jsonl", "answers", True),
        ("answers:/tmp/faq.jsonl", "answers:", True),
        ("answers:/tmp/faq.jsonl", "answers:/tmp", True),
        ("answers:/tmp/faq.jsonl", "answers:/tmp/faq", False),
        ("import:faq.md#restoring", "import:faq.md", True),
        ("/home/me/project/a.py", "/home/me/project/", True),
        ("/home/me/project2/a.py", "/home/me/project", False),
        ("answers:x", "", False),
    ],
)
def test_a_source_is_named_by_its_beginning(source: str, origin: str, stems: bool) -> None:
    assert stems_from(Lineage(make_item("a", source=source)), origin) is stems


def test_an_interaction_without_an_asker_does_not_stem_from_everybody() -> None:
    lineage = Lineage(ITEM, (make_interaction("i1", asker="", session=""),))

    assert not stems_from(lineage, "")
    assert stems_from(lineage, "answer")
