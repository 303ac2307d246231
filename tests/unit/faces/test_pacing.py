"""Events as they come, and a sign of life when none comes."""

from collections.abc import AsyncGenerator

import anyio
import pytest

from hybrid_coordinator.faces.gateway.pacing import paced

AT_ONCE = 0.001


async def telling(*events: str | Exception | anyio.Event) -> AsyncGenerator[str, None]:
    for event in events:
        if isinstance(event, Exception):
            raise event
        if isinstance(event, anyio.Event):
            await event.wait()
        else:
            yield event


async def test_events_come_in_order_and_end() -> None:
    async with paced(telling("a", "b", "c")) as events:
        heard = [event async for event in events]

    assert heard == ["a", "b", "c"]


async def test_silence_is_told_until_there_is_something_to_say() -> None:
    go_on = anyio.Event()
    heard: list[str | Exception | None] = []
    async with paced(telling("a", go_on, "b"), AT_ONCE) as events:
        async for event in events:
            heard.append(event)
            if heard.count(None) == 3:
                go_on.set()

    assert heard[:4] == ["a", None, None, None]
    assert [event for event in heard if event is not None] == ["a", "b"]


async def test_the_error_that_ended_them_comes_last() -> None:
    error = ValueError("died")
    async with paced(telling("a", error)) as events:
        heard = [event async for event in events]

    assert heard == ["a", error]


async def test_leaving_early_ends_the_generator_before_anything_else_happens() -> None:
    ended: list[str] = []

    async def endless() -> AsyncGenerator[int, None]:
        try:
            number = 0
            while True:
                number += 1
                yield number
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
            ended.append("generator")

    async with paced(endless()) as events:
        assert await anext(events) == 1
    ended.append("reader")

    assert ended == ["generator", "reader"]


async def test_a_reader_that_is_slow_holds_the_speaker_back() -> None:
    spoken: list[int] = []

    async def eager() -> AsyncGenerator[int, None]:
        for number in range(1000):
            spoken.append(number)
            yield number

    async with paced(eager()) as events:
        assert await anext(events) == 0
        await anyio.wait_all_tasks_blocked()

        assert len(spoken) < 25


async def test_a_cancelled_reader_cancels_what_is_said() -> None:
    never = anyio.Event()
    ended = anyio.Event()

    async def stuck() -> AsyncGenerator[int, None]:
        try:
            await never.wait()
            yield 1
        finally:
            ended.set()

    with anyio.move_on_after(AT_ONCE) as scope:
        async with paced(stuck()) as events:
            await anext(events)

    assert scope.cancelled_caught
    assert ended.is_set()


async def test_what_goes_wrong_while_reading_is_not_swallowed() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="of the reader")):
        async with paced(telling("a", anyio.Event())) as events:
            await anext(events)
            raise ValueError("of the reader")
