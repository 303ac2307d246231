"""What a llama.cpp server says of the chat template it loaded."""

import json
import re
from http import HTTPStatus

import anyio
import httpx2

from hybrid_coordinator.backends.http import Endpoint, translated, waiting_until
from hybrid_coordinator.wire.json_events import member

_VERSION_AT_END = re.compile(r"/v\d+[a-z0-9]*/?$")


class ChatTemplate:
    """Asked once and remembered, until it is forgotten: another model may be loaded behind the same address."""

    def __init__(self, endpoint: Endpoint, client: httpx2.AsyncClient, wait_s: float) -> None:
        self._endpoint = endpoint
        self._url = _VERSION_AT_END.sub("", endpoint.base_url.rstrip("/")) + "/props"
        self._client = client
        self._wait_s = wait_s
        self._knows_tools: bool | None = None

    async def knows_tools(self) -> bool:
        """False when the server says so; one that cannot say, because it is no llama.cpp, is trusted to know them.

        Raises ModelUnavailable when it does not answer at all.
        """
        if self._knows_tools is None:
            until = anyio.current_time() + self._wait_s
            complaint = f"did not tell its chat template within {self._wait_s:g} s: try again later"
            with waiting_until(until, self._endpoint, complaint), translated(self._endpoint):
                response = await self._fetch()
            self._knows_tools = response.status_code != HTTPStatus.OK or _tells_tools(response.content)
        return self._knows_tools

    def forget(self) -> None:
        """Ask again next time."""
        self._knows_tools = None

    async def _fetch(self) -> httpx2.Response:
        try:
            return await self._get()
        except httpx2.RemoteProtocolError:  # it had closed the connection that was kept; a new one will do
            return await self._get()

    async def _get(self) -> httpx2.Response:
        return await self._client.get(self._url, headers=self._endpoint.bearer(), timeout=None)


def _tells_tools(content: bytes) -> bool:
    try:
        properties = json.loads(content)
    except (ValueError, RecursionError):
        return True
    abilities = member(properties, "chat_template_caps") if isinstance(properties, dict) else {}
    return abilities.get("supports_tools") is not False
