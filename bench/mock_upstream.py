"""A vendor that always gives the same answer: `python -m bench.mock_upstream [--port N]`, a process of its own.

It speaks Chat Completions, Messages and Responses, whole and streamed, lists its models, and prints where it listens.
A stream comes at once, unless the request holds the word `slowly`: then it keeps a model's pace. `GET /seen` tells how
many questions came and shows the last of them, newest last.
"""

import argparse
import asyncio
import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any

from bench.gateway_answers import WIRES, Bursts, models

MODELS = ("gpt-4o", "claude-sonnet-5")
SLOWLY = b"slowly"
KEPT = 32
"""How many of the last requests are shown."""

_JSON = "Content-Type: application/json\r\nContent-Length: {}\r\n"
_STREAM = "Content-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n"


@dataclass(frozen=True, slots=True)
class Pace:
    """How a slow stream is spoken."""

    first_word_s: float
    next_word_s: float


@dataclass(frozen=True, slots=True)
class Request:
    """One request, with the names of its headers in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Seen:
    """What was asked so far."""

    count: int = 0
    last: deque[Request] = field(default_factory=lambda: deque(maxlen=KEPT))

    def note(self, request: Request) -> None:
        self.count += 1
        self.last.append(request)

    def tell(self) -> dict[str, Any]:
        shown = [asdict(request) | {"body": request.body.decode(errors="replace")} for request in self.last]
        return {"count": self.count, "last": shown}


class Connection(asyncio.Protocol):
    """One client: its requests are answered one after the other, on a connection that stays open."""

    def __init__(self, seen: Seen, pace: Pace) -> None:
        self._seen = seen
        self._pace = pace
        self._pending = bytearray()
        self._speaking: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._pending += data
        self._answer_pending()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._speaking is not None:
            self._speaking.cancel()

    def _answer_pending(self) -> None:
        while self._speaking is None and (request := take_request(self._pending)) is not None:
            self._answer(request)
            if self._speaking is None:
                self._end(request)

    def _answer(self, request: Request) -> None:
        if request.path == "/seen":
            self._send_json(self._seen.tell())
        elif request.path == "/v1/models":
            self._send_json(models(MODELS))
        elif request.method == "POST" and request.path in WIRES:
            self._seen.note(request)
            self._answer_question(request)
        else:
            self._send_error(HTTPStatus.NOT_FOUND, f"nothing is at {request.method} {request.path}")

    def _answer_question(self, request: Request) -> None:
        try:
            body = json.loads(request.body)
        except ValueError:
            self._send_error(HTTPStatus.BAD_REQUEST, "the body is not JSON")
            return
        wire = WIRES[request.path]
        if not body.get("stream"):
            self._send_json(wire.whole(body))
        elif SLOWLY in request.body:
            self._speaking = asyncio.create_task(self._speak(wire.stream(body), request))
        else:
            self._transport.write(_head(HTTPStatus.OK, _STREAM) + b"".join(_chunks(wire.stream(body))))

    async def _speak(self, bursts: Bursts, request: Request) -> None:
        await asyncio.sleep(self._pace.first_word_s)
        first, *rest = _chunks(bursts)
        self._transport.write(_head(HTTPStatus.OK, _STREAM) + first)
        for chunk in rest:
            await asyncio.sleep(self._pace.next_word_s)
            self._transport.write(chunk)
        self._speaking = None
        self._end(request)
        self._answer_pending()

    def _end(self, request: Request) -> None:
        if request.headers.get("connection", "").lower() == "close":
            self._transport.close()

    def _send_json(self, body: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        content = json.dumps(body, separators=(",", ":")).encode()
        self._transport.write(_head(status, _JSON.format(len(content))) + content)

    def _send_error(self, status: HTTPStatus, message: str) -> None:
        self._send_json({"type": "error", "error": {"type": "invalid_request_error", "message": message}}, status)


def take_request(pending: bytearray) -> Request | None:
    """Take the first request off what came, or None while it is not whole. A body must come with its length."""
    end = pending.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = pending[:end].decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    start = end + 4
    whole = start + int(headers.get("content-length", 0))
    if len(pending) < whole:
        return None
    method, target, _ = first.split(" ")
    request = Request(method, target.partition("?")[0], headers, bytes(pending[start:whole]))
    del pending[:whole]
    return request


def _head(status: HTTPStatus, headers: str) -> bytes:
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n{headers}\r\n".encode()


def _chunks(bursts: Bursts) -> Iterator[bytes]:
    """Each burst as a chunk of the transfer encoding; the end mark comes with the last."""
    for burst in bursts[:-1]:
        yield _chunk(burst)
    yield _chunk(bursts[-1]) + b"0\r\n\r\n"


def _chunk(burst: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(burst), burst)


async def serve(port: int, pace: Pace) -> None:
    """Listen on 127.0.0.1 until the process ends."""
    seen = Seen()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(seen, pace), "127.0.0.1", port, backlog=1024)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.mock_upstream", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0, the default: any free one")
    parser.add_argument("--first-word-s", type=float, default=0.050, help="of a slow stream (default: %(default)s)")
    parser.add_argument("--next-word-s", type=float, default=0.010, help="of a slow stream (default: %(default)s)")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.port, Pace(arguments.first_word_s, arguments.next_word_s)))


if __name__ == "__main__":
    main()
