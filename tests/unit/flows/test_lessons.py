"""What outcomes teach the router, and that it is known again after a restart."""

from dataclasses import replace

from hybrid_coordinator.domain.interaction import AgentType, Outcome, OutcomeKind
from hybrid_coordinator.domain.query import Query
from hybrid_coordinator.logic.router_trust import LearningPolicy
from room import AWAY, CALM, HOME, Memory, Room, answer

EASY = [
    f"what is the {word} of the service" for word in ("port", "name", "owner", "path", "host", "user", "log", "url")
]
HARD = [f"design a {word} pipeline for tenants" for word in ("billing", "search", "backup", "audit", "export", "sync")]
EAGER = replace(CALM, router=LearningPolicy(least_rows=10, least_of_each=3, refit_rows=5, exploration=0.0))


async def teach(room: Room) -> None:
    """Every question answered at home: the easy ones well, the hard ones badly."""
    house = room.house
    for text in (EASY + HARD) * 2:
        told = await answer(house, Query(text))
        kind = OutcomeKind.SUCCESS if text in EASY else OutcomeKind.FAILURE
        await house.feedback.settle(told.id, Outcome(kind))
    await house.lessons.catch_up()


async def test_what_was_answered_well_at_home_stays_home_although_the_tree_would_send_it_away(room: Room) -> None:
    room.settings = EAGER
    untaught = replace(room, models={})
    untaught.add_model(HOME, ["home says so"])
    untaught.add_model(AWAY, ["away says so"])
    before = await answer(untaught.house, Query("what is the colour of the service"))
    await teach(room)
    room.add_model(AWAY, ["away says so"])
    house = room.house
    await house.open()

    easy = await answer(house, Query("what is the colour of the service"))
    hard = await answer(house, Query("design a payment pipeline for tenants"))

    assert before.agent_type is AgentType.REMOTE
    assert easy.agent_type is AgentType.LOCAL
    assert hard.agent_type is AgentType.REMOTE
    assert easy.route is not None
    assert "most similar questions asked before" in easy.route.reason


async def test_what_was_learned_is_known_again_after_a_restart_without_learning(room: Room) -> None:
    room.settings = EAGER
    await teach(room)
    asked = await room.house.lessons.router.ask("what is the colour of the service")
    house = room.house

    await house.open()

    assert room.lessons.content
    assert house.lessons.router.judge(asked).trusted
    assert house.lessons.router.refits == 0


async def test_lessons_that_cannot_be_read_cost_nothing_but_learning(room: Room) -> None:
    room.settings = EAGER
    await teach(room)
    room.lessons = Memory()
    room.lessons.content = b"not a router"
    house = room.house

    await house.open()

    assert house.lessons.router.dump() == b""
    assert (await answer(house, Query("what is the colour of the service"))).response == "home says so"
