"""A vendor's API over HTTP, with nothing between the asker's bytes and the vendor's.

`aiohttp` because this is the way that everything passes: a request costs it a third of the CPU that `httpx` takes.
"""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager

import aiohttp

from hybrid_coordinator.backends.http import Endpoint
from hybrid_coordinator.ports import WireReply

KEY_HEADERS = ("authorization", "x-api-key", "api-key")
"""Where askers put keys. None of them goes on when the vendor's own key is set."""

NOT_OURS_TO_SET = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
"""Headers that the library would invent when the asker sent none."""

UNPACKED = frozenset({b"gzip", b"deflate", b"br", b"zstd"})
"""Nobody asks for these, and yet some proxies use them: what is passed on and listened to is what was packed."""


def open_session(connect_s: float, *, trust_env: bool) -> aiohttp.ClientSession:
    """Connections to one vendor, as many as there are requests. Needs a running event loop."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=NOT_OURS_TO_SET,
        trust_env=trust_env,
    )


class HttpVendor:
    """The `Vendor` port. The session is this vendor's own and is closed with it."""

    def __init__(self, endpoint: Endpoint, key_headers: Mapping[str, str], session: aiohttp.ClientSession) -> None:
        """`key_headers` carry the key that is set here; without one the asker's own goes on."""
        self._endpoint = endpoint
        self._key_headers = dict(key_headers)
        self._session = session

    @property
    def name(self) -> str:
        return self._endpoint.name

    async def send(self, path: str, headers: Mapping[str, str], body: bytes, *, wait_s: float) -> WireReply:
        with _translated(self._endpoint, wait_s):
            response = await self._session.post(
                self._endpoint.url(path),
                data=body,
                headers=self._with_key(headers),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_s, sock_read=wait_s),
                allow_redirects=False,
            )
        self._check_place(response)
        return WireReply(response.status, _headers(response), self._pieces(response, wait_s), response.close)

    async def aclose(self) -> None:
        await self._session.close()

    @property
    def _connect_s(self) -> float | None:
        return self._session.timeout.sock_connect

    def _with_key(self, headers: Mapping[str, str]) -> dict[str, str]:
        if not self._key_headers:
            return dict(headers)
        kept = {name: value for name, value in headers.items() if name.lower() not in KEY_HEADERS}
        return kept | self._key_headers

    def _check_place(self, response: aiohttp.ClientResponse) -> None:
        """Nobody is sent elsewhere: the asker's key would go along."""
        if 300 <= response.status < 400:
            response.close()
            where = response.headers.get("location", "nowhere")
            raise self._endpoint.refused(f"has moved to {where!r} (status {response.status}): set that URL")

    async def _pieces(self, response: aiohttp.ClientResponse, wait_s: float) -> AsyncGenerator[bytes, None]:
        with _translated(self._endpoint, wait_s):
            async for piece in response.content.iter_any():
                yield piece


def _headers(response: aiohttp.ClientResponse) -> list[tuple[bytes, bytes]]:
    """As they came, but for the name of a packing that is taken off."""
    return [
        (name, value)
        for name, value in response.raw_headers
        if name.lower() != b"content-encoding" or value.lower() not in UNPACKED
    ]


@contextmanager
def _translated(endpoint: Endpoint, wait_s: float) -> Iterator[None]:
    """Every way in which talking over HTTP fails becomes ModelUnavailable."""
    try:
        yield
    except TimeoutError as error:  # aiohttp's own are among them
        raise endpoint.unavailable(f"said nothing for {wait_s:g} s: try again later") from error
    except aiohttp.ClientConnectionError as error:
        if isinstance(error, aiohttp.ClientConnectorError):
            raise endpoint.unavailable(f"cannot be reached ({error.os_error.strerror}): is it running?") from error
        raise endpoint.unavailable(f"broke the connection ({error}): try again") from error
    except aiohttp.InvalidURL as error:
        raise endpoint.refused(f"has a URL that cannot be used ({error}): set a right one") from error
    except aiohttp.ClientError as error:
        raise endpoint.unavailable(f"gave no whole answer ({error}): try again") from error
