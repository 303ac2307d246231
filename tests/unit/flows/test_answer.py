"""Walk one of the house: a query."""

from contextlib import aclosing
from dataclasses import replace

import anyio
import pytest

from hybrid_coordinator.domain.answer import Answered, Attempted, Digested, FellThrough, Routed
from hybrid_coordinator.domain.interaction import AgentType
from hybrid_coordinator.domain.query import Delta, Preference, Query, Role
from hybrid_coordinator.domain.route import Target
from hybrid_coordinator.errors import BadInput, ModelUnavailable
from hybrid_coordinator.settings import Settings
from room import AWAY, HOME, Room


async def test_an_answer_is_routed_said_and_recorded(room: Room) -> None:
    await room.teach("how to restart nginx", "Run systemctl restart nginx.")

    events = await room.hear(Query("how to restart nginx"))

    assert [type(event) for event in events] == [Routed, Attempted, Delta, Answered]
    answered = events[-1]
    assert isinstance(answered, Answered)
    assert answered.interaction == await room.ledger.get(answered.interaction.id)
    assert answered.interaction.response == "home says so"
    assert answered.interaction.context_provided == ("p1",)
    assert "systemctl restart nginx" in room.models["home"].prompts[0].turns[-1].text


async def test_a_familiar_query_stays_home_and_a_strange_one_goes_away(room: Room) -> None:
    room.add_model(AWAY, ["away says so"])
    await room.teach("how to restart nginx", "Run systemctl restart nginx.")

    familiar = (await room.hear(Query("how to restart nginx")))[-1]
    strange = (await room.hear(Query("bake a loaf")))[-1]

    assert isinstance(familiar, Answered)
    assert isinstance(strange, Answered)
    assert familiar.interaction.agent_type is AgentType.LOCAL
    assert strange.interaction.agent_type is AgentType.REMOTE
    assert strange.interaction.cost == AWAY.cost(10, 5) == 105
    assert familiar.interaction.tokens_saved == 15
    assert strange.interaction.tokens_saved == 0


async def test_a_model_that_fails_before_its_first_word_is_followed_by_the_next(room: Room) -> None:
    room.add_model(AWAY, [ModelUnavailable("busy")])

    events = await room.hear(Query("bake a loaf"))

    assert FellThrough("away", "busy") in events
    assert isinstance(events[-1], Answered)
    assert events[-1].interaction.model_used == "home"


async def test_a_model_that_fails_after_a_word_fails_the_answer_and_is_recorded(room: Room) -> None:
    room.add_model(HOME, ["half an ", ModelUnavailable("died")])
    room.add_model(AWAY, ["never asked"])

    with pytest.raises(ModelUnavailable, match="died"):
        await room.hear(Query("bake a loaf", preference=Preference.LOCAL))

    (interaction,) = await room.ledger.recent(limit=5)
    assert interaction.response == "half an "
    assert interaction.failure == "died"
    assert not room.models["away"].prompts


async def test_when_every_model_fails_the_error_names_each(room: Room) -> None:
    room.add_model(HOME, [ModelUnavailable("asleep")])
    room.add_model(AWAY, [ModelUnavailable("busy")])

    with pytest.raises(ModelUnavailable, match="away: busy; home: asleep"):
        await room.hear(Query("bake a loaf"))

    assert len(await room.ledger.recent(limit=5)) == 1


async def test_what_was_said_before_a_hang_up_is_recorded(room: Room) -> None:
    room.add_model(HOME, ["one ", "two ", anyio.Event()])

    async with aclosing(room.house.answerer.stream(Query("count"))) as events:
        async for event in events:
            if event == Delta("two "):
                break

    (interaction,) = await room.ledger.recent(limit=5)
    assert interaction.response == "one two "
    assert interaction.failure == "the caller hung up before the answer was whole"


async def test_what_was_said_before_a_cancellation_is_recorded(room: Room) -> None:
    room.add_model(HOME, ["one ", anyio.Event()])

    with anyio.CancelScope() as scope:
        async with aclosing(room.house.answerer.stream(Query("count"))) as events:
            async for event in events:
                if isinstance(event, Delta):
                    scope.cancel()

    (interaction,) = await room.ledger.recent(limit=5)
    assert interaction.response == "one "


async def test_a_session_remembers_its_earlier_turns_and_no_others(room: Room) -> None:
    await room.hear(Query("my name is Ada", session_id="a"))
    await room.hear(Query("my name is Bob", session_id="b"))
    room.clock.advance(1)

    await room.hear(Query("what is my name?", session_id="a"))

    turns = room.models["home"].prompts[-1].turns
    assert [turn.text for turn in turns[:2]] == ["my name is Ada", "home says so"]
    assert [turn.role for turn in turns] == [Role.USER, Role.ASSISTANT, Role.USER]


async def test_cut_answers_are_not_remembered(room: Room) -> None:
    room.add_model(HOME, ["half", ModelUnavailable("died")], ["whole"])
    with pytest.raises(ModelUnavailable):
        await room.hear(Query("first", session_id="a"))

    await room.hear(Query("second", session_id="a"))

    assert len(room.models["home"].prompts[-1].turns) == 1


async def test_heavy_material_is_digested_at_home_and_only_its_digest_leaves(room: Room) -> None:
    room.add_model(HOME, ["a note"])
    room.add_model(AWAY, ["away says so"])
    query = Query("what went wrong?", context="a secret line of a log\n" * 1000)

    events = await room.hear(query)

    routed = events[0]
    assert isinstance(routed, Routed)
    assert routed.route.target is Target.LOCAL_THEN_REMOTE
    assert sum(isinstance(event, Digested) for event in events) >= 4
    sent = room.models["away"].prompts[0].turns[-1].text
    assert "a note" in sent
    assert "a secret line" not in sent
    whole, digest = sorted(await room.ledger.recent(limit=5), key=lambda one: one.agent_type.value, reverse=True)
    assert digest.parent_id == whole.id
    assert digest.tokens_saved > 4000


async def test_material_too_long_for_the_local_window_is_digested_without_a_remote_too(room: Room) -> None:
    room.add_model(HOME, ["a note"])

    events = await room.hear(Query("what went wrong?", context="a line of a log\n" * 1000))

    assert any(isinstance(event, Digested) for event in events)
    assert "a line of a log" not in room.models["home"].prompts[-1].turns[-1].text


async def test_secrets_are_not_recorded(room: Room) -> None:
    key = "sk-ant-api03-" + "a1B2" * 12
    room.add_model(HOME, [f"your key is {key}"])

    await room.hear(Query(f"why is {key} refused?"))

    (interaction,) = await room.ledger.recent(limit=5)
    assert key not in interaction.query + interaction.response
    assert "[redacted" in interaction.query


async def test_local_only_mode_never_asks_a_remote_model(room: Room) -> None:
    room.add_model(HOME, [ModelUnavailable("asleep")])
    room.add_model(AWAY, ["away says so"])
    room.settings = replace(Settings(), routing=replace(Settings().routing, hybrid_mode=False))

    with pytest.raises(ModelUnavailable):
        await room.hear(Query("bake a loaf"))

    assert not room.models["away"].prompts


@pytest.mark.parametrize("text", ["", "a\x00b", "x" * 1_000_000])
async def test_a_question_that_is_none_leaves_no_trace(room: Room, text: str) -> None:
    with pytest.raises(BadInput):
        await room.hear(Query(text))

    assert await room.ledger.recent(limit=5) == []


async def test_a_clock_that_goes_back_does_not_break_an_answer(room: Room) -> None:
    await room.hear(Query("first", session_id="a"))
    room.clock.advance(-3600)

    await room.hear(Query("second", session_id="a"))

    assert len(await room.ledger.recent(limit=5)) == 2
