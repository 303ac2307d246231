"""How long a streamed answer keeps its reader waiting for the first word."""

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import anyio

from hybrid_coordinator.errors import Unavailable

DEADLINE_S = 60.0
_FIRST_WORD = re.compile(rb'"(?:content|text|delta)":\s*"[^"]')
_END = re.compile(rb"data:\s*\[DONE\]|message_stop|response\.completed")


@dataclass(frozen=True, slots=True)
class Question:
    """A request as it goes over the wire, and the place it goes to."""

    host: str
    port: int
    content: bytes


def ask(url: str, headers: Mapping[str, str], body: str) -> Question:
    """A request on a connection of its own."""
    to = urlsplit(url)
    assert to.hostname
    assert to.port
    content = body.encode()
    fixed = {"Host": to.netloc, "Content-Length": str(len(content)), "Connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in {**fixed, **headers}.items())
    return Question(to.hostname, to.port, f"POST {to.path} HTTP/1.1\r\n{lines}\r\n".encode() + content)


@dataclass(slots=True)
class FirstWords:
    """Milliseconds from a request to its first word, of every stream that came whole, and how many did not."""

    times_ms: list[float] = field(default_factory=list)
    broken: int = 0

    def add(self, other: "FirstWords") -> None:
        self.times_ms += other.times_ms
        self.broken += other.broken


async def time_first_words(questions: Sequence[Question], at_once: int) -> FirstWords:
    """Ask them all, so many at a time."""
    waiting = iter(questions)
    words = FirstWords()

    async def ask_on() -> None:
        for question in waiting:
            time_ms = await _time_first_word(question)
            if time_ms is None:
                words.broken += 1
            else:
                words.times_ms.append(time_ms)

    async with anyio.create_task_group() as askers:
        for _ in range(at_once):
            askers.start_soon(ask_on)
    return words


async def _time_first_word(question: Question) -> float | None:
    """None for anything but a whole streamed answer."""
    first_ms: float | None = None
    told = b""
    with anyio.move_on_after(DEADLINE_S), suppress(OSError, anyio.BrokenResourceError):
        async with await anyio.connect_tcp(question.host, question.port) as stream:
            start = time.perf_counter()
            await stream.send(question.content)
            async for chunk in stream:
                told += chunk
                if first_ms is None and _FIRST_WORD.search(told):
                    first_ms = (time.perf_counter() - start) * 1_000
    return first_ms if told.startswith(b"HTTP/1.1 200") and _END.search(told) else None


async def wait_for_answer(question: Question, deadline_s: float) -> None:
    """Ask until somebody answers. Raises Unavailable at the deadline, and for an answer that is no success."""
    told = b""
    with anyio.move_on_after(deadline_s):
        while not told.startswith(b"HTTP/"):
            await anyio.sleep(0.02)
            told = await _ask_once(question)
    if not told.startswith(b"HTTP/1.1 200"):
        raise Unavailable(f"asked for {deadline_s:g} s at most, the first answer was {told[:500]!r}")


async def _ask_once(question: Question) -> bytes:
    try:
        async with await anyio.connect_tcp(question.host, question.port) as stream:
            await stream.send(question.content)
            return b"".join([chunk async for chunk in stream])
    except (OSError, anyio.BrokenResourceError) as error:
        return str(error).encode()
