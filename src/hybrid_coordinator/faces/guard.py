"""Who may come in: the key, the host, the origin and the size of a request."""

import hmac
from collections.abc import Callable, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hybrid_coordinator.errors import BadInput, CoordinatorError, Unauthorized
from hybrid_coordinator.settings import ServerSettings, is_loopback

MAX_BODY = 8 * 1024 * 1024

MAX_GATEWAY_BODY = 32 * 1024 * 1024
"""What Anthropic's API takes at most: a gateway that refused less would not be one."""

OPEN_PATHS = frozenset({"/health"})
"""Answered without the key, so that a supervisor can ask; what they say then holds no details."""

GATEWAY_ROOT = "/v1/"


def is_gateway_path(path: str) -> bool:
    """Whether OpenAI's or Anthropic's clients ask here."""
    return path.startswith(GATEWAY_ROOT)


Refuse = Callable[[Scope, CoordinatorError, int], ASGIApp]
"""Makes the response that tells an error with a status."""


class Guard:
    """Stands before every route, the gateway and MCP included.

    A request that may come in has the name of its key in the scope, as `coordinator.asker`: empty for HYBRID_API_KEY
    and where no key is demanded, None where one is missing. `coordinator.keyed` says whether keys are demanded.
    """

    def __init__(self, app: ASGIApp, *, server: ServerSettings, refuse: Refuse) -> None:
        self._app = app
        self._refuse = refuse
        self._keys = {name: key.reveal for name, key in server.keys.items()}
        self._local_only = is_loopback(server.host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        scope["coordinator.asker"] = find_asker(headers, self._keys)
        scope["coordinator.keyed"] = bool(self._keys)
        limit = MAX_GATEWAY_BODY if is_gateway_path(scope["path"]) else MAX_BODY
        refusal = self._find_fault(scope, headers, limit)
        if refusal is not None:
            error, status = refusal
            await self._refuse(scope, error, status)(scope, receive, send)
            return
        await self._app(scope, _bounded(receive, limit), send)

    def _find_fault(self, scope: Scope, headers: Headers, limit: int) -> tuple[CoordinatorError, int] | None:
        if self._local_only and not _from_here(headers):
            why = "requests from other hosts and pages are refused: this server answers this machine only"
            return BadInput(why), 403
        if scope["coordinator.asker"] is None and scope["path"] not in OPEN_PATHS:
            return Unauthorized("a key is demanded: send HYBRID_API_KEY as X-API-Key or Authorization: Bearer"), 401
        if scope["coordinator.asker"] and not is_gateway_path(scope["path"]) and scope["path"] not in OPEN_PATHS:
            named = scope["coordinator.asker"]
            return Unauthorized(f"the key of {named!r} is for /v1 only; what is kept here is its owner's to see"), 403
        length = headers.get("content-length") or "0"
        if not length.isdecimal() or int(length) > limit:
            return too_large(limit), 413
        return None


def find_asker(headers: Headers, keys: Mapping[str, str]) -> str | None:
    """The name of the key that a request carries, compared in constant time; "" where no key is demanded."""
    if not keys:
        return ""
    sent = sent_key(headers).encode()
    found = [name for name, key in keys.items() if hmac.compare_digest(sent, key.encode())]
    return found[0] if found else None


def sent_key(headers: Headers) -> str:
    """The key in a request's X-API-Key or Authorization header, else an empty text."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return headers.get("x-api-key") or (token if scheme.lower() == "bearer" else "")


def _from_here(headers: Headers) -> bool:
    """Host and Origin name this machine: what a page elsewhere, or a rebound name, cannot fake."""
    return _is_here(f"//{headers.get('host', 'localhost')}") and _is_here(headers.get("origin", "http://localhost"))


@lru_cache(maxsize=256)
def _is_here(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def too_large(limit: int) -> BadInput:
    """The error of a body over the limit, in bytes."""
    return BadInput(f"the request is larger than {limit // 1024 // 1024} MB; send less")


class BodyTooLarge(Exception):
    """A body without a length went over the limit while it was read."""


def _bounded(receive: Receive, limit: int) -> Receive:
    seen = 0

    async def receive_bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise BodyTooLarge
        return message

    return receive_bounded
