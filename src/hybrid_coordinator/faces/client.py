"""One way in for the CLI and the library: the running server when there is one, else the data folder itself."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import httpx2

from hybrid_coordinator.errors import Unavailable
from hybrid_coordinator.faces.bridge import SERVER_FILE
from hybrid_coordinator.faces.failures import error_from
from hybrid_coordinator.quick_imports import quick_imports
from hybrid_coordinator.settings import Settings

PROBE_S = 2.0
JSON = {"Content-Type": "application/json"}


class Client(Protocol):
    """What a command needs of the coordinator, wherever it runs. Errors are the same both ways."""

    @property
    def is_server(self) -> bool:
        """Whether it goes on when this command has ended."""

    async def call(self, operation: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Run an operation of the table."""

    def ask(self, fields: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """The events of an answer."""

    def index(self, paths: list[str]) -> AsyncGenerator[dict[str, Any], None]:
        """The events of an index run over absolute paths."""

    def import_answers(self, path: str, *, untrusted: bool = False) -> AsyncGenerator[dict[str, Any], None]:
        """The events of an import of a file of questions and answers."""

    def learn(self, fields: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """The events of a round of learning."""

    def fill_gap(self, fields: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """The events of filling a gap."""

    def train(self, fields: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """The events of a training run, to the decision."""

    def measure_version(self, fields: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """The events of a measurement, to the decision."""


class ServerClient:
    """Asks a running server."""

    is_server = True

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def call(self, operation: str, fields: dict[str, Any]) -> dict[str, Any]:
        response = await self._http.post(f"/api/{operation}", content=_ascii_json(fields), headers=JSON)
        body: dict[str, Any] = response.json()
        if response.is_error:
            raise error_from(body)
        return body

    def ask(self, fields: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        return self._stream("/api/ask", fields)

    def index(self, paths: list[str]) -> AsyncGenerator[dict[str, Any], None]:
        return self._stream("/api/index", {"paths": paths})

    def import_answers(self, path: str, *, untrusted: bool = False) -> AsyncGenerator[dict[str, Any], None]:
        return self._stream("/api/import", {"path": path, "untrusted": untrusted})

    def learn(self, fields: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        return self._stream("/api/learn", fields)

    def fill_gap(self, fields: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        return self._stream("/api/fill_gap", fields)

    def train(self, fields: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        return self._stream("/api/train", fields)

    def measure_version(self, fields: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        return self._stream("/api/measure", fields)

    async def _stream(self, path: str, fields: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        headers = JSON | {"Accept": "application/x-ndjson"}
        async with self._http.stream("POST", path, content=_ascii_json(fields), headers=headers) as response:
            if response.is_error:
                raise error_from(json.loads(await response.aread()))
            async for line in response.aiter_lines():
                event = json.loads(line)
                if event["event"] == "error":
                    raise error_from(event)
                yield event


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[Client]:
    """The running server of this data folder, or the house itself, opened for as long as this lasts."""
    url = await find_server(settings)
    if url is None:
        with quick_imports():
            from hybrid_coordinator.faces.house_client import open_house_client  # takes a second

        async with open_house_client(settings) as client:
            yield client
        return
    async with _http(settings, url) as http:
        try:
            yield ServerClient(http)
        except httpx2.HTTPError as error:
            raise Unavailable(f"the server at {url} broke off ({error}); is it still running? try again") from error


def _ascii_json(fields: dict[str, Any]) -> bytes:
    """Escapes what is not ASCII, so that even a file name that is not UTF-8 arrives as it is."""
    return json.dumps(fields).encode()


def _http(settings: Settings, url: str) -> httpx2.AsyncClient:
    key = settings.server.api_key.reveal
    headers = {"X-API-Key": key} if key else {}
    return httpx2.AsyncClient(base_url=url, headers=headers, timeout=None, trust_env=False)


async def find_server(settings: Settings) -> str | None:
    """The URL of the live server that owns this data folder, or None.

    The file may be left over from a killed server, and its port be another's by now: only who answers with the file's
    own instance is ours. The key is not sent before that is known.
    """
    try:
        told = json.loads((settings.data_dir / SERVER_FILE).read_bytes())
        url, instance = str(told["url"]), told["instance"]
        async with httpx2.AsyncClient(timeout=PROBE_S, trust_env=False) as http:
            answer = (await http.get(f"{url}/health")).json()
            return url if answer["instance"] == instance else None
    except (OSError, ValueError, KeyError, TypeError, httpx2.HTTPError, httpx2.InvalidURL):
        return None
