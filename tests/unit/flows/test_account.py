"""The records that are made of answers."""

from hybrid_coordinator.domain.interaction import REJECTED_TAG
from hybrid_coordinator.domain.query import Finished, Query, StopReason, Usage
from room import AWAY, HOME, Room, hear

QUESTION = Query("how do I restart nginx on this server")


async def test_a_rejected_answer_counts_against_the_version_that_gave_it(room: Room) -> None:
    room.add_model(HOME, ["I cannot help with that.", Finished("home.Q4_1+v3", Usage(10, 5), StopReason.END)])
    room.add_model(AWAY, ["systemctl restart nginx"])
    await room.teach(QUESTION.text, "Run systemctl restart nginx.")

    await hear(room.house, QUESTION)

    (rejected,) = await room.ledger.tagged(REJECTED_TAG, since=None, limit=9)
    assert rejected.model_used == "home.Q4_1+v3"


async def test_a_rejected_answer_of_a_model_without_a_name_goes_by_the_name_it_has_here(room: Room) -> None:
    room.add_model(HOME, ["I cannot help with that.", Finished("", Usage(10, 5), StopReason.END)])
    room.add_model(AWAY, ["systemctl restart nginx"])
    await room.teach(QUESTION.text, "Run systemctl restart nginx.")

    await hear(room.house, QUESTION)

    (rejected,) = await room.ledger.tagged(REJECTED_TAG, since=None, limit=9)
    assert rejected.model_used == "home"
