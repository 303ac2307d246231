"""A vendor that knows the invented platform: Chat Completions over HTTP, in this process."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

UNKNOWN = "I do not know."


@contextmanager
def serving_vendor(answers: Mapping[str, str]) -> Iterator[str]:
    """Answers by question: that of the first line of the last message. Gives the URL with its version."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            said = _answer(answers, _text(body["messages"][-1]["content"]))
            stream = bool(body.get("stream"))
            reply = _events(said) if stream else json.dumps(_whole(said)).encode()
            self.send_response(200)
            self.send_header("content-type", "text/event-stream" if stream else "application/json")
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)


def _answer(answers: Mapping[str, str], asked: str) -> str:
    """What follows the first line may hold other questions: passages of what was asked here before."""
    return answers.get(asked.partition("\n")[0].removeprefix("Query: "), UNKNOWN)


def _usage(said: str) -> dict[str, int]:
    return {"prompt_tokens": 40, "completion_tokens": len(said) // 4, "total_tokens": 40 + len(said) // 4}


def _whole(said: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
    return {"id": "c1", "object": "chat.completion", "model": "gpt-4o", "choices": [choice], "usage": _usage(said)}


def _events(said: str) -> bytes:
    def chunk(delta: dict[str, str], finish: str | None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        told = {"id": "c1", "object": "chat.completion.chunk", "model": "gpt-4o", "choices": [choice], **more}
        return b"data: " + json.dumps(told).encode() + b"\n\n"

    spoken = chunk({"role": "assistant", "content": said}, None)
    return spoken + chunk({}, "stop", usage=_usage(said)) + b"data: [DONE]\n\n"
