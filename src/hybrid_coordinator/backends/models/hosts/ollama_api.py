"""What Ollama offers for making models: https://github.com/ollama/ollama/blob/main/docs/api.md."""

import re
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import anyio

from hybrid_coordinator.backends.http import json_bytes
from hybrid_coordinator.backends.models.hosts.json_api import JsonApi
from hybrid_coordinator.errors import ModelRefused, ModelUnavailable

CHUNK = 1 << 20

_WEIGHTS = re.compile(r"^FROM (.*sha256[-:]([0-9a-f]{64}))\s*$", re.MULTILINE)


class OllamaApi:
    """One server's. Sending and making take as long as `work_s`."""

    def __init__(self, api: JsonApi, work_s: float) -> None:
        self._api = api
        self._work_s = work_s

    async def weights(self, model: str) -> tuple[str, str]:
        """The file of a model's weights, as the server sees it, and its sha256. Raises ModelRefused without such a
        model."""
        shown = await self._api.post("/api/show", {"model": model})
        found = _WEIGHTS.search(str(shown.get("modelfile"))) if isinstance(shown, dict) else None
        if found is None:
            raise ModelUnavailable(f"Ollama does not say which weights {model!r} has: update it")
        return found[1], found[2]

    async def has(self, model: str) -> bool:
        """Whether there is a model of this name."""
        try:
            await self._api.post("/api/show", {"model": model})
        except ModelRefused:
            return False
        return True

    async def put(self, file: Path, sha256: str) -> str:
        """Bring a file there unless it is; its digest."""
        digest = f"sha256:{sha256}"
        try:
            await self._api.send("HEAD", f"/api/blobs/{digest}")
        except ModelRefused:
            await self._api.send("POST", f"/api/blobs/{digest}", _chunks(file), wait_s=self._work_s)
        return digest

    async def make(self, model: str, of: Mapping[str, Any]) -> None:
        """Make a model, in place of one of that name. Raises ModelRefused for what it will never take."""
        told = await self._api.post("/api/create", {"model": model, "stream": False, **of}, wait_s=self._work_s)
        if not isinstance(told, dict) or told.get("status") != "success":
            raise ModelUnavailable(f"Ollama did not make {model!r}: {told!r:.200}; try again")

    async def delete(self, model: str) -> None:
        """One that is not there is passed over."""
        try:
            await self._api.send("DELETE", "/api/delete", json_bytes({"model": model}))
        except ModelRefused:
            if await self.has(model):
                raise


async def _chunks(file: Path) -> AsyncGenerator[bytes, None]:
    async with await anyio.open_file(file, "rb") as source:
        while chunk := await source.read(CHUNK):
            yield chunk
