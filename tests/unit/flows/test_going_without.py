"""Now and then an answer goes without something learned, and differs in nothing else."""

from dataclasses import replace

from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.domain.query import Query
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.logic.withholding import WithholdingPolicy
from hybrid_coordinator.testing import ManualClock
from room import CALM, HOME, Room, answer

QUESTION = "how do I restart the web server"


class Skilled(Room):
    """A room that knows a skill on trial and a file, both about the question."""

    async def learn(self, origin: Origin = Origin.MODEL_INFERENCE) -> None:
        payload = {"stage": "candidate", "strategy": "extractive", "origin": origin.value}
        skill = Draft("skill", Collection.SKILLS, QUESTION, f"{QUESTION}: use systemctl", payload)
        page = Draft("page", Collection.CODEBASE, QUESTION, f"{QUESTION} is told in ops.md", {"file_path": "ops.md"})
        await self.knowledge.put([skill, page], await self.embedder.embed([QUESTION, QUESTION]))

    async def answers(self, count: int) -> list[Interaction]:
        house = self.house
        return [await answer(house, Query(QUESTION, session_id=f"s{number}")) for number in range(count)]


def skilled() -> Skilled:
    uncached = replace(CALM.cache, enabled=False)
    settings = replace(CALM, cache=uncached, withholding=WithholdingPolicy())
    room = Skilled(clock=ManualClock(), settings=settings)
    room.add_model(HOME, ["home says so"])
    return room


async def test_about_a_tenth_goes_without_and_says_so() -> None:
    room = skilled()
    await room.learn()

    answers = await room.answers(150)

    without = [one for one in answers if one.withheld]
    assert 3 <= len(without) <= 30
    assert all(one.withheld == ("skill",) and one.context_provided == ("page",) for one in without)
    assert all(set(one.context_provided) == {"skill", "page"} for one in answers if not one.withheld)


async def test_prompts_with_and_without_differ_in_the_one_passage() -> None:
    room = skilled()
    await room.learn()

    answers = await room.answers(60)

    said = dict(zip((bool(one.withheld) for one in answers), room.models["home"].prompts, strict=True))
    with_it, without = said[False].turns[-1].text, said[True].turns[-1].text
    assert without == with_it.replace(f"{QUESTION}: use systemctl\n\n", "", 1)


async def test_a_person_s_own_word_is_always_shown() -> None:
    room = skilled()
    await room.learn(Origin.DIRECT_USER)

    assert not any(one.withheld for one in await room.answers(60))


async def test_an_answer_says_how_similar_its_context_was_and_how_far_it_is_trusted() -> None:
    room = skilled()
    await room.learn(Origin.UNTRUSTED_DOCUMENT)

    shown = next(one for one in await room.answers(20) if not one.withheld)

    assert len(shown.similarities) == len(shown.context_provided)
    assert (shown.origin, shown.channel) == (Origin.UNTRUSTED_DOCUMENT, "answer")
