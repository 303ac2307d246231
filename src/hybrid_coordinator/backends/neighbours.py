"""Whether a server of the users' deployment is up."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import anyio
import httpx2

from hybrid_coordinator.errors import Unavailable


def http_check(url: str) -> Callable[[], Awaitable[str]]:
    """Up when a GET answers below 500."""

    async def check() -> str:
        try:
            async with httpx2.AsyncClient(trust_env=False) as client:
                response = await client.get(url)
        except httpx2.HTTPError as error:
            raise Unavailable(f"{url!r} does not answer ({type(error).__name__}); is it running?") from error
        if response.is_server_error:
            raise Unavailable(f"{url!r} answers {response.status_code}; look into its log")
        return f"answers {response.status_code}"

    return check


def tcp_check(url: str, *, default_port: int) -> Callable[[], Awaitable[str]]:
    """Up when a connection is taken."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or default_port

    async def check() -> str:
        try:
            async with await anyio.connect_tcp(host, port):
                return "takes connections"
        except OSError as error:
            raise Unavailable(f"{host}:{port} takes no connection ({error.strerror}); is it running?") from error

    return check
