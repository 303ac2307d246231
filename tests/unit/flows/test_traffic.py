"""Work in the background gives way to people."""

from contextlib import aclosing

import anyio
import anyio.lowlevel
import pytest

from hybrid_coordinator.domain.query import Finished, Prompt, Role, Turn
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.flows.traffic import PoliteModel, Traffic
from hybrid_coordinator.testing import ScriptedModel

PROMPT = Prompt((Turn(Role.USER, ("what is this?",)),))


async def test_a_polite_model_says_all_of_it_while_nobody_asks() -> None:
    model = PoliteModel(ScriptedModel(["one ", "two"]), Traffic())

    async with aclosing(model.stream(PROMPT)) as pieces:
        said = [piece async for piece in pieces]

    assert len(said) == 3
    assert isinstance(said[-1], Finished)


async def test_a_polite_model_stops_as_soon_as_somebody_asks() -> None:
    never, traffic = anyio.Event(), Traffic()
    model = PoliteModel(ScriptedModel(["one ", never, "two"]), traffic)
    said = []

    async def extract() -> None:
        async with aclosing(model.stream(PROMPT)) as pieces:
            with pytest.raises(ModelUnavailable):
                async for piece in pieces:
                    said.append(piece)
                    started.set()

    started = anyio.Event()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(extract)
            await started.wait()
            with traffic.answering():
                await anyio.wait_all_tasks_blocked()

    assert len(said) == 1


async def test_a_polite_model_does_not_begin_while_somebody_waits() -> None:
    scripted, traffic = ScriptedModel(["one"]), Traffic()

    with traffic.answering(), pytest.raises(ModelUnavailable):
        await anext(PoliteModel(scripted, traffic).stream(PROMPT))

    assert scripted.prompts == []


async def test_calm_comes_at_once_when_nobody_ever_asked() -> None:
    with anyio.fail_after(0.5):
        await Traffic().calm(quiet_s=60.0, patience_s=60.0)


async def test_calm_is_not_waited_for_for_ever() -> None:
    traffic = Traffic()

    with anyio.fail_after(5), traffic.answering():
        await traffic.calm(quiet_s=60.0, patience_s=0.01)

        assert traffic.busy


async def test_a_rush_is_told_at_once_and_each_time() -> None:
    traffic, told = Traffic(), []

    async def watch() -> None:
        for turn in range(2):
            await traffic.rush()
            told.append(turn)
            await traffic.calm(quiet_s=0.001, patience_s=5.0)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            await anyio.wait_all_tasks_blocked()
            assert told == []
            with traffic.answering():
                await anyio.wait_all_tasks_blocked()
                assert told == [0]
            while traffic.quiet_s < 0.01:
                await anyio.lowlevel.checkpoint()
            await anyio.wait_all_tasks_blocked()
            with traffic.answering():
                await anyio.wait_all_tasks_blocked()

    assert told == [0, 1]


async def test_nobody_has_ever_asked_is_the_longest_quiet_and_a_question_ends_it() -> None:
    traffic = Traffic()

    assert traffic.quiet_s == float("inf")
    with traffic.answering():
        assert traffic.quiet_s == 0.0
    assert traffic.quiet_s < 60.0
