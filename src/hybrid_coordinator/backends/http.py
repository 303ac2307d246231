"""What all HTTP APIs of models share: an address and a key, and the ways in which they fail."""

import json
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any

import anyio
import httpx2

from hybrid_coordinator.errors import ModelRefused, ModelUnavailable
from hybrid_coordinator.wire.json_events import text_of
from hybrid_coordinator.wire.retry_after import retry_after_s
from hybrid_coordinator.wire.sse import WireError

EXCERPT_BYTES = 4096
EXCERPT_CHARACTERS = 300

_VERSION_SEGMENT = re.compile(r"/v\d+[a-z0-9]*(/|$)")
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_ADVICE: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "check its API key",
    HTTPStatus.PAYMENT_REQUIRED: "check the account behind its API key",
    HTTPStatus.FORBIDDEN: "check what its API key may do",
    HTTPStatus.NOT_FOUND: "check its URL and the model's name",
    HTTPStatus.TOO_MANY_REQUESTS: "try later or choose another model",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An API and the key to it. `name` is what messages call the thing behind it, such as `model 'qwen3'`."""

    name: str
    base_url: str
    key: str = field(default="", repr=False)

    def url(self, path: str) -> str:
        """The URL of an operation; `/v1` is put in unless the base URL names a version."""
        root = self.base_url.rstrip("/")
        return f"{root}{'' if _VERSION_SEGMENT.search(root) else '/v1'}{path}"

    def bearer(self) -> dict[bytes, bytes]:
        """The header that carries the key; nothing without one."""
        return {b"Authorization": b"Bearer " + self.key.encode()} if self.key else {}

    def unavailable(self, what: str, *, retry_after_s: float | None = None) -> ModelUnavailable:
        return ModelUnavailable(self._message(what), retry_after_s=retry_after_s)

    def refused(self, what: str) -> ModelRefused:
        return ModelRefused(self._message(what))

    def _message(self, what: str) -> str:
        """Never shows the key, nor a password that stands in the URL, whoever quoted it."""
        where = re.sub(r"//[^/@]*@", "//", self.base_url)
        return f"{self.name} at {where!r} {what.replace(self.key, '***') if self.key else what}"


KEPT_S = 2.0
"""How long an idle connection is kept. llama.cpp closes one after five seconds, and a request that is sent just then is
lost: we close it first."""


def open_client(*, trust_env: bool) -> httpx2.AsyncClient:
    """A client for one API. `trust_env` lets the proxy variables of the environment apply: for remote APIs only."""
    limits = httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=KEPT_S)
    return httpx2.AsyncClient(verify=_trusted(trust_env), trust_env=trust_env, follow_redirects=False, limits=limits)


@cache
def _trusted(trust_env: bool) -> ssl.SSLContext:
    """Whom to believe. To read the list takes long, and it is the same for every client."""
    return httpx2.create_ssl_context(trust_env=trust_env)


def json_bytes(body: Mapping[str, Any]) -> bytes:
    """UTF-8; half of a surrogate pair, which JSON lets in and UTF-8 does not, becomes a question mark."""
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


@contextmanager
def translated(endpoint: Endpoint) -> Iterator[None]:
    """Every way in which talking over HTTP fails becomes ModelUnavailable."""
    try:
        yield
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
        raise endpoint.unavailable(f"cannot be reached ({_reason(error)}): is it running?") from error
    except httpx2.HTTPError as error:
        raise endpoint.unavailable(f"broke the connection ({_reason(error)}): try again") from error
    except httpx2.InvalidURL as error:
        raise endpoint.refused(f"has a URL that cannot be used ({error}): set a right one") from error
    except WireError as error:
        raise endpoint.unavailable(f"gave no whole answer: {error}") from error


@contextmanager
def waiting_until(deadline: float, endpoint: Endpoint, complaint: str) -> Iterator[None]:
    """ModelUnavailable with this complaint when the block lasts past `deadline` on the event loop's clock."""
    try:
        with anyio.fail_after(deadline - anyio.current_time()):
            yield
    except TimeoutError as error:
        raise endpoint.unavailable(complaint) from error


async def check_status(response: httpx2.Response, endpoint: Endpoint) -> None:
    """Raise ModelUnavailable for a refusal that may pass and ModelRefused for one that will not."""
    if response.is_success:
        return
    status = response.status_code
    said = f"answered {status}: {excerpt(await read_start(response))}"
    if status in _PASSING or response.is_server_error:
        raise endpoint.unavailable(_advise(said, status), retry_after_s=retry_after_s(response.headers))
    if response.is_redirect:
        said += f"; it has moved to {response.headers.get('location', 'nowhere')!r}: set that URL"
    raise endpoint.refused(_advise(said, status))


def _advise(said: str, status: int) -> str:
    return f"{said}; {_ADVICE[status]}" if status in _ADVICE else said


async def read_start(response: httpx2.Response) -> bytes:
    """The first bytes of a body, enough for a message."""
    start = b""
    async for chunk in response.aiter_bytes():
        start += chunk
        if len(start) >= EXCERPT_BYTES:
            break
    return start[:EXCERPT_BYTES]


def excerpt(body: bytes) -> str:
    """What an error body says, in one short line."""
    text = body.decode(errors="replace")
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, dict):
        text = text_of(parsed.get("error") or parsed)
    return " ".join(text.split())[:EXCERPT_CHARACTERS] or "nothing more"


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
