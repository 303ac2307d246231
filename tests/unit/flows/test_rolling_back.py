"""Taking back what was learned."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.domain.learning import Stage
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.flows.rollback import Rollback, RolledBack
from learning_room import LearningRoom, make_interaction, make_item


class Room(LearningRoom):
    async def roll_back(
        self, since: datetime | None = None, origin: str | None = None, dry_run: bool = False
    ) -> RolledBack:
        rollback = Rollback(self.catalog, self.tracer, self.cache, self.clock)
        return await rollback.roll_back(since=since, origin=origin, dry_run=dry_run)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    room = await Room.open(tmp_path)
    yield room
    await room.stored.aclose()


async def test_what_was_learned_since_then_is_out_of_service(room: Room) -> None:
    await room.learn(make_item("old"))
    moment = room.clock.now() + timedelta(seconds=1)
    await room.learn(make_item("new"))

    done = await room.roll_back(moment)

    assert [change.item_id for change in done.changes] == ["new"]
    assert await room.stage_of("old") is Stage.CANDIDATE
    assert await room.stage_of("new") is Stage.RETIRED


async def test_changes_since_then_are_undone_to_the_word(room: Room) -> None:
    before = await room.learn(make_item("old"))
    moment = room.clock.now() + timedelta(seconds=1)
    changed = replace(before, stage=Stage.PROVEN, draft=replace(before.draft, text="Wipe it."))
    await room.change(before, changed, "promote")
    await room.change(changed, replace(changed, stage=Stage.RETIRED), "retire")

    await room.roll_back(moment)

    [now] = await room.catalog.get(["old"])
    assert (now.stage, now.draft) == (before.stage, before.draft)


async def test_a_rollback_can_be_rolled_back(room: Room) -> None:
    before = await room.learn(make_item("old"))
    moment = room.clock.now() + timedelta(seconds=1)
    changed = await room.change(before, replace(before, stage=Stage.PROVEN), "promote")
    await room.learn(make_item("new"))
    room.clock.advance(60)
    undoing = room.clock.now()
    await room.roll_back(moment)

    room.clock.advance(60)
    await room.roll_back(undoing)

    assert await room.stage_of("old") is changed.stage
    assert await room.stage_of("new") is Stage.CANDIDATE
    assert await room.catalog.check_log() is None
    assert len(await room.catalog.log(limit=100)) == 7


async def test_a_dry_run_says_what_it_would_do_and_does_nothing(room: Room) -> None:
    await room.learn(make_item("new"))

    told = await room.roll_back(room.clock.now(), dry_run=True)

    assert [change.item_id for change in told.changes] == ["new"]
    assert await room.stage_of("new") is Stage.CANDIDATE
    assert len(await room.catalog.log(limit=10)) == 1


async def test_what_was_written_behind_a_clock_that_went_back_is_later_all_the_same(room: Room) -> None:
    await room.learn(make_item("a"))
    moment = room.clock.now() + timedelta(seconds=1)
    await room.learn(make_item("b"))
    room.clock.advance(-7200)
    await room.learn(make_item("c"))

    await room.roll_back(moment)

    assert [await room.stage_of(id) for id in "abc"] == [Stage.CANDIDATE, Stage.RETIRED, Stage.RETIRED]


async def test_doing_it_twice_changes_nothing_more(room: Room) -> None:
    await room.ledger.append(make_interaction("i1", asker="bot"))
    await room.learn(make_item("a", "i1"))

    first = await room.roll_back(origin="bot")
    second = await room.roll_back(origin="bot")

    assert len(first.changes) == 1
    assert second.changes == ()


@pytest.mark.parametrize(
    "origin", ["tool_output_external", "track", "telemetry", "telemetry:ralph-events", "bot", "i1", "s1", "extractive"]
)
async def test_an_origin_is_named_by_class_channel_asker_session_or_id(room: Room, origin: str) -> None:
    channel = origin if origin.startswith(("track", "telemetry:")) else "telemetry:x"
    tainted = make_interaction("i1", origin=Origin.TOOL_OUTPUT_EXTERNAL, channel=channel, asker="bot", session="s1")
    await room.ledger.append(tainted)
    await room.ledger.append(make_interaction("i2", asker="bot2", session="s10"))
    await room.learn(make_item("a", "i1"))
    await room.learn(replace(make_item("b", "i2"), strategy="other"))

    await room.roll_back(origin=origin)

    assert await room.stage_of("a") is Stage.RETIRED
    assert await room.stage_of("b") is Stage.CANDIDATE


async def test_an_origin_is_named_by_the_file_that_passages_came_from(room: Room) -> None:
    drafts = [
        Draft("p1", Collection.PRACTICES, "k", "t", source="answers:/tmp/faq.jsonl"),
        Draft("p2", Collection.PRACTICES, "k", "t", source="answers:/tmp/faq.jsonl.old"),
    ]
    await room.knowledge.put(drafts, await room.embedder.embed(["k", "k"]))
    await room.learn(make_item("a", rests_on=("p1",)))
    await room.learn(make_item("b", rests_on=("p2",)))

    await room.roll_back(origin="answers:/tmp/faq.jsonl")

    assert await room.stage_of("a") is Stage.RETIRED
    assert await room.stage_of("b") is Stage.CANDIDATE


async def test_what_rests_on_what_is_undone_follows_by_however_many_steps(room: Room) -> None:
    await room.ledger.append(make_interaction("i1", asker="bot"))
    await room.learn(make_item("a", "i1"))
    await room.learn(make_item("b", "i2", rests_on=("a",)))
    await room.learn(make_item("c", "i3", rests_on=("x", "b")))
    await room.learn(make_item("d", "i4", rests_on=("x",)))

    await room.roll_back(origin="bot")

    assert [await room.stage_of(id) for id in "abcd"] == [Stage.RETIRED] * 3 + [Stage.CANDIDATE]


async def test_an_item_that_took_in_a_tainted_one_is_what_it_was_before(room: Room) -> None:
    await room.ledger.append(make_interaction("i1"))
    await room.ledger.append(make_interaction("i2", asker="bot"))
    kept = await room.learn(make_item("kept", "i1"))
    lost = await room.learn(make_item("lost", "i2"))
    await room.change(kept, replace(kept, learned_from=("i1", "i2"), stage=Stage.PROVEN), "merge")
    await room.change(lost, replace(lost, stage=Stage.MERGED, replaced_by="kept"), "merge")

    await room.roll_back(origin="bot")

    [now] = await room.catalog.get(["kept"])
    assert (now.learned_from, now.stage) == (("i1",), Stage.CANDIDATE)
    assert await room.stage_of("lost") is Stage.RETIRED


async def test_what_a_tainted_item_had_superseded_or_taken_in_returns(room: Room) -> None:
    await room.ledger.append(make_interaction("i2", asker="bot"))
    old = await room.learn(make_item("old", "i1"))
    twin = await room.learn(make_item("twin", "i3"))
    await room.learn(make_item("new", "i2"))
    await room.change(old, replace(old, stage=Stage.SUPERSEDED, replaced_by="new"), "supersede")
    await room.change(twin, replace(twin, stage=Stage.MERGED, replaced_by="new"), "merge")

    await room.roll_back(origin="bot")

    assert await room.stage_of("new") is Stage.RETIRED
    assert [await room.stage_of(id) for id in ("old", "twin")] == [Stage.CANDIDATE, Stage.CANDIDATE]


async def test_what_was_out_of_service_is_not_brought_back(room: Room) -> None:
    await room.ledger.append(make_interaction("i1", asker="bot"))
    for stage in (Stage.RETIRED, Stage.REJECTED, Stage.QUARANTINED):
        await room.learn(make_item(stage.value, "i1", stage=stage))

    done = await room.roll_back(origin="bot")

    assert done.changes == ()


async def test_with_both_only_what_has_the_origin_goes_back_to_then(room: Room) -> None:
    await room.ledger.append(make_interaction("i1", asker="bot"))
    early = await room.learn(make_item("early", "i1"))
    moment = room.clock.now() + timedelta(seconds=1)
    await room.change(early, replace(early, stage=Stage.PROVEN), "promote")
    await room.learn(make_item("late", "i1"))
    await room.learn(make_item("other", "i2"))

    await room.roll_back(moment, "bot")

    stages = [await room.stage_of(id) for id in ("early", "late", "other")]
    assert stages == [Stage.CANDIDATE, Stage.RETIRED, Stage.CANDIDATE]


async def test_remembered_answers_that_used_an_undone_item_are_forgotten(room: Room) -> None:
    await room.learn(make_item("a", "i1"))
    await room.remember_answer("How is it done?", passage_ids=("a",))
    await room.remember_answer("What is the time?", passage_ids=("z",))

    done = await room.roll_back(origin="i1")

    assert done.answers_forgotten == 1
    assert len(await room.cache.entries()) == 1


async def test_an_unknown_origin_changes_nothing(room: Room) -> None:
    await room.learn(make_item("a", "i1"))

    assert (await room.roll_back(origin="nobody")).changes == ()
    assert (await room.roll_back(origin="i")).changes == ()


async def test_a_rollback_of_everything_must_be_said(room: Room) -> None:
    with pytest.raises(BadInput, match="since when"):
        await room.roll_back()
    with pytest.raises(BadInput, match="since when"):
        await room.roll_back(origin="")


async def test_more_items_than_a_page_are_all_undone(room: Room) -> None:
    await room.ledger.append(make_interaction("i1", asker="bot"))
    for number in range(1203):
        await room.learn(make_item(f"n{number:05}", "i1"))

    done = await room.roll_back(origin="bot")

    assert len(done.changes) == 1203
    assert (await room.catalog.counts())[Stage.RETIRED] == 1203
