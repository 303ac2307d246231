"""Streaming an answer over HTTP, with a limit on every wait."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import anyio
import httpx2

from hybrid_coordinator.backends.http import (
    Endpoint,
    check_status,
    excerpt,
    json_bytes,
    read_start,
    translated,
    waiting_until,
)
from hybrid_coordinator.domain.query import Finished, Spoken
from hybrid_coordinator.wire.sse import ServerEvent, SseDecoder

EVENT_STREAM = "text/event-stream"

PING = "ping"
"""The name of Anthropic's event that only keeps a connection open; others send comments."""

END_GRACE_S = 0.5
"""After the last event the connection is worth this much waiting: read to its end, it can be used again."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a model is waited for, in seconds. Pings keep no wait alive: only what it says does, told or still on
    its way, such as a thought or a call that is not whole yet."""

    connect_s: float = 5.0
    first_word_s: float = 120.0
    next_word_s: float = 30.0
    whole_answer_s: float = 600.0


class AnswerReader(Protocol):
    """Reads the events of one answer."""

    def read(self, event: ServerEvent) -> list[Spoken]: ...

    def end(self) -> Finished: ...


@dataclass(frozen=True, slots=True)
class _Wait:
    """Until when the next piece is waited for, on the event loop's clock, and what is said when it does not come."""

    until: float
    complaint: str


class StreamingApi:
    """One vendor's API, as the models speak to it. The client is this API's own: closing the one closes the other."""

    def __init__(
        self, endpoint: Endpoint, headers: Mapping[bytes, bytes], client: httpx2.AsyncClient, patience: Patience
    ) -> None:
        self._endpoint = endpoint
        self._headers = dict(headers)
        self._client = client
        self._patience = patience
        self._timeout = httpx2.Timeout(None, connect=patience.connect_s)

    async def stream(self, path: str, body: Mapping[str, Any], reader: AnswerReader) -> AsyncGenerator[Spoken, None]:
        """The pieces of one answer. Raises ModelUnavailable for anything that is not a whole one."""
        last = _Wait(
            anyio.current_time() + self._patience.whole_answer_s,
            f"was not done after {self._patience.whole_answer_s:g} s: ask for a shorter answer or try again",
        )
        wait = self._next_wait(self._patience.first_word_s, "no first word", last)
        response = await self._open(path, body, wait)
        said = False
        async with aclosing(response), aclosing(_read_pieces(response, reader)) as pieces:
            while True:
                piece = await self._next_piece(pieces, wait)
                if piece is not None:
                    said = True
                    yield piece
                if isinstance(piece, Finished):
                    await _let_end(pieces)
                    return
                wait = self._renew(said, last)

    async def check(self) -> None:
        """Raise ModelUnavailable unless the API answers and takes the key."""
        wait = self._next_wait(self._patience.connect_s, "no answer")
        with waiting_until(wait.until, self._endpoint, wait.complaint), translated(self._endpoint):
            request = self._client.build_request(
                "GET", self._endpoint.url("/models"), headers=self._headers, timeout=self._timeout
            )
            async with aclosing(await self._client.send(request, stream=True)) as response:
                await check_status(response, self._endpoint)

    async def aclose(self) -> None:
        await self._client.aclose()

    def _renew(self, said: bool, last: _Wait) -> _Wait:
        if said:
            return self._next_wait(self._patience.next_word_s, "no further word", last)
        return self._next_wait(self._patience.first_word_s, "no first word", last)

    def _next_wait(self, seconds: float, missing: str, last: _Wait | None = None) -> _Wait:
        wait = _Wait(anyio.current_time() + seconds, f"gave {missing} for {seconds:g} s: try again later")
        return last if last and last.until < wait.until else wait

    async def _open(self, path: str, body: Mapping[str, Any], wait: _Wait) -> httpx2.Response:
        with waiting_until(wait.until, self._endpoint, wait.complaint), translated(self._endpoint):
            request = self._client.build_request(
                "POST",
                self._endpoint.url(path),
                content=json_bytes(body),
                headers=self._headers | {b"Content-Type": b"application/json", b"Accept": EVENT_STREAM.encode()},
                timeout=self._timeout,
            )
            response = await self._send(request)
            try:
                await check_status(response, self._endpoint)
                await self._check_type(response)
            except BaseException:  # a cancelled wait, too, must not leave the connection open
                await response.aclose()
                raise
            return response

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        """llama.cpp now and then closes a kept connection just as a request is on its way, and has never seen it."""
        try:
            return await self._client.send(request, stream=True)
        except httpx2.RemoteProtocolError:
            return await self._client.send(request, stream=True)

    async def _check_type(self, response: httpx2.Response) -> None:
        sent = response.headers.get("content-type", EVENT_STREAM)
        if not sent.lower().startswith(EVENT_STREAM):
            said = excerpt(await read_start(response))
            raise self._endpoint.unavailable(f"sent {sent!r} where an event stream was due: {said}; check its URL")

    async def _next_piece(self, pieces: AsyncGenerator[Spoken | None, None], wait: _Wait) -> Spoken | None:
        with waiting_until(wait.until, self._endpoint, wait.complaint), translated(self._endpoint):
            return await anext(pieces)


async def _read_pieces(response: httpx2.Response, reader: AnswerReader) -> AsyncGenerator[Spoken | None, None]:
    """What is said; None for an event that only brings it nearer."""
    decoder = SseDecoder()
    async with aclosing(response.aiter_bytes()) as chunks:
        async for chunk in chunks:
            for event in decoder.feed(chunk):
                pieces = reader.read(event)
                for piece in pieces:
                    yield piece
                if pieces and isinstance(pieces[-1], Finished):
                    async for _ in chunks:
                        pass
                    return
                if not pieces and event.name != PING:
                    yield None
    yield reader.end()


async def _let_end(pieces: AsyncGenerator[Spoken | None, None]) -> None:
    with anyio.move_on_after(END_GRACE_S), suppress(httpx2.HTTPError):
        await anext(pieces, None)
