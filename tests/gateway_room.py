"""What the tests of the gateway share: servers in front of vendors, requests, answers and the record."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from hybrid_coordinator.backends.models.llamacpp_process import Access
from running import RunningServer, serving, wait_until

GOLDEN = Path(__file__).parent / "unit" / "wire" / "golden"

PATHS: Mapping[str, str] = {
    "anthropic": "/v1/messages",
    "openai-chat": "/v1/chat/completions",
    "openai-responses": "/v1/responses",
}
OWN_MODELS: Mapping[str, str] = {
    "anthropic": "claude-opus-5-5",
    "openai-chat": "gpt-4o",
    "openai-responses": "gpt-5.2-codex",
}

ANTHROPIC_KEY = "key-for-anthropic"
OPENAI_KEY = "key-for-openai"

CERTAIN: Mapping[str, str] = {
    "HYBRID_HOLDOUT_SHARE": "0",
    "HYBRID_ROUTER_EXPLORATION": "0",
    "HYBRID_LOCAL_THREADS": "1",  # two that wait for each other crawl where another program has a core
}
"""Nothing is left to chance."""

AWAY: Mapping[str, str] = {"LOCAL_CONFIDENCE_THRESHOLD": "1"}
"""Home is never sure enough."""

AT_HOME: Mapping[str, str] = {"LOCAL_CONFIDENCE_THRESHOLD": "0"}
"""Home suffices as soon as anything is known."""


def anthropic_at(address: str, key: str = ANTHROPIC_KEY) -> dict[str, str]:
    """The settings that put Anthropic there."""
    return {"HYBRID_ANTHROPIC_URL": address, "ANTHROPIC_API_KEY": key}


def openai_at(address: str, key: str = OPENAI_KEY) -> dict[str, str]:
    """The settings that put OpenAI there."""
    return {"HYBRID_OPENAI_URL": address, "OPENAI_API_KEY": key}


def both_at(access: Access) -> dict[str, str]:
    """The settings that put both vendors behind a real engine."""
    return anthropic_at(access.address, access.key) | openai_at(access.address, access.key)


@contextmanager
def gateway(data_dir: Path, *changes: Mapping[str, str]) -> Iterator[RunningServer]:
    """A server that leaves nothing to chance; later changes win."""
    chosen = dict(CERTAIN)
    for change in changes:
        chosen |= change
    with serving(data_dir, **chosen) as running:
        yield running


@contextmanager
def asking(server: RunningServer, key: str = "") -> Iterator[httpx2.Client]:
    """A client that sends what it is told to and nothing else."""
    headers = {"x-api-key": key} if key else {}
    with httpx2.Client(base_url=server.url, timeout=120, trust_env=False, headers=headers) as client:
        yield client


def index(server: RunningServer, folder: Path, page: str) -> None:
    """Let a server know a page."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "faq.md").write_text(page)
    with asking(server) as client:
        client.post("/api/index", json={"paths": [str(folder)]}).raise_for_status()


def golden(name: str) -> bytes:
    """A file of what goes over the wire."""
    return (GOLDEN / name).read_bytes()


def rich_answer(wire: str, *, streaming: bool) -> bytes:
    """Thoughts, text with an emoji, two tool calls, and usage: 31 tokens read (15 from a prompt cache, 2 into it), 7
    written."""
    return golden(f"{wire.replace('-', '_')}_tools_answer.{'sse' if streaming else 'json'}")


def question(wire: str, text: str, **fields: Any) -> dict[str, Any]:
    """The shortest request of a format."""
    if wire == "openai-responses":
        return {"model": "auto", "input": text, **fields}
    length = {"max_tokens": 64} if wire == "anthropic" else {}
    return {"model": "auto", "messages": [{"role": "user", "content": text}], **length, **fields}


def said(wire: str, body: Mapping[str, Any]) -> str:
    """The words of a whole answer."""
    match wire:
        case "anthropic":
            return "".join(block["text"] for block in body["content"] if block["type"] == "text")
        case "openai-chat":
            return str(body["choices"][0]["message"]["content"])
        case _:
            parts = [part for item in body["output"] for part in item.get("content", [])]
            return "".join(part["text"] for part in parts)


def plain_answer(wire: str, text: str) -> bytes:
    """A whole answer in words, as the format's vendor gives it."""
    match wire:
        case "anthropic":
            told: dict[str, Any] = {"type": "message", "role": "assistant", "id": "msg_1", "stop_sequence": None}
            told |= {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}
            told |= {"usage": {"input_tokens": 9, "output_tokens": 4}}
        case "openai-chat":
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            told = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "choices": [choice]}
            told |= {"usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}}
        case _:
            part = {"type": "output_text", "text": text, "annotations": []}
            item = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]}
            told = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "output": [item]}
            told |= {"usage": {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}}
    return json.dumps({**told, "model": "the-vendors-name"}).encode()


def events(body: bytes) -> list[dict[str, Any]]:
    """The JSON of each server-sent event, in order; the end mark of a Chat stream is left out."""
    lines = [line.removeprefix("data: ") for line in body.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def read_ledger(server: RunningServer, statement: str, key: str = "") -> list[dict[str, Any]]:
    """The rows of a statement over the documented views."""
    with asking(server, key) as client:
        asked = {"query": statement, "mode": "sql", "limit": 50}
        table = client.post("/api/route_query", json=asked).raise_for_status().json()
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]


def recorded(server: RunningServer, response: httpx2.Response, key: str = "") -> dict[str, Any]:
    """The row of the interaction that a response names; it is written right after the answer's last byte."""
    name = response.headers["x-coordinator-interaction-id"]
    statement = f"SELECT * FROM interactions WHERE id = '{name}'"
    [row] = wait_until(lambda: read_ledger(server, statement, key))
    return dict(row)


def newest(server: RunningServer, statement: str, key: str = "") -> dict[str, Any]:
    """The first row of a statement, once there is one."""
    return dict(wait_until(lambda: read_ledger(server, statement, key))[0])
