"""What is done with a question: recalled, kept at home, sent away, held out, or refused."""

from dataclasses import replace
from typing import Any

import pytest

from hybrid_coordinator.domain.answer import Answered, Recalled, Routed
from hybrid_coordinator.domain.interaction import CacheUse
from hybrid_coordinator.domain.query import (
    Image,
    Preference,
    Prompt,
    Query,
    Role,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    Usage,
    Wishes,
)
from hybrid_coordinator.domain.route import Route, Target
from hybrid_coordinator.errors import ModelUnavailable, OverBudget
from hybrid_coordinator.flows.deciding import HOLDOUT_REASON
from hybrid_coordinator.logic.budgets import BudgetPolicy
from hybrid_coordinator.settings import GatewaySettings
from hybrid_coordinator.testing import ScriptedModel
from room import AWAY, CALM, HOME, Room, hear

STRANGE = "bake a loaf of bread"
SMALL_TALK = (Turn(Role.USER, ("hi",)), Turn(Role.ASSISTANT, ("yes?",)))
CACHING = Usage(60_000, 10, cache_read_tokens=50_000, cache_write_tokens=5_000)


@pytest.fixture
def room() -> Room:
    """A model at home and one away."""
    room = Room()
    room.add_model(AWAY, ["away says so"])
    return room


def asked(text: str = STRANGE, **changes: Any) -> Query:
    """A question as a gateway client asks it."""
    return replace(Query(text, conversation=Prompt((Turn(Role.USER, (text,)),))), **changes)


def after_tools(text: str = STRANGE) -> Prompt:
    called = Turn(Role.ASSISTANT, (ToolCall("1", "look", "{}"),))
    return Prompt((Turn(Role.USER, (text,)), called, Turn(Role.USER, (ToolResult("1", "found"),))))


async def route_of(room: Room, *queries: Query) -> Route:
    """The route of the last of these questions, asked one after the other."""
    house = room.house
    for query in queries:
        events = await hear(house, query)
    routed = events[0]
    assert isinstance(routed, Routed)
    return routed.route


async def test_who_names_a_model_gets_that_model_and_nothing_else(room: Room) -> None:
    await room.teach(STRANGE, "Knead it.")

    route = await route_of(room, asked(model="home"))

    assert (route.target, route.attempts, route.reason) == (Target.LOCAL, ("home",), "the asker named this model")
    assert "Knead" not in str(room.models["home"].prompts)


async def test_a_model_that_is_not_there_is_told_with_those_that_are(room: Room) -> None:
    with pytest.raises(ModelUnavailable, match="no model 'other'; there are home, away"):
        await room.hear(asked(model="other"))


async def test_a_spent_soft_budget_keeps_questions_at_home(room: Room) -> None:
    room.settings = replace(CALM, budget=BudgetPolicy(soft_tokens=1))

    first = await route_of(room, asked())
    second = await route_of(room, asked(), asked(f"{STRANGE} again"))

    assert first.attempts[0] == "away"
    assert second.target is Target.LOCAL
    assert "limit" in second.reason


async def test_a_spent_hard_budget_refuses_what_would_cost_and_leaves_home_open(room: Room) -> None:
    room.settings = replace(CALM, budget=BudgetPolicy(hard_tokens=1))
    house = room.house
    await hear(house, asked(model="away"))

    with pytest.raises(OverBudget) as refused:
        await hear(house, asked())
    with pytest.raises(OverBudget):
        await hear(house, asked(model="away"))
    at_home = await hear(house, asked(model="home"))

    assert refused.value.retry_after_s == 24 * 3600
    assert isinstance(at_home[-1], Answered)


async def test_a_session_that_is_held_out_goes_the_plain_way_and_is_marked(room: Room) -> None:
    room.settings = replace(CALM, gateway=GatewaySettings(holdout_share=1.0))
    await room.teach(STRANGE, "Knead it.")

    events = await room.hear(asked(session_id="s"))

    assert isinstance(events[0], Routed)
    assert isinstance(events[-1], Answered)
    assert (events[0].route.target, events[0].route.reason) == (Target.REMOTE, HOLDOUT_REASON)
    assert events[-1].interaction.holdout
    assert "Knead" not in str(room.models["away"].prompts)


async def test_without_a_remote_model_what_is_held_out_is_answered_at_home_and_still_marked() -> None:
    room = Room(settings=replace(CALM, gateway=GatewaySettings(holdout_share=1.0)))

    last = (await room.hear(asked()))[-1]

    assert isinstance(last, Answered)
    assert last.interaction.holdout
    assert last.interaction.model_used == "home"


async def test_the_same_question_is_recalled_and_no_model_is_asked(room: Room) -> None:
    house = room.house
    await hear(house, asked())
    events = await hear(house, asked(f"  {STRANGE}?"))

    assert isinstance(events[1], Recalled)
    assert isinstance(events[-1], Answered)
    assert events[-1].interaction.cache is CacheUse.EXACT
    assert len(room.models["away"].prompts) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"wishes": Wishes(cache=False)},
        {"asker": "somebody else"},
        {"preference": Preference.REMOTE},
        {"conversation": Prompt((Turn(Role.USER, (STRANGE,)),), system="Answer in rhyme.")},
        {"conversation": Prompt((Turn(Role.USER, (STRANGE,)),), stop=("flour",))},
        {"conversation": Prompt((Turn(Role.USER, (STRANGE,)),), schema={"type": "object"})},
        {"conversation": Prompt((Turn(Role.USER, (STRANGE,)),), tools=(Tool("look", "", {}),))},
        {"conversation": Prompt((Turn(Role.USER, (STRANGE, Image("https://a/b.png"))),))},
        {"conversation": Prompt((*SMALL_TALK, Turn(Role.USER, (STRANGE,))))},
    ],
    ids=["opted out", "another asker", "remote wanted", "system", "stop", "schema", "tools", "a picture", "a history"],
)
async def test_what_else_shapes_an_answer_keeps_it_from_being_recalled(room: Room, changes: dict[str, Any]) -> None:
    house = room.house
    await hear(house, asked())

    events = await hear(house, asked(**changes))

    assert not any(isinstance(event, Recalled) for event in events)


async def test_who_wants_no_context_gets_none(room: Room) -> None:
    await room.teach(STRANGE, "Knead it.")

    await room.hear(asked(wishes=Wishes(context=False), preference=Preference.LOCAL))
    await room.hear(asked(preference=Preference.LOCAL))

    without, with_it = room.models["home"].prompts
    assert "Knead" not in str(without)
    assert "Knead" in str(with_it)


async def test_a_session_stays_with_its_model_in_the_middle_of_its_tools(room: Room) -> None:
    await room.teach("familiar", "yes")
    first = asked("familiar", session_id="s", preference=Preference.LOCAL, wishes=Wishes(cache=False))
    going_on = asked(session_id="s", conversation=after_tools())

    alone = await route_of(room, going_on)
    staying = await route_of(room, first, going_on)

    assert alone.attempts[0] == "away"
    assert staying.attempts[0] == "home"
    assert "the tools that run" in staying.reason


async def test_a_prompt_cache_worth_more_than_the_answer_keeps_a_session_away(room: Room) -> None:
    await room.teach("familiar", "yes")
    room.models["away"] = ScriptedModel(["away says so"], card=AWAY, usage=CACHING)
    first = asked(session_id="s")
    easy = asked("familiar", session_id="s")

    alone = await route_of(room, easy)
    staying = await route_of(room, first, easy)

    assert alone.attempts[0] == "home"
    assert staying.attempts[0] == "away"
    assert "prompt cache worth $" in staying.reason


async def test_a_prompt_cache_that_has_gone_cold_holds_nobody(room: Room) -> None:
    await room.teach("familiar", "yes")
    room.models["away"] = ScriptedModel(["away says so"], card=AWAY, usage=CACHING)
    house = room.house
    await hear(house, asked(session_id="s"))
    room.clock.advance(301)

    routed = (await hear(house, asked("familiar", session_id="s")))[0]

    assert isinstance(routed, Routed)
    assert routed.route.attempts[0] == "home"


async def test_a_model_that_is_gone_holds_no_session(room: Room) -> None:
    house = room.house
    await hear(house, asked(session_id="s"))
    room.models.pop("away")

    routed = (await hear(house, asked(f"{STRANGE} again", session_id="s", conversation=after_tools())))[0]

    assert isinstance(routed, Routed)
    assert routed.route.attempts == (HOME.name,)
