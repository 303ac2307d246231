"""A server that does what Ollama does when models are made, asked and deleted; what it says is scripted."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar


@dataclass(slots=True)
class Ollama:
    """What a server holds: the base model with its hash, files by digest, and what made each further model."""

    base: str
    base_sha256: str
    takes_adapters: bool
    url: str = ""
    blobs: dict[str, int] = field(default_factory=dict)
    made: dict[str, dict[str, Any]] = field(default_factory=dict)

    def show(self, model: str) -> tuple[int, dict[str, Any]]:
        if model != self.base and model not in self.made:
            return 404, {"error": f"model '{model}' not found"}
        return 200, {
            "modelfile": f"# Modelfile\nFROM /srv/blobs/sha256-{self.base_sha256}\nTEMPLATE x\n",
            "details": {},
        }

    def create(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if "adapters" in asked and not self.takes_adapters:
            return 400, {"error": "LoRA adapters are no longer supported"}
        named = {**asked.get("adapters", {}), **asked.get("files", {})}
        if not set(named.values()) <= set(self.blobs):
            return 400, {"error": "blob not found"}
        self.made[asked["model"]] = asked
        return 200, {"status": "success"}

    def delete(self, model: str) -> tuple[int, dict[str, Any]]:
        return (200, {}) if self.made.pop(model, None) else (404, {"error": f"model '{model}' not found"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ollama: ClassVar[Ollama]

    def do_HEAD(self) -> None:
        self._reply(200 if self.path.rpartition("/")[2] in self.ollama.blobs else 404, b"")

    def do_POST(self) -> None:
        content = self._read()
        if self.path.startswith("/api/blobs/"):
            self._keep(self.path.rpartition("/")[2], content)
        elif self.path == "/v1/chat/completions":
            self._say(json.loads(content))
        else:
            answer = (
                self.ollama.create if self.path == "/api/create" else lambda asked: self.ollama.show(asked["model"])
            )
            self._answer(answer(json.loads(content)))

    def do_DELETE(self) -> None:
        self._answer(self.ollama.delete(json.loads(self._read())["model"]))

    def _keep(self, digest: str, content: bytes) -> None:
        right = digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
        if right:
            self.ollama.blobs[digest] = len(content)
        self._reply(201 if right else 400, b"")

    def _say(self, asked: dict[str, Any]) -> None:
        status, shown = self.ollama.show(asked["model"])
        if status != 200:
            self._answer((status, shown))
            return
        choice = {"index": 0, "delta": {"content": "Yes."}, "finish_reason": "stop"}
        chunk = {"id": "1", "model": asked["model"], "choices": [choice]}
        self._reply(200, f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode(), "text/event-stream")

    def _answer(self, answer: tuple[int, dict[str, Any]]) -> None:
        self._reply(answer[0], json.dumps(answer[1]).encode())

    def _reply(self, status: int, body: bytes, content_type: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        content = b""
        while length := int(self.rfile.readline(), 16):
            content += self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def ollama_server(base: str, base_sha256: str, *, takes_adapters: bool) -> Iterator[Ollama]:
    """One that took adapters, as Ollama did before 0.34.1, or takes none."""
    ollama = Ollama(base, base_sha256, takes_adapters)
    handler = type("Handler", (_Handler,), {"ollama": ollama})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        ollama.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield ollama
        finally:
            server.shutdown()
            thread.join()
