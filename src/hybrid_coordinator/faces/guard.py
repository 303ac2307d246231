"""Who may come in: the key, the host, the origin and the size of a request."""

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hybrid_coordinator.errors import BadInput, Unauthorized
from hybrid_coordinator.faces.failures import error_body
from hybrid_coordinator.settings import Secret, is_loopback

MAX_BODY = 8 * 1024 * 1024

OPEN_PATHS = frozenset({"/health"})
"""Answered without the key, so that a supervisor can ask; what they say then holds no details."""


class Guard:
    """Stands before every route, MCP included."""

    def __init__(self, app: ASGIApp, *, api_key: Secret, host: str) -> None:
        self._app = app
        self._api_key = api_key
        self._local_only = is_loopback(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        scope["coordinator.key_ok"] = key_fits(headers, self._api_key)
        refusal = self._refuse(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._app(scope, _bounded(receive), send)

    def _refuse(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        if self._local_only and not _from_here(headers):
            refused = BadInput("requests from other hosts and pages are refused: this server answers this machine only")
            return JSONResponse(error_body(refused), 403)
        if not scope["coordinator.key_ok"] and scope["path"] not in OPEN_PATHS:
            missing = Unauthorized("a key is demanded: send HYBRID_API_KEY as X-API-Key or Authorization: Bearer")
            return JSONResponse(error_body(missing), 401, {"WWW-Authenticate": "Bearer"})
        if int(headers.get("content-length") or 0) > MAX_BODY:
            return JSONResponse(error_body(too_large()), 413)
        return None


def key_fits(headers: Headers, api_key: Secret) -> bool:
    """Whether the request carries the key, compared in constant time; without a key set every request does."""
    if not api_key:
        return True
    scheme, _, token = headers.get("authorization", "").partition(" ")
    sent = headers.get("x-api-key") or (token if scheme.lower() == "bearer" else "")
    return hmac.compare_digest(sent.encode(), api_key.reveal.encode())


def _from_here(headers: Headers) -> bool:
    """Host and Origin name this machine: what a page elsewhere, or a rebound name, cannot fake."""
    try:
        host = urlsplit(f"//{headers.get('host', 'localhost')}").hostname or ""
        origin = urlsplit(headers.get("origin", "http://localhost")).hostname or ""
    except ValueError:
        return False
    return is_loopback(host) and is_loopback(origin)


def too_large() -> BadInput:
    """The error of a body over the limit."""
    return BadInput(f"the request is larger than {MAX_BODY // 1024 // 1024} MB; send less")


class BodyTooLarge(Exception):
    """A body without a length went over the limit while it was read."""


def _bounded(receive: Receive) -> Receive:
    seen = 0

    async def receive_bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY:
            raise BodyTooLarge
        return message

    return receive_bounded
