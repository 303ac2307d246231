"""What is done with an answer besides giving it: recalled, checked, replaced, kept out of the record, paid for."""

from dataclasses import replace

import pytest

from hybrid_coordinator.domain.answer import Attempted, FellThrough, Recalled, Rejected
from hybrid_coordinator.domain.interaction import (
    REJECTED_TAG,
    UNRECORDED_TAG,
    AgentType,
    CacheUse,
    Outcome,
    OutcomeKind,
)
from hybrid_coordinator.domain.query import (
    Delta,
    Profile,
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
from hybrid_coordinator.domain.route import Location, Target
from hybrid_coordinator.errors import ModelUnavailable, OverBudget
from hybrid_coordinator.flows.caching import CachePolicy
from hybrid_coordinator.flows.deciding import HOLDOUT_REASON
from hybrid_coordinator.flows.shadowing import SHADOW
from hybrid_coordinator.flows.teaching import Lesson
from hybrid_coordinator.logic.budgets import BudgetPolicy
from hybrid_coordinator.settings import GatewaySettings
from room import AWAY, CALM, HOME, Room, answer, hear

QUESTION = Query("how do I restart nginx on this server")


def conversation(*turns: Turn) -> Prompt:
    return Prompt(turns, system="You are terse.", tools=(Tool("search", "Looks things up.", {"type": "object"}),))


def asked(text: str) -> Turn:
    return Turn(Role.USER, (text,))


async def test_the_same_question_is_answered_from_the_cache(room: Room) -> None:
    house = room.house
    first = await answer(house, QUESTION)

    events = await hear(house, QUESTION)

    assert Recalled(first.id, CacheUse.EXACT, "home") in events
    assert Delta("home says so") in events
    assert len(room.models["home"].prompts) == 1
    again = events[-1].interaction  # type: ignore[union-attr]
    assert again.cache is CacheUse.EXACT
    assert (again.cost, again.tokens_saved) == (0, 15)


async def test_who_opts_out_of_the_cache_is_answered_anew(room: Room) -> None:
    house = room.house
    await answer(house, QUESTION)

    again = await answer(house, replace(QUESTION, wishes=Wishes(cache=False)))

    assert again.cache is CacheUse.NONE
    assert len(room.models["home"].prompts) == 2


async def test_keys_do_not_share_what_was_answered(room: Room) -> None:
    house = room.house
    await answer(house, replace(QUESTION, asker="alice"))

    bob = await answer(house, replace(QUESTION, asker="bob"))

    assert bob.cache is CacheUse.NONE


async def test_a_bad_outcome_ends_the_trust_in_a_cached_answer(room: Room) -> None:
    house = room.house
    await answer(house, QUESTION)
    again = await answer(house, QUESTION)

    await house.feedback.settle(again.id, Outcome(OutcomeKind.FAILURE, user_feedback=-1))

    assert (await answer(house, QUESTION)).cache is CacheUse.NONE


async def test_what_is_taught_about_a_question_makes_its_cached_answer_old(room: Room) -> None:
    house = room.house
    await answer(house, QUESTION)

    await house.learning.teacher.correct(Lesson(QUESTION.text, "Run systemctl restart nginx."))

    assert (await answer(house, QUESTION)).cache is CacheUse.NONE


async def test_a_passage_that_changes_takes_the_answers_along_that_used_it(room: Room) -> None:
    await room.teach(QUESTION.text, "Run systemctl restart nginx.")
    house = room.house
    await answer(house, QUESTION)

    await house.knowledge.remove(["p1"])

    assert (await answer(house, QUESTION)).cache is CacheUse.NONE


async def test_a_local_answer_that_is_not_trusted_is_replaced_and_the_pair_is_kept(room: Room) -> None:
    room.add_model(HOME, ["I cannot help with that."])
    room.add_model(AWAY, ["systemctl restart nginx"])
    await room.teach(QUESTION.text, "Run systemctl restart nginx.")
    house = room.house

    events = await hear(house, QUESTION)

    assert any(isinstance(event, Rejected) and event.model == "home" for event in events)
    assert [event for event in events if isinstance(event, Delta)] == [Delta("systemctl restart nginx")]
    chosen = events[-1].interaction  # type: ignore[union-attr]
    assert chosen.agent_type is AgentType.REMOTE
    (pair,) = await room.ledger.preferences(limit=9)
    assert (pair.chosen, pair.rejected) == ("systemctl restart nginx", "I cannot help with that.")
    rejected = await room.ledger.get(pair.rejected_id)
    assert rejected.parent_id == chosen.id == pair.chosen_id
    assert REJECTED_TAG in rejected.tags


async def test_a_doubtful_answer_is_better_than_none(room: Room) -> None:
    room.add_model(HOME, ["I cannot help with that."])
    room.add_model(AWAY, [ModelUnavailable("no network")])
    await room.teach(QUESTION.text, "Run systemctl restart nginx.")
    house = room.house

    events = await hear(house, QUESTION)

    assert FellThrough("away", "no network") in events
    assert Delta("I cannot help with that.") in events
    assert await room.ledger.preferences(limit=9) == []
    assert (await answer(house, QUESTION)).cache is CacheUse.NONE


async def test_without_a_remote_model_a_local_answer_is_told_as_it_comes(room: Room) -> None:
    room.add_model(HOME, ["I cannot ", "help with that."])

    events = await hear(room.house, QUESTION)

    assert [event for event in events if isinstance(event, Delta)] == [Delta("I cannot "), Delta("help with that.")]


async def test_of_an_unrecorded_question_only_the_costs_are_kept(room: Room) -> None:
    room.add_model(AWAY, ["away says so"])
    house = room.house

    await hear(house, replace(QUESTION, session_id="s", wishes=Wishes(record=False)))

    (kept,) = await room.ledger.recent(limit=9)
    assert (kept.query, kept.response, kept.session_id, kept.tags) == ("", "", None, (UNRECORDED_TAG,))
    assert kept.cost == AWAY.cost(10, 5)
    assert (await answer(house, QUESTION)).cache is CacheUse.NONE


async def test_a_soft_budget_keeps_questions_home_and_a_hard_one_refuses_them(room: Room) -> None:
    room.add_model(AWAY, ["away says so"])
    room.settings = replace(CALM, budget=BudgetPolicy(soft_tokens=10, hard_tokens=25))
    house = room.house

    first = await answer(house, Query("bake a loaf"))
    second = await answer(house, Query("bake a cake"))
    room.add_model(AWAY, ["away says so"])

    assert first.agent_type is AgentType.REMOTE
    assert second.agent_type is AgentType.LOCAL
    assert second.route is not None
    assert "soft limit" in second.route.reason
    house.budgets.note(replace(first, id="more"))
    with pytest.raises(OverBudget, match="hard limit"):
        await answer(house, Query("bake a pie"))


async def test_a_held_out_session_goes_the_plain_way(room: Room) -> None:
    room.add_model(AWAY, ["away says so"])
    await room.teach(QUESTION.text, "Run systemctl restart nginx.")
    room.settings = replace(CALM, gateway=GatewaySettings(holdout_share=1.0))
    house = room.house

    first = await answer(house, QUESTION)
    again = await answer(house, QUESTION)

    assert first.holdout
    assert first.agent_type is AgentType.REMOTE
    assert first.context_provided == ()
    assert first.route is not None
    assert first.route.reason == HOLDOUT_REASON
    assert again.cache is CacheUse.NONE


async def test_a_clients_own_prompt_is_kept_and_what_is_known_comes_at_its_very_end(room: Room) -> None:
    await room.teach(QUESTION.text, "Run systemctl restart nginx.")
    prompt = conversation(asked("hello"), Turn(Role.ASSISTANT, ("hi",)), asked(QUESTION.text))

    await hear(room.house, replace(QUESTION, conversation=prompt))

    (sent,) = room.models["home"].prompts
    assert sent.system == "You are terse."
    assert sent.turns[:2] == prompt.turns[:2]
    assert sent.turns[2].parts[0] == QUESTION.text
    added = sent.turns[2].parts[1]
    assert isinstance(added, str)
    assert added.startswith("<coordinator-context>")
    assert "systemctl restart nginx" in added


async def test_nothing_is_looked_up_for_who_opts_out_of_context(room: Room) -> None:
    await room.teach(QUESTION.text, "Run systemctl restart nginx.")
    prompt = conversation(asked(QUESTION.text))

    await hear(room.house, replace(QUESTION, conversation=prompt, wishes=Wishes(context=False)))

    [sent] = room.models["home"].prompts
    assert replace(sent, session="") == prompt


async def test_the_results_of_tools_go_to_the_model_that_called_them(room: Room) -> None:
    room.add_model(HOME, [ToolCall("c1", "search", "{}")])
    room.add_model(AWAY, ["never asked"])
    await room.teach("bake a loaf", "Use flour.")
    house = room.house
    opening = Query("bake a loaf", session_id="s", conversation=conversation(asked("bake a loaf")))
    await answer(house, opening)
    turns = (
        asked("bake a loaf"),
        Turn(Role.ASSISTANT, (ToolCall("c1", "search", "{}"),)),
        Turn(Role.USER, (ToolResult("c1", "flour"),)),
    )

    going_on = await answer(house, replace(opening, conversation=conversation(*turns)))

    assert going_on.agent_type is AgentType.LOCAL
    assert going_on.route is not None
    assert "the session stays with home" in going_on.route.reason


async def test_a_session_leaves_its_model_only_when_that_is_worth_its_prompt_cache(room: Room) -> None:
    room.add_model(AWAY, ["away says so"])
    room.models["away"]._usage = Usage(50_000, 10, cache_read_tokens=49_000, cache_write_tokens=1_000)
    house = room.house
    strange = Query("bake a loaf", session_id="s", conversation=conversation(asked("bake a loaf")))
    await answer(house, strange)
    await room.teach(QUESTION.text, "Run systemctl restart nginx.")
    known = replace(QUESTION, session_id="s", conversation=conversation(asked(QUESTION.text)))

    stays = await answer(house, known)
    elsewhere = await answer(house, replace(known, session_id="t", wishes=Wishes(cache=False)))

    assert stays.agent_type is AgentType.REMOTE
    assert stays.route is not None
    assert "leaving would lose a prompt cache" in stays.route.reason
    assert elsewhere.agent_type is AgentType.LOCAL


async def test_a_named_model_answers_and_nothing_is_added(room: Room) -> None:
    room.add_model(AWAY, ["away says so"])
    await room.teach(QUESTION.text, "Run systemctl restart nginx.")

    events = await hear(room.house, replace(QUESTION, model="away"))

    assert Attempted("away", (), Location.REMOTE) in events
    assert room.models["home"].prompts == []


async def test_a_critical_question_is_put_to_all_local_models(room: Room) -> None:
    room.add_model(AWAY, ["away says so"])
    room.add_model(replace(HOME, name="local-coder"), ["home says so"])
    await room.teach(QUESTION.text, "Run systemctl restart nginx.")

    together = await answer(
        room.house, replace(QUESTION, text="how do I restart nginx on this server", profile=Profile.CRITICAL)
    )

    assert together.route is not None
    assert together.route.target is Target.ENSEMBLE
    assert together.response == "home says so"
    assert len(room.models["home"].prompts) == len(room.models["local-coder"].prompts) == 1


async def test_a_share_of_the_hits_is_asked_again_and_teaches_the_cache(room: Room) -> None:
    room.add_model(HOME, ["systemctl restart nginx"], ["The capital of France is Paris, on the Seine."])
    room.settings = replace(CALM, cache=CachePolicy(shadow_share=1.0))
    house = room.house
    await answer(house, QUESTION)
    recalled = await answer(house, QUESTION)

    await house.shadows.catch_up()

    assert recalled.cache is CacheUse.EXACT
    (shadow, *_) = await room.ledger.recent(limit=1)
    assert SHADOW in shadow.tags
    assert (await answer(house, QUESTION)).cache is CacheUse.NONE


async def test_an_answer_given_at_home_for_want_of_the_vendor_is_not_remembered(room: Room) -> None:
    room.add_model(AWAY, [ModelUnavailable("down")], ["away says so"])
    house = room.house

    stopgap = await answer(house, QUESTION)
    again = await answer(house, QUESTION)

    assert stopgap.agent_type is AgentType.LOCAL
    assert again.cache is CacheUse.NONE
    assert again.agent_type is AgentType.REMOTE


async def test_what_was_answered_without_a_remote_model_is_not_enough_with_one(room: Room) -> None:
    house = room.house
    await answer(house, QUESTION)
    room.models["away"] = room.add_model(AWAY, ["away says so"])

    again = await answer(house, QUESTION)

    assert again.cache is CacheUse.NONE


async def test_a_remembered_answer_that_is_longer_than_was_asked_for_is_not_given(room: Room) -> None:
    house = room.house
    await answer(house, QUESTION)

    short = await answer(house, replace(QUESTION, max_tokens=4))

    assert short.cache is CacheUse.NONE
