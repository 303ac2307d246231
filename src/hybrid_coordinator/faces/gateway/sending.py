"""Putting a reply on the wire, and noticing that nobody listens any more."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import anyio
from starlette.types import Receive, Send

Header = tuple[bytes, bytes]

JSON_HEADER: Header = (b"content-type", b"application/json")

STREAM_HEADERS: tuple[Header, ...] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)


async def send_whole(send: Send, status: int, headers: Iterable[Header], body: bytes) -> None:
    """A whole response."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def send_start(send: Send, status: int, headers: Iterable[Header]) -> None:
    """The head of a response whose body comes piece by piece."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def send_piece(send: Send, piece: bytes) -> None:
    """A piece of a body, at once."""
    await send({"type": "http.response.body", "body": piece, "more_body": True})


async def send_end(send: Send) -> None:
    """The end of a body that came in pieces."""
    await send({"type": "http.response.body", "body": b""})


async def send_failure(send: Send, failure: bytes) -> None:
    """The end of a stream that broke off, perhaps in the middle of an event, which the blank line ends."""
    await send_piece(send, b"\n\n" + failure)
    await send_end(send)


@contextmanager
def ended_by_hang_up(receive: Receive) -> Iterator[None]:
    """Cancel what happens inside as soon as the client is gone. The request's body must have been read."""
    with anyio.CancelScope() as scope:
        watch = asyncio.ensure_future(receive())
        watch.add_done_callback(lambda _: scope.cancel())
        try:
            yield
        finally:
            watch.cancel()
