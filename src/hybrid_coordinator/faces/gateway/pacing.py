"""Events as they come, and a sign of life when none comes."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Generic, TypeVar

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

T = TypeVar("T")

SILENCE_S = 10.0
"""How long a client is left without a sign. Claude Code gives up after 300 s without one."""


class Paced(Generic[T]):
    """Events one by one, None for every silence, and last the error that ended them, if one did."""

    def __init__(self, incoming: MemoryObjectReceiveStream[T | Exception], silence_s: float) -> None:
        self._incoming = incoming
        self._silence_s = silence_s

    def __aiter__(self) -> "Paced[T]":
        return self

    async def __anext__(self) -> T | Exception | None:
        with anyio.move_on_after(self._silence_s):
            try:
                return await self._incoming.receive()
            except anyio.EndOfStream as error:
                raise StopAsyncIteration from error
        return None


@asynccontextmanager
async def paced(events: AsyncGenerator[T, None], silence_s: float = SILENCE_S) -> AsyncIterator[Paced[T]]:
    """Run the generator beside whoever reads its events. Leaving ends it, and waits until it has ended."""
    sender, receiver = anyio.create_memory_object_stream[T | Exception](max_buffer_size=16)
    async with anyio.create_task_group() as group:
        group.start_soon(_pump, events, sender)
        with receiver:
            yield Paced(receiver, silence_s)
        group.cancel_scope.cancel()


async def _pump(events: AsyncGenerator[T, None], sender: MemoryObjectSendStream[T | Exception]) -> None:
    with sender:
        try:
            async with aclosing(events):
                async for event in events:
                    await sender.send(event)
        except anyio.BrokenResourceError:  # nobody reads any more
            return
        except Exception as error:  # noqa: BLE001 - told to the reader, who tells the asker
            await sender.send(error)
