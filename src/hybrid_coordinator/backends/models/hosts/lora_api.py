"""What a llama.cpp server says of its weights and of the adapters that it loaded when it started."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hybrid_coordinator.backends.models.hosts.json_api import JsonApi
from hybrid_coordinator.errors import ModelUnavailable


@dataclass(frozen=True, slots=True)
class LoadedAdapter:
    """An adapter in a server: its number there, its path as the server was told it, and the strength for everybody who
    does not ask for another."""

    id: int
    path: str
    scale: float


class LoraApi:
    """One server's."""

    def __init__(self, api: JsonApi) -> None:
        self._api = api

    async def weights_path(self) -> str:
        """Where the server's weights lie, as it was told."""
        properties = await self._api.get("/props")
        path = properties.get("model_path") if isinstance(properties, dict) else None
        if not isinstance(path, str) or not path:
            raise ModelUnavailable("the server does not say which weights it has: is it llama.cpp's?")
        return path

    async def adapters(self) -> tuple[LoadedAdapter, ...]:
        """Those it has, whatever their strength."""
        listed = await self._api.get("/lora-adapters")
        try:
            return tuple(LoadedAdapter(int(one["id"]), str(one["path"]), float(one["scale"])) for one in listed)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelUnavailable(f"a list of adapters is not as it should be: {listed!r:.200}") from error

    async def scale(self, scales: Sequence[Mapping[str, float]]) -> None:
        """Set what everybody gets who does not ask for another strength; in `wishes` form."""
        await self._api.post("/lora-adapters", list(scales))


def wishes(loaded: Sequence[LoadedAdapter], chosen: LoadedAdapter | None, scale: float) -> list[dict[str, float]]:
    """One adapter with a strength and the others without any. All are named: a list without any means the server's own
    strengths to llama.cpp, and not none."""
    return [{"id": one.id, "scale": scale if one == chosen else 0.0} for one in loaded]


def request_fields(loaded: Sequence[LoadedAdapter], chosen: LoadedAdapter | None, scale: float) -> dict[str, Any]:
    """What a request carries for that. llama.cpp keeps prompts it has read without noting under which adapter it read
    them (docs/lab.md), so where there are several ways to read one nothing of that is used."""
    return {"lora": wishes(loaded, chosen, scale), "cache_prompt": False} if loaded else {}


def restart_command(weights_path: str, adapters: Sequence[str]) -> str:
    """The command line that starts a server with these adapters, for a shell."""
    loras = [word for path in adapters for word in ("--lora", path)]
    return shlex.join(["llama-server", "-m", weights_path, *loras, "--lora-init-without-apply"])
