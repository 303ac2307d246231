"""MCP over stdio: passes messages between a host and the running server, which it starts when there is none.

Only the standard library is imported, and of that little, so that a host has its first answer before it loses
patience. Every message has a thread and a connection of its own: hanging up is how a request is cancelled in both eras
of the protocol. Standard output is the wire; what there is to say to people goes to standard error.
"""

import base64
import fcntl
import http.client
import json
import logging
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from subprocess import Popen

DEFAULT_DATA_DIR = "~/.local/share/hybrid-coordinator"
SERVER_FILE = "server.json"
LOCK_FILE = "start.lock"
LOG_FILE = "server.log"
KEPT_LOG_BYTES = 5_000_000

SERVE = (sys.executable, "-P", "-m", "hybrid_coordinator", "serve")
"""-P: a host starts us in a folder of the user's, and what lies there is not ours to import."""

START_S = 30.0
PROBE_S = 0.3
POLL_S = 0.05
RETRY_S = 1.0
SILENCE_S = 60.0
"""A server at work gives a sign of life four times as often."""
GRACE_S = 1.5
"""How long answers under way may take once the host has closed our input."""

BUSY_EXIT = 4
"""How `serve` exits when the data folder is taken: by one that is starting, or one that is about to end."""

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
INTERNAL_ERROR = -32603
NO_ANSWER = -32010
"""Ours, from the range that JSON-RPC leaves to servers: there is no server, or it broke off."""

VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""The parameter that a message's `Mcp-Name` header repeats."""

logger = logging.getLogger(__name__)

Message = dict[str, Any]


def run_bridge(
    environment: Mapping[str, str] = os.environ, command: Sequence[str] = SERVE, start_s: float = START_S
) -> int:
    """Serve the host on standard input and output until it closes our input; the exit code comes back."""
    logging.basicConfig(stream=sys.stderr, format="hybrid-coordinator bridge: %(message)s")
    data_dir, api_key = find_place(environment)
    bridge = Bridge(Server(data_dir, command, start_s), api_key, sys.stdout.fileno())
    try:
        for line in sys.stdin.buffer:
            bridge.take(line)
    except KeyboardInterrupt:
        return 130
    bridge.finish()
    return 0


def find_place(environment: Mapping[str, str]) -> tuple[Path, str]:
    """The data folder and the key, as settings.py finds them; a file that it would refuse is passed over here."""
    root = environment.get("AI_STACK_DATA")
    named = environment.get("HYBRID_DATA_DIR", "").strip() or (f"{root}/hybrid-coordinator" if root else "")
    file = environment.get("HYBRID_CONFIG") or f"{named or DEFAULT_DATA_DIR}/config.toml"
    tree = _read_config(Path(file).expanduser())
    folder = named or tree.get("storage", {}).get("data_dir") or DEFAULT_DATA_DIR
    key = environment.get("HYBRID_API_KEY", "").strip() or tree.get("server", {}).get("api_key", "")
    return Path(folder).expanduser(), key


def _read_config(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    import tomllib  # most people have no such file

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


class NoServer(Exception):
    """There is no server and none came up; the message says what to run by hand."""


class Server:
    """The server of one data folder: found, or started."""

    def __init__(self, data_dir: Path, command: Sequence[str], start_s: float) -> None:
        self._data_dir = data_dir
        self._command = command
        self._start_s = start_s
        self._mutex = threading.Lock()
        self._url: str | None = None
        self._failure = NoServer()
        self._failed_at = 0.0

    def url(self) -> str:
        """Where it listens, once it does. Who waits together shares one attempt to start it, and NoServer from it."""
        asked_at = time.monotonic()
        with self._mutex:
            if self._url is None and self._failed_at > asked_at:
                raise self._failure
            if self._url is None:
                self._url = self._find() or self._start()
            return self._url

    def lost(self, url: str) -> None:
        """Nobody listens there any more."""
        with self._mutex:
            if self._url == url:
                self._url = None

    def _find(self) -> str | None:
        try:
            told = json.loads((self._data_dir / SERVER_FILE).read_bytes())
            url, instance = str(told["url"]), str(told["instance"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return url if is_up(url, instance) else None

    def _start(self) -> str:
        deadline = time.monotonic() + self._start_s
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            with (self._data_dir / LOCK_FILE).open("a") as lock:
                return self._start_alone(lock, deadline)
        except (OSError, NoServer) as error:
            self._failure = NoServer(f"{error}; run `hybrid-coordinator serve` by hand to see why")
            self._failed_at = time.monotonic()
            raise self._failure from error

    def _start_alone(self, lock: IO[str], deadline: float) -> str:
        while not _locked(lock):
            if time.monotonic() > deadline:
                raise NoServer("another bridge has been starting the coordinator for too long")
            time.sleep(POLL_S)
        # whoever held the lock before has probably started it
        return self._find() or self._launch(deadline)

    def _launch(self, deadline: float) -> str:
        child = self._spawn()
        while time.monotonic() < deadline:
            if url := self._find():
                return url
            code = child.poll()
            if code is None:
                time.sleep(POLL_S)
            elif code == BUSY_EXIT:
                time.sleep(RETRY_S)
                child = self._spawn()
            else:
                raise NoServer(f"the coordinator ended with exit code {code} as it started: {self._last_words()}")
        raise NoServer(f"the coordinator did not come up within {self._start_s:g} s: {self._last_words()}")

    def _spawn(self) -> "Popen[bytes]":
        import subprocess  # needed once in many sessions

        log = self._data_dir / LOG_FILE
        if log.exists() and log.stat().st_size > KEPT_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as sink:
            return subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
            )

    def _last_words(self) -> str:
        log = self._data_dir / LOG_FILE
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
        return f"{said} (log: {str(log)!r})"


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_up(url: str, instance: str) -> bool:
    """Whether that very server listens there, and not another that has its port by now.

    One that is too busy to say so at once counts as up.
    """
    try:
        with closing(open_connection(url, PROBE_S)) as connection:
            connection.request("GET", "/health")
            return bool(json.loads(connection.getresponse().read())["instance"] == instance)
    except TimeoutError:
        return True
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return False


def open_connection(url: str, timeout_s: float) -> http.client.HTTPConnection:
    """A connection that is not dialled yet. Raises ValueError for a URL that is none."""
    parts = urlsplit(url)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)


class Call:
    """A message from the host on its way."""

    def __init__(self, message: Message, line: bytes) -> None:
        self.message = message
        self.line = line
        self.id: str | int | None = message.get("id")
        self.cancelled = False
        self._line_lock = threading.Lock()
        self._socket: socket.socket | None = None

    @property
    def answerable(self) -> bool:
        """Whether the host waits for a response."""
        return "method" in self.message and self.id is not None

    def dial(self, connection: http.client.HTTPConnection) -> None:
        """Connect, unless the host has cancelled: then ConnectionAbortedError."""
        with self._line_lock:
            if self.cancelled:
                raise ConnectionAbortedError
            connection.connect()
            self._socket = connection.sock

    def hang_up(self) -> None:
        """Cancel: wakes the thread that waits for the answer, and tells the server by closing the connection."""
        with self._line_lock:
            self.cancelled = True
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)


class Bridge:
    """Takes the host's messages one by one and writes what the server says to each as it comes."""

    def __init__(self, server: Server, api_key: str, output: int) -> None:
        self._server = server
        self._api_key = api_key
        self._output = output
        self._write_lock = threading.Lock()
        self._calls: dict[str | int | None, tuple[Call, threading.Thread]] = {}
        self._version: str | None = None

    def take(self, line: bytes) -> None:
        """Send one line of the host's on its way; returns at once."""
        if not line.strip():
            return
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            self._write(error_message(None, PARSE_ERROR, "this line is not JSON; send one JSON-RPC message a line"))
            return
        if not is_message(message):
            self._write(error_message(None, INVALID_REQUEST, "this line is not one JSON-RPC message"))
        elif message.get("method") == "notifications/cancelled":
            self._cancel(message)
        else:
            self._dispatch(Call(message, line))

    def finish(self) -> None:
        """Give answers under way a moment, then hang up."""
        deadline = time.monotonic() + GRACE_S
        for call, thread in list(self._calls.values()):
            thread.join(max(deadline - time.monotonic(), 0.0))
            call.hang_up()

    def _dispatch(self, call: Call) -> None:
        thread = threading.Thread(target=self._carry, args=(call,), daemon=True)
        if call.answerable:
            self._calls[call.id] = call, thread
        thread.start()

    def _cancel(self, message: Message) -> None:
        id = params_of(message).get("requestId")
        if isinstance(id, str | int) and id in self._calls:
            self._calls[id][0].hang_up()

    def _carry(self, call: Call) -> None:
        try:
            self._forward(call)
        except NoServer as error:
            self._refuse(call, NO_ANSWER, str(error))
        except (OSError, http.client.HTTPException) as error:
            self._refuse(call, NO_ANSWER, f"the coordinator broke off before it answered ({error!r}); ask again")
        except Exception:
            logger.exception("a message was not passed on")
            self._refuse(call, INTERNAL_ERROR, "something went wrong inside the bridge; its standard error says what")
        finally:
            self._calls.pop(call.id, None)

    def _forward(self, call: Call) -> None:
        with closing(self._connect(call)) as connection:
            connection.request("POST", "/mcp", call.line, self._headers(call.message))
            answer = connection.getresponse()
            answered = False
            for reply in read_replies(answer):
                self._pass_on(call, reply)
                answered = answered or "method" not in reply
            if call.answerable and not answered:
                self._refuse(call, NO_ANSWER, "the coordinator broke off before it answered; ask again")

    def _connect(self, call: Call) -> http.client.HTTPConnection:
        url = self._server.url()
        connection = open_connection(url, SILENCE_S)
        try:
            call.dial(connection)
        except ConnectionRefusedError:  # it died since; nothing has been sent, so trying again repeats nothing
            self._server.lost(url)
            connection = open_connection(self._server.url(), SILENCE_S)
            call.dial(connection)
        return connection

    def _headers(self, message: Message) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if self._api_key:
            headers["X-API-Key"] = self._api_key
        return headers | (routing_headers(message) or self._handshake_headers())

    def _handshake_headers(self) -> dict[str, str]:
        return {"MCP-Protocol-Version": self._version} if self._version else {}

    def _pass_on(self, call: Call, reply: Message) -> None:
        if call.message.get("method") == "initialize" and isinstance(reply.get("result"), dict):
            self._version = reply["result"].get("protocolVersion")
        if "error" in reply and reply.get("id") is None:  # it was refused before its id was read
            reply = {**reply, "id": call.id}
        if not call.cancelled and (call.answerable or "method" in reply):
            self._write(reply)

    def _refuse(self, call: Call, code: int, why: str) -> None:
        if call.cancelled:
            return
        if call.answerable:
            self._write(error_message(call.id, code, why))
        else:
            logger.warning("%s was not delivered: %s", call.message.get("method", "a response"), why)

    def _write(self, message: Message) -> None:
        rest = memoryview(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        # straight to the descriptor: a thread that dies with the process then holds no buffer's lock
        with self._write_lock, suppress(BrokenPipeError):  # a host that is gone closes our input, too
            while rest:
                rest = rest[os.write(self._output, rest) :]


def is_message(message: Any) -> bool:
    """Whether this is one JSON-RPC request, notification or response with an id that MCP allows."""
    if not isinstance(message, dict) or not isinstance(message.get("method", ""), str):
        return False
    return isinstance(message["id"], str | int) if "id" in message else "method" in message


def params_of(message: Message) -> Message:
    """The parameters, or none where they are not an object: the server will say so."""
    params = message.get("params")
    return params if isinstance(params, dict) else {}


def routing_headers(message: Message) -> dict[str, str]:
    """What the era without handshake wants repeated in headers; nothing for a message of the era before."""
    params = params_of(message)
    meta = params.get("_meta")
    version = meta.get(VERSION_KEY) if isinstance(meta, dict) else None
    if not isinstance(version, str):
        return {}
    method = message.get("method", "")
    name = params.get(NAMED_BY.get(method, ""))
    named = {"Mcp-Name": header_value(name)} if isinstance(name, str) else {}
    return {"MCP-Protocol-Version": header_value(version), "Mcp-Method": header_value(method), **named}


def header_value(value: str) -> str:
    """As the protocol writes it: in base64 with a mark around it where it would not survive as it is."""
    plain = re.fullmatch(r"[\x20-\x7e]*", value) and value == value.strip() and not value.startswith("=?base64?")
    return value if plain else f"=?base64?{base64.b64encode(value.encode()).decode()}?="


def read_replies(answer: http.client.HTTPResponse) -> Iterator[Message]:
    """The JSON-RPC messages of an HTTP answer, as they come; HTTP's own refusals are put into words."""
    if answer.status == http.HTTPStatus.ACCEPTED:
        return
    if answer.getheader("Content-Type", "").startswith("text/event-stream"):
        yield from map(json.loads, read_events(answer))
    else:
        yield read_reply(answer.status, answer.read())


def read_events(lines: Iterator[bytes] | http.client.HTTPResponse) -> Iterator[bytes]:
    """The data of server-sent events."""
    data: list[bytes] = []
    for line in lines:
        if line.startswith(b"data:"):
            data.append(line.removeprefix(b"data:").strip())
        elif not line.strip() and data:
            yield b"\n".join(data)
            data = []


def read_reply(status: int, body: bytes) -> Message:
    """The JSON-RPC message in a body; anything else, such as the refusal of a key, becomes a JSON-RPC error."""
    try:
        reply = json.loads(body)
    except ValueError:
        reply = body.decode(errors="replace")
    if isinstance(reply, dict) and "jsonrpc" in reply:
        return reply
    told = reply.get("error") if isinstance(reply, dict) else None
    why = told.get("message") if isinstance(told, dict) else reply
    return error_message(None, NO_ANSWER, f"the coordinator refused the request (HTTP {status}): {why}")


def error_message(id: str | int | None, code: int, why: str) -> Message:
    """A JSON-RPC error."""
    return {"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": why}}


if __name__ == "__main__":
    sys.exit(run_bridge())
