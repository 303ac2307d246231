"""Keeping an interaction out of everything, and following what was made of what."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from hybrid_coordinator.domain.learning import Stage
from hybrid_coordinator.errors import NotFound
from hybrid_coordinator.flows.exclusion import Exclusion
from learning_room import LearningRoom, make_interaction, make_item


class Room(LearningRoom):
    @property
    def exclusion(self) -> Exclusion:
        return Exclusion(self.catalog, self.ledger, self.tracer, self.cache, self.clock)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    room = await Room.open(tmp_path)
    for number in (1, 2, 3):
        await room.ledger.append(make_interaction(f"i{number}"))
    yield room
    await room.stored.aclose()


async def test_what_was_made_of_it_alone_is_retired(room: Room) -> None:
    await room.learn(make_item("a", "i1"))
    await room.learn(make_item("b", "i2"))

    done = await room.exclusion.exclude("i1", "holds a customer's name")

    [retired] = await room.catalog.get(["a"])
    assert done.retired == ("a",)
    assert (retired.stage, retired.why) == (Stage.RETIRED, "interaction i1 was excluded: holds a customer's name")
    assert await room.stage_of("b") is Stage.CANDIDATE
    assert await room.ledger.excluded() == {"i1": "holds a customer's name"}


async def test_what_was_made_of_several_loses_it_and_stays(room: Room) -> None:
    await room.learn(make_item("a", "i1", "i2", "i3"))

    done = await room.exclusion.exclude("i2", "wrong")

    [item] = await room.catalog.get(["a"])
    assert done.kept == ("a",)
    assert (item.learned_from, item.stage) == (("i1", "i3"), Stage.CANDIDATE)


async def test_what_says_its_words_is_retired_whatever_was_merged_into_it(room: Room) -> None:
    kept = await room.learn(make_item("a", "i1", source="interaction:i1"))
    other = await room.learn(make_item("b", "i2", source="interaction:i2"))
    await room.change(kept, replace(kept, learned_from=("i1", "i2")), "merge")
    await room.change(other, replace(other, stage=Stage.MERGED, replaced_by="a"), "merge")

    done = await room.exclusion.exclude("i1", "wrong")

    assert (done.retired, done.returned) == (("a",), ("b",))
    assert await room.stage_of("b") is Stage.CANDIDATE


async def test_what_rests_on_it_is_retired_too(room: Room) -> None:
    await room.learn(make_item("a", "i1"))
    await room.learn(make_item("b", "i2", rests_on=("a",)))

    await room.exclusion.exclude("i1", "wrong")

    assert await room.stage_of("b") is Stage.RETIRED


async def test_remembered_answers_of_it_are_forgotten(room: Room) -> None:
    await room.learn(make_item("a", "i1"))
    await room.remember_answer("Its own question?", interaction="i1")
    await room.remember_answer("Another question?", passage_ids=("a",), interaction="i9")
    await room.remember_answer("What is the weather?", interaction="i8")

    done = await room.exclusion.exclude("i1", "wrong")

    assert done.answers_forgotten == 2
    assert [entry.interaction_id for entry in await room.cache.entries()] == ["i8"]


async def test_excluding_twice_changes_nothing_more(room: Room) -> None:
    await room.learn(make_item("a", "i1"))
    await room.exclusion.exclude("i1", "wrong")
    length = len(await room.catalog.log(limit=100))

    again = await room.exclusion.exclude("i1", "really")

    assert again.retired == ()
    assert len(await room.catalog.log(limit=100)) == length
    assert await room.ledger.excluded() == {"i1": "wrong"}


async def test_an_unknown_interaction_cannot_be_excluded(room: Room) -> None:
    with pytest.raises(NotFound):
        await room.exclusion.exclude("i99", "wrong")


async def test_an_interaction_is_traced_to_everything_that_was_built_on_it(room: Room) -> None:
    await room.learn(make_item("a", "i1"))
    await room.learn(make_item("b", "i2", rests_on=("a",)))
    await room.learn(make_item("c", "i3"))
    await room.exclusion.exclude("i1", "wrong")

    trace = await room.tracer.trace("i1")

    assert [item.id for item in trace.learned] == ["a", "b"]
    assert [one.id for one in trace.interactions] == ["i1", "i2"]
    assert trace.excluded == (("i1", "wrong"),)


async def test_a_learned_thing_is_traced_back_and_on(room: Room) -> None:
    await room.serve(make_item("p"))
    await room.learn(make_item("a", "i1", "i2", rests_on=("p",)))
    await room.learn(make_item("b", "i3", rests_on=("a",)))

    trace = await room.tracer.trace("a")

    assert [one.id for one in trace.interactions] == ["i1", "i2", "i3"]
    assert [one.id for one in trace.passages] == ["p"]
    assert [item.id for item in trace.learned] == ["a", "b"]


async def test_a_passage_is_traced_to_what_rests_on_it(room: Room) -> None:
    await room.serve(make_item("p"))
    await room.learn(make_item("a", "i1", rests_on=("p",)))

    assert [item.id for item in (await room.tracer.trace("p")).learned] == ["a"]


async def test_nothing_is_known_by_an_unknown_id(room: Room) -> None:
    with pytest.raises(NotFound, match="'zzz'"):
        await room.tracer.trace("zzz")
