"""What a server offers beside its `/v1`: JSON there and back, each within its time."""

import json
import re
from collections.abc import AsyncIterable, Mapping
from contextlib import aclosing
from typing import Any

import anyio
import httpx2

from hybrid_coordinator.backends.http import Endpoint, check_status, json_bytes, translated, waiting_until

_VERSION_AT_END = re.compile(r"/v\d+[a-z0-9]*/?$")

JSON_CONTENT = {b"Content-Type": b"application/json"}

Content = bytes | AsyncIterable[bytes] | None


class JsonApi:
    """One server's. Raises ModelUnavailable for what may pass, ModelRefused for a request that it will not take."""

    def __init__(self, endpoint: Endpoint, client: httpx2.AsyncClient, wait_s: float) -> None:
        self._endpoint = endpoint
        self._root = _VERSION_AT_END.sub("", endpoint.base_url.rstrip("/"))
        self._client = client
        self._wait_s = wait_s

    async def get(self, path: str) -> Any:
        return self._read(await self.send("GET", path))

    async def post(self, path: str, body: Any, *, wait_s: float | None = None) -> Any:
        content = json_bytes(body) if isinstance(body, Mapping) else json.dumps(body).encode()
        return self._read(await self.send("POST", path, content, wait_s=wait_s))

    async def send(self, method: str, path: str, content: Content = None, *, wait_s: float | None = None) -> bytes:
        """A request with any content, and what came back."""
        seconds = wait_s or self._wait_s
        until = anyio.current_time() + seconds
        complaint = f"did not answer {path!r} within {seconds:g} s: try again later"
        with waiting_until(until, self._endpoint, complaint), translated(self._endpoint):
            try:
                return await self._send(method, path, content)
            except (
                httpx2.RemoteProtocolError,
                httpx2.ReadError,
            ):  # it had closed the connection that was kept; a new one will do
                if method != "GET":
                    raise
                return await self._send(method, path, content)

    async def _send(self, method: str, path: str, content: Content) -> bytes:
        headers = self._endpoint.bearer() | JSON_CONTENT
        request = self._client.build_request(method, self._root + path, content=content, headers=headers, timeout=None)
        async with aclosing(await self._client.send(request, stream=True)) as response:
            await check_status(response, self._endpoint)
            return await response.aread()

    def _read(self, content: bytes) -> Any:
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise self._endpoint.unavailable("answered with something that is no JSON: check its URL") from error
