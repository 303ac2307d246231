"""The one process that owns the data: everything over HTTP on one port."""

import asyncio
import json
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from hybrid_coordinator.app import SERVER_FILE, House, open_house
from hybrid_coordinator.errors import Conflict, CoordinatorError, Unavailable
from hybrid_coordinator.faces.api import Api, tell_error, tell_http_error, tell_unexpected
from hybrid_coordinator.faces.gateway import Gateway, refuse
from hybrid_coordinator.faces.guard import Guard, is_gateway_path
from hybrid_coordinator.settings import ServerSettings, Settings

if TYPE_CHECKING:
    from hybrid_coordinator.faces.mcp import McpFace

GRACE_S = 5
"""How long running answers may go on after SIGTERM before they are cut and recorded as they are."""

logger = logging.getLogger(__name__)


def build_app(house: House, instance: str) -> ASGIApp:
    """The whole HTTP face over an open house. Gateway requests go straight to the gateway: there every step counts."""
    mcp = _LateMcp(house)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as group:
            group.start_soon(mcp.run)
            yield
            group.cancel_scope.cancel()

    pages = Starlette(
        routes=[*Api(house, instance).routes(), Route("/mcp", mcp)],
        exception_handlers={CoordinatorError: tell_error, HTTPException: tell_http_error, Exception: tell_unexpected},
        lifespan=lifespan,
    )
    gateway = Gateway(house)

    async def doorway(scope: Scope, receive: Receive, send: Send) -> None:
        app = gateway if scope["type"] == "http" and is_gateway_path(scope["path"]) else pages
        await app(scope, receive, send)

    return Guard(doorway, server=house.settings.server, refuse=refuse)


class _LateMcp:
    """The MCP endpoint, imported when somebody first speaks to it: half a second in which all others are served."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._wanted = anyio.Event()
        self._opened = anyio.Event()
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._wanted.set()
        await self._opened.wait()
        if self._app is None:
            raise Unavailable("MCP does not run here (the server's log says why); restart the server")
        await self._app(scope, receive, send)

    async def run(self) -> None:
        """As long as the server does, which goes on without it when it cannot be loaded."""
        await self._wanted.wait()
        try:
            mcp = (await anyio.to_thread.run_sync(_import_mcp))(self._house)
            async with mcp.running():
                self._app = mcp.app
                self._opened.set()
                await anyio.sleep_forever()
        except Exception:
            logger.exception("MCP cannot be loaded, or broke off")
            self._app = None
            self._opened.set()


def _import_mcp() -> "Callable[[House], McpFace]":
    from hybrid_coordinator.faces import mcp

    return mcp.build_mcp


async def serve(settings: Settings) -> None:
    """Open the house, listen, and say in the data folder where; until SIGTERM or SIGINT."""
    async with open_house(settings, keep_up=True) as house:
        listener = _listen(settings.server)
        instance = house.clock.new_id()
        app = build_app(house, instance)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
            lifespan="on",
        )
        told: dict[str, str | int] = {"url": _url(listener), "pid": os.getpid(), "instance": instance}
        await _Announced(config, settings.data_dir / SERVER_FILE, told).serve(sockets=[listener])


class _Announced(uvicorn.Server):
    """Writes where it listens once it does, and takes that back at the end."""

    def __init__(self, config: uvicorn.Config, file: Path, told: Mapping[str, str | int]) -> None:
        super().__init__(config)
        self._file = file
        self._told = told

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop in order on SIGTERM and SIGINT; the base class raises them again before the house is closed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            await anyio.to_thread.run_sync(self._announce)
            logger.info("listening on %s", self._told["url"])

    def _announce(self) -> None:
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps(self._told))
        part.replace(self._file)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._file.unlink(missing_ok=True)
        await super().shutdown(sockets)


def _listen(server: ServerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((server.host, server.port))
    except OSError as error:
        listener.close()
        raise Conflict(
            f"cannot listen on {server.host}:{server.port} ({error.strerror}); stop what is there or set HYBRID_PORT"
        ) from error
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"
