"""A model of the house whose versions are replaced while they answer."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import anyio
import anyio.lowlevel
import pytest

from hybrid_coordinator.domain.query import Completion, Delta, Finished, Prompt, Role, Spoken, Turn, Usage, fold
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.errors import ModelRefused, ModelUnavailable
from hybrid_coordinator.flows.versioned_model import Trial, VersionedModel
from hybrid_coordinator.ports import Model
from hybrid_coordinator.testing import ScriptedModel

LOCAL = ModelCard("local", Location.LOCAL)
SESSIONS = [f"session {number}" for number in range(400)]


def version(name: str, *steps: str | Exception | anyio.Event) -> ScriptedModel:
    return ScriptedModel((*(steps or ("An answer.",)), Finished(name, Usage())))


def prompt(session: str = "") -> Prompt:
    return Prompt((Turn(Role.USER, ("Which port?",)),), session=session)


async def ask(model: Model, session: str = "") -> Completion:
    async with aclosing(model.stream(prompt(session))) as pieces:
        return fold([piece async for piece in pieces])


async def who_answers(model: Model) -> dict[str, str]:
    return {session: (await ask(model, session)).finished.model for session in SESSIONS}


@asynccontextmanager
async def kept_up(model: VersionedModel) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(model.keep_up)
        yield
        tasks.cancel_scope.cancel()


async def rest(pieces: AsyncGenerator[Spoken, None]) -> list[Spoken]:
    return [piece async for piece in pieces]


async def closed(model: ScriptedModel) -> None:
    with anyio.fail_after(1.0):
        while not model.closed:
            await anyio.lowlevel.checkpoint()


async def test_it_has_the_card_of_the_house_and_the_answers_name_the_version() -> None:
    model = VersionedModel(LOCAL, version("small"), "small")

    assert model.card == replace(LOCAL, version=model.serving)
    assert (await ask(model)).finished.model == model.serving == "small"


async def test_what_is_switched_to_answers_the_next_prompt_and_what_it_replaced_is_closed() -> None:
    base, better = version("small"), version("small+v1")
    model = VersionedModel(LOCAL, base, "small")

    async with kept_up(model):
        await model.switch(better, "small+v1")
        answer = await ask(model)
        await closed(base)

    assert answer.finished.model == "small+v1"
    assert not better.closed


async def test_an_answer_under_way_is_told_to_its_end_before_its_version_is_closed() -> None:
    go_on = anyio.Event()
    base, better = version("small", "One ", go_on, "two."), version("small+v1")
    model = VersionedModel(LOCAL, base, "small")

    async with kept_up(model), aclosing(model.stream(prompt())) as pieces:
        first = await anext(pieces)
        await model.switch(better, "small+v1")
        assert (await ask(model)).finished.model == "small+v1"
        assert not base.closed
        go_on.set()
        answer = fold([first, *[piece async for piece in pieces]])
        await closed(base)

    assert answer.text == "One two."
    assert answer.finished.model == "small"


async def test_several_answers_under_way_are_all_waited_for() -> None:
    first_may, second_may = anyio.Event(), anyio.Event()
    base = ScriptedModel(("a", first_may, "b"), ("c", second_may, "d"))
    model = VersionedModel(LOCAL, base, "small")

    async with kept_up(model), aclosing(model.stream(prompt())) as one, aclosing(model.stream(prompt())) as other:
        await anext(one)
        await anext(other)
        await model.switch(version("small+v1"), "small+v1")
        first_may.set()
        assert (await rest(one))[0] == Delta("b")
        await anyio.wait_all_tasks_blocked()
        assert not base.closed
        second_may.set()
        assert (await rest(other))[0] == Delta("d")
        await closed(base)


async def test_a_caller_who_hangs_up_does_not_keep_a_replaced_version_open() -> None:
    base = version("small", "One ", anyio.Event())
    model = VersionedModel(LOCAL, base, "small")

    async with kept_up(model):
        async with aclosing(model.stream(prompt())) as pieces:
            await anext(pieces)
            await model.switch(version("small+v1"), "small+v1")
        await closed(base)


async def test_an_answer_that_never_ends_keeps_a_replaced_version_open_for_so_long_only() -> None:
    base = version("small", "One ", anyio.Event())
    model = VersionedModel(LOCAL, base, "small", drain_s=0.0)

    async with kept_up(model), aclosing(model.stream(prompt())) as pieces:
        await anext(pieces)
        await model.switch(version("small+v1"), "small+v1")
        await closed(base)


async def test_a_version_on_trial_answers_its_share_of_the_sessions_and_a_session_stays_with_it() -> None:
    model = VersionedModel(LOCAL, version("small"), "small")

    await model.try_out(version("small+v1"), "small+v1", 0.25)
    answered, again = await who_answers(model), await who_answers(model)

    share = list(answered.values()).count("small+v1") / len(SESSIONS)
    assert 0.18 < share < 0.32  # three standard deviations of 400 draws
    assert again == answered


async def test_another_version_on_trial_is_tried_on_other_sessions() -> None:
    model = VersionedModel(LOCAL, version("small"), "small")

    await model.try_out(version("tried"), "small+v1", 0.25)
    first = {session for session, name in (await who_answers(model)).items() if name == "tried"}
    await model.try_out(version("tried"), "small+v2", 0.25)
    second = {session for session, name in (await who_answers(model)).items() if name == "tried"}

    assert len(first & second) < len(second) / 2


async def test_a_prompt_of_no_session_is_answered_by_the_version_that_serves() -> None:
    model = VersionedModel(LOCAL, version("small"), "small")

    await model.try_out(version("small+v1"), "small+v1", 1.0)

    assert (await ask(model)).finished.model == "small"
    assert (await ask(model, "somebody")).finished.model == "small+v1"


@pytest.mark.parametrize(("error", "failed"), [(ModelUnavailable("it died"), 1), (ModelRefused("too long"), 0)])
async def test_a_version_on_trial_that_fails_before_its_first_word_is_not_noticed_but_counted(
    error: Exception, failed: int
) -> None:
    model = VersionedModel(LOCAL, version("small"), "small")

    await model.try_out(version("small+v1", error), "small+v1", 1.0)
    answer = await ask(model, "somebody")

    assert answer.finished.model == "small"
    assert model.trial == Trial("small+v1", 1.0, asked=1, failed=failed)
    assert model.control == Trial("small", 0.0, asked=1, failed=0)


async def test_a_version_on_trial_that_fails_after_a_word_fails_the_answer() -> None:
    model = VersionedModel(LOCAL, version("small"), "small")

    await model.try_out(version("small+v1", "Half", ModelUnavailable("it died")), "small+v1", 1.0)

    with pytest.raises(ModelUnavailable, match="it died"):
        await ask(model, "somebody")


async def test_a_failure_of_the_version_that_serves_is_told() -> None:
    model = VersionedModel(LOCAL, version("small", ModelUnavailable("it died")), "small")
    await model.try_out(version("small+v1"), "small+v1", 0.0)

    with pytest.raises(ModelUnavailable, match="it died"):
        await ask(model, "somebody")
    with pytest.raises(ModelUnavailable, match="it died"):
        await model.check()


async def test_a_version_that_fails_while_it_is_replaced_leaves_the_prompt_to_the_one_that_serves_now() -> None:
    fail = anyio.Event()
    model = VersionedModel(LOCAL, version("small", fail, ModelUnavailable("it died")), "small")
    answers: list[Completion] = []

    async def note() -> None:
        answers.append(await ask(model))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(note)
        await anyio.wait_all_tasks_blocked()
        await model.switch(version("small+v1"), "small+v1")
        fail.set()

    assert [answer.finished.model for answer in answers] == ["small+v1"]


async def test_a_trial_that_ends_is_closed_and_everybody_is_answered_by_the_version_that_serves() -> None:
    tried = version("small+v1")
    model = VersionedModel(LOCAL, version("small"), "small")

    async with kept_up(model):
        await model.try_out(tried, "small+v1", 1.0)
        await model.end_trial()
        await model.end_trial()
        await closed(tried)

    assert set((await who_answers(model)).values()) == {"small"}
    assert model.trial is None


async def test_a_version_on_trial_serves_without_being_opened_again() -> None:
    base, tried = version("small"), version("small+v1")
    model = VersionedModel(LOCAL, base, "small")

    async with kept_up(model):
        await model.try_out(tried, "small+v1", 0.1)
        await model.switch(tried, "small+v1")
        await closed(base)

    assert model.serving == "small+v1"
    assert model.trial is None
    assert not tried.closed
    assert set((await who_answers(model)).values()) == {"small+v1"}


async def test_what_served_can_stay_for_a_share_of_the_sessions_and_is_counted_anew() -> None:
    base, tried = version("small"), version("small+v1")
    model = VersionedModel(LOCAL, base, "small")

    async with kept_up(model):
        await ask(model)
        await model.try_out(tried, "small+v1", 0.1)
        await model.swap(0.5)
        await anyio.wait_all_tasks_blocked()
        answered = await who_answers(model)

    assert set(answered.values()) == {"small", "small+v1"}
    assert not base.closed
    assert model.trial == Trial("small", 0.5, asked=list(answered.values()).count("small"), failed=0)


async def test_an_answer_begun_before_its_version_became_the_smaller_arm_is_still_waited_for() -> None:
    go_on = anyio.Event()
    base = version("small", "One ", go_on, "two.")
    model = VersionedModel(LOCAL, base, "small")

    async with kept_up(model), aclosing(model.stream(prompt())) as pieces:
        await anext(pieces)
        await model.try_out(version("small+v1"), "small+v1", 0.1)
        await model.swap(0.0)
        await anyio.wait_all_tasks_blocked()
        assert not base.closed
        go_on.set()
        assert (await rest(pieces))[0] == Delta("two.")
        await closed(base)


async def test_closing_closes_every_version_those_still_waited_for_too() -> None:
    base, better, tried = version("small", "One ", anyio.Event()), version("small+v1"), version("small+v2")
    model = VersionedModel(LOCAL, base, "small")

    async with kept_up(model), aclosing(model.stream(prompt())) as pieces:
        await anext(pieces)
        await model.switch(better, "small+v1")
        await model.try_out(tried, "small+v2", 0.5)
        await anyio.wait_all_tasks_blocked()
    await model.aclose()
    await model.aclose()

    assert [one.closed for one in (base, better, tried)] == [True, True, True]
