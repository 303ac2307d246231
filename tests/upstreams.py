"""A vendor that says what it was told to say, byte by byte, and keeps what it was sent."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it came: the target with its query string, the names of headers in lower case."""

    target: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """What the body says."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered. A `streamed` body comes in chunks; one that `hangs` never ends, and one that `breaks` ends with
    the connection."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    streamed: bool = False
    hangs: bool = False
    breaks: bool = False

    def chunks(self, size: int = 97) -> Iterator[bytes]:
        """The body cut where it comes, in the middle of events and of letters."""
        yield from (self.body[start : start + size] for start in range(0, len(self.body), size))


def whole(body: bytes, status: int = 200, **headers: str) -> Reply:
    """An answer in one piece; `retry_after` names the header `retry-after`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(body, status, {"content-type": "application/json", **named})


def stream(body: bytes, *, hangs: bool = False, breaks: bool = False) -> Reply:
    """Server-sent events."""
    kind = {"content-type": "text/event-stream; charset=utf-8"}
    return Reply(body, headers=kind, streamed=True, hangs=hangs, breaks=breaks)


@dataclass(slots=True)
class Upstream:
    """A running vendor. `reply` is what it answers from now on."""

    url: str
    reply: Reply = field(default_factory=lambda: whole(b"{}"))
    sent: list[Sent] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)

    def wait_until_left(self) -> bool:
        """Whether the one who was left hanging goes away."""
        return self.left.wait(WAIT_S)


class _Handler(BaseHTTPRequestHandler):
    upstream: ClassVar[Upstream]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.upstream.sent.append(Sent(self.path, headers, body))
        self._answer(self.upstream.reply)

    def _answer(self, reply: Reply) -> None:
        self.send_response_only(reply.status, "As Told")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.streamed:
            self._stream(reply)
        else:
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

    def _stream(self, reply: Reply) -> None:
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for chunk in reply.chunks():
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        if reply.hangs:
            self._wait_until_left()
        elif reply.breaks:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _wait_until_left(self) -> None:
        self.close_connection = True
        self.connection.settimeout(WAIT_S)
        if not self.connection.recv(1):
            self.upstream.left.set()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def upstream() -> Iterator[Upstream]:
    """A vendor on a free port of this machine; its connections end with those who hold them."""
    running = Upstream("")
    handler = type("Handler", (_Handler,), {"upstream": running})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        running.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()
