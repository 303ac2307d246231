"""The stdio bridge as a host meets it: real processes, the real server, real pipes."""

import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.shared.inbound import encode_header_value

from hybrid_coordinator import settings
from hybrid_coordinator.app import SERVER_FILE, own_folder
from hybrid_coordinator.errors import DataFolderBusy
from hybrid_coordinator.faces import bridge
from hybrid_coordinator.faces.failures import failure_of
from hybrid_coordinator.faces.operations import TOOLS

BRIDGE = (sys.executable, "-P", "-m", "hybrid_coordinator.faces.bridge")
DEADLINE_S = 40.0

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": "hello",
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "codex", "version": "0"}},
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
DISCOVER = {"jsonrpc": "2.0", "id": "hello", "method": "server/discover", "params": {"_meta": META}}

Environment = Mapping[str, str]


def environment(folder: Path, **more: str) -> Environment:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "HYBRID_DATA_DIR": str(folder / "data"),
        "HYBRID_PORT": "0",
        **more,
    }


class Host:
    """What a bridge is to its host: a process that takes and gives lines."""

    def __init__(self, environment: Environment, command: tuple[str, ...] = BRIDGE) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)

    def send(self, message: dict[str, Any] | bytes) -> None:
        assert self._process.stdin is not None
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def hear(self) -> Any:
        return json.loads(self._lines.get(timeout=DEADLINE_S))

    def ask(self, message: dict[str, Any] | bytes) -> Any:
        self.send(message)
        return self.hear()

    def close(self) -> tuple[int, str]:
        """Close the bridge's input; its exit code and what it said to people come back."""
        assert self._process.stdin is not None and self._process.stderr is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        said = self._process.stderr.read().decode()
        code = self._process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.stderr.close()
        return code, said

    @property
    def silent(self) -> bool:
        return self._lines.empty()


@contextmanager
def hosting(environment: Environment, command: tuple[str, ...] = BRIDGE) -> Iterator[Host]:
    host = Host(environment, command)
    try:
        yield host
    finally:
        host.close()


def server_of(environment: Environment) -> tuple[str, int]:
    """URL and process id."""
    said = json.loads((Path(environment["HYBRID_DATA_DIR"]) / SERVER_FILE).read_text())
    return said["url"], said["pid"]


def end(pid: int, how: signal.Signals) -> None:
    """Signal the process and wait until it is gone; not by its id, which a zombie keeps."""
    descriptor = os.pidfd_open(pid)
    try:
        os.kill(pid, how)
        assert select.select([descriptor], [], [], DEADLINE_S)[0], f"process {pid} is still there"
    finally:
        os.close(descriptor)


def await_words(file: Path, words: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not (file.exists() and words in file.read_text()):
        assert time.monotonic() < deadline, f"{str(file)!r} never said {words!r}"
        time.sleep(bridge.POLL_S)


@contextmanager
def ending_server(environment: Environment) -> Iterator[None]:
    """The server that is there at the end is stopped."""
    try:
        yield
    finally:
        with suppress(FileNotFoundError, ProcessLookupError):
            end(server_of(environment)[1], signal.SIGTERM)


def call_tool(id: int, name: str, *, modern: bool = False, **arguments: Any) -> dict[str, Any]:
    meta = {"_meta": META} if modern else {}
    return {
        "jsonrpc": "2.0",
        "id": id,
        "method": "tools/call",
        "params": {"name": name, "arguments": arguments, **meta},
    }


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """The environment of a server that is up."""
    settled = environment(tmp_path_factory.mktemp("warm"))
    with ending_server(settled):
        with hosting(settled) as host:
            host.ask(DISCOVER)
        yield settled


class StalledModels(ThreadingHTTPServer):
    """A model server that takes every prompt and never says a word."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), StalledAnswer)
        self.asked, self.left = threading.Event(), threading.Event()


class StalledAnswer(BaseHTTPRequestHandler):
    server: StalledModels

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.set()
        self.connection.settimeout(DEADLINE_S)
        with suppress(OSError):
            self.connection.recv(1)  # comes back when the other side hangs up
        self.server.left.set()
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Tests are quiet."""


@pytest.fixture(scope="module")
def stalled() -> Iterator[StalledModels]:
    with StalledModels() as models:
        thread = threading.Thread(target=models.serve_forever, args=(0.05,))
        thread.start()
        yield models
        models.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory, stalled: StalledModels) -> Iterator[Environment]:
    """The environment of a server whose model never answers; it is started by the first request."""
    url = f"http://127.0.0.1:{stalled.server_port}"
    settled = environment(tmp_path_factory.mktemp("waiting"), LLAMA_CPP_BASE_URL=url)
    with ending_server(settled):
        yield settled


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_an_agent_goes_through_the_loop_over_stdio(warm: Environment, era: Any) -> None:
    parameters = StdioServerParameters(command=BRIDGE[0], args=list(BRIDGE[1:]), env=dict(warm))

    async with Client(parameters, mode=era) as client:
        listed = await client.list_tools()
        augmented = await client.call_tool("augment_query", {"query": "How do I build this?"})
        tracked = await client.call_tool("track_interaction", {"query": "How do I build this?", "response": "make"})
        outcome = {"interaction_id": tracked.structured_content["interaction_id"], "outcome": "success"}
        settled = await client.call_tool("update_outcome", outcome)
        version = client.protocol_version

    assert [tool.name for tool in listed.tools] == [operation.name for operation in TOOLS]
    assert augmented.structured_content["augmented_prompt"].startswith("Query: How do I build this?")
    assert 0 < settled.structured_content["value_score"] <= 1
    assert version == ("2026-07-28" if era == "auto" else "2025-11-25")


def test_a_client_of_june_2025_is_answered_in_its_version(warm: Environment) -> None:
    with hosting(warm) as host:
        hello = host.ask(INITIALIZE)
        host.send(INITIALIZED)
        refused = host.ask(call_tool(2, "search_context", query="x", collection="attic"))

    assert hello["result"]["protocolVersion"] == "2025-06-18"
    assert refused["id"] == 2
    assert refused["result"]["isError"] and "collection" in refused["result"]["content"][0]["text"]


def test_answers_come_as_they_are_ready(warm: Environment) -> None:
    with hosting(warm) as host:
        for id in range(20):
            host.send(call_tool(id, "augment_query", query=f"question {id}", modern=True))
        answers = [host.hear() for _ in range(20)]

    assert sorted(answer["id"] for answer in answers) == list(range(20))
    assert all(
        answer["result"]["structuredContent"]["original_query"] == f"question {answer['id']}" for answer in answers
    )


def test_names_that_no_header_can_hold_arrive_whole(warm: Environment) -> None:
    with hosting(warm) as host:
        answer = host.ask(call_tool(1, "größe\n", modern=True))

    assert "unknown tool 'größe\\n'" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{nonsense", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "method": 7, "id": 1}', -32600),
    ],
)
def test_a_line_that_is_no_message_gets_an_error(warm: Environment, line: bytes, code: int) -> None:
    with hosting(warm) as host:
        answer = host.ask(line)

    assert answer["id"] is None
    assert answer["error"]["code"] == code


def test_bridges_that_start_together_start_one_server_that_outlives_them(tmp_path: Path) -> None:
    cold = environment(tmp_path)

    with ending_server(cold):
        one, other = Host(cold), Host(cold)
        one.send(DISCOVER)
        other.send(INITIALIZE)
        answers = one.hear(), other.hear()
        ends = one.close(), other.close()
        os.kill(server_of(cold)[1], 0)
        log = (tmp_path / "data" / bridge.LOG_FILE).read_text()

    assert all("result" in answer for answer in answers)
    assert ends == ((0, ""), (0, ""))
    assert log.count("listening on") == 1


def test_a_killed_server_is_started_again_by_the_next_request(tmp_path: Path) -> None:
    cold = environment(tmp_path)

    with ending_server(cold), hosting(cold) as host:
        host.ask(INITIALIZE)
        _, first = server_of(cold)
        end(first, signal.SIGKILL)
        answer = host.ask(call_tool(2, "augment_query", query="still there?"))
        _, second = server_of(cold)

    assert answer["result"]["structuredContent"]["original_query"] == "still there?"
    assert first != second


@pytest.mark.parametrize("modern", [True, False])
def test_a_cancelled_request_stops_the_model_and_gets_no_answer(
    waiting: Environment, stalled: StalledModels, modern: bool
) -> None:
    stalled.asked.clear()
    stalled.left.clear()

    with hosting(waiting) as host:
        host.ask(DISCOVER if modern else INITIALIZE)
        host.send(call_tool(2, "route_query", query="why?", mode="hybrid", generate_response=True, modern=modern))
        assert stalled.asked.wait(DEADLINE_S)
        host.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}})
        left = stalled.left.wait(DEADLINE_S)
        after = host.ask(call_tool(3, "augment_query", query="next", modern=modern))
        silent = host.silent

    assert left
    assert after["id"] == 3
    assert silent


def test_a_request_whose_server_dies_is_told_so(waiting: Environment, stalled: StalledModels) -> None:
    stalled.asked.clear()

    with hosting(waiting) as host:
        host.ask(DISCOVER)
        host.send(call_tool(2, "route_query", query="why?", mode="hybrid", generate_response=True, modern=True))
        assert stalled.asked.wait(DEADLINE_S)
        end(server_of(waiting)[1], signal.SIGKILL)
        answer = host.hear()

    assert answer["id"] == 2
    assert "broke off before it answered" in answer["error"]["message"]


def test_a_server_that_cannot_start_is_told_with_the_reason_and_the_command(tmp_path: Path) -> None:
    broken = {**environment(tmp_path), "HYBRID_PORT": "ninety"}

    with hosting(broken) as host:
        host.send(DISCOVER)
        host.send({**DISCOVER, "id": 2})
        answers = [host.hear(), host.hear()]

    assert {answer["id"] for answer in answers} == {"hello", 2}
    for answer in answers:
        assert "HYBRID_PORT='ninety'" in answer["error"]["message"]
        assert "run `hybrid-coordinator serve`" in answer["error"]["message"]


def test_a_data_folder_that_is_still_in_use_is_waited_for(tmp_path: Path) -> None:
    cold = environment(tmp_path)

    with ending_server(cold), hosting(cold) as host:
        with own_folder(tmp_path / "data"):
            host.send(DISCOVER)
            await_words(tmp_path / "data" / bridge.LOG_FILE, "in use")
        answer = host.hear()

    assert "result" in answer


def test_a_server_that_does_not_come_up_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    call = "run_bridge(command=['sleep', '3'], start_s=0.3)"
    impatient = (sys.executable, "-P", "-c", f"from hybrid_coordinator.faces.bridge import *; {call}")

    with hosting(environment(tmp_path), impatient) as host:
        answer = host.ask(DISCOVER)

    assert "did not come up within 0.3 s" in answer["error"]["message"]


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    with hosting(environment(tmp_path)) as host:
        answer = host.ask(DISCOVER)

    assert str(tmp_path / "data") in answer["error"]["message"]


def test_the_key_goes_along_and_a_wrong_one_is_told(tmp_path: Path) -> None:
    locked = environment(tmp_path, HYBRID_API_KEY="sesame")

    with ending_server(locked):
        with hosting(locked) as host:
            let_in = host.ask(DISCOVER)
        with hosting({**locked, "HYBRID_API_KEY": "wrong"}) as host:
            turned_away = host.ask(DISCOVER)

    assert "result" in let_in
    assert turned_away["id"] == "hello"
    assert "HTTP 401" in turned_away["error"]["message"] and "HYBRID_API_KEY" in turned_away["error"]["message"]


def test_the_bridge_ends_at_once_when_its_host_is_gone(warm: Environment) -> None:
    host = Host(warm)
    host.ask(DISCOVER)
    host.send(INITIALIZED)

    begun = time.monotonic()
    code, _ = host.close()

    assert code == 0
    assert time.monotonic() - begun < bridge.GRACE_S + 1


def test_what_was_asked_before_the_input_ended_is_still_answered(warm: Environment) -> None:
    line = json.dumps(call_tool(1, "augment_query", query="piped", modern=True))

    done = subprocess.run(BRIDGE, input=line, capture_output=True, text=True, env=warm, timeout=DEADLINE_S, check=True)

    assert json.loads(done.stdout)["result"]["structuredContent"]["original_query"] == "piped"


def test_the_bridge_imports_the_standard_library_only() -> None:
    code = (
        "import sys, hybrid_coordinator.faces.bridge\n"
        "tops = {name.partition('.')[0] for name, module in sys.modules.items() if getattr(module, '__file__', None)}\n"
        "print(sorted(tops - sys.stdlib_module_names - {'__main__', 'hybrid_coordinator'}))"
    )

    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(Path(settings.__file__).parents[2])},
    )

    assert done.stdout.strip() == "[]", done.stderr


def test_the_names_that_the_bridge_repeats_are_still_right() -> None:
    assert bridge.DEFAULT_DATA_DIR == settings.DEFAULT_DATA_DIR
    assert bridge.SERVER_FILE == SERVER_FILE
    assert failure_of(DataFolderBusy()).exit_code == bridge.BUSY_EXIT


@pytest.mark.parametrize(
    ("variables", "file"),
    [
        ({}, ""),
        ({"HYBRID_DATA_DIR": "~/here", "AI_STACK_DATA": "/there"}, ""),
        ({"AI_STACK_DATA": "/there"}, ""),
        ({"HYBRID_API_KEY": " sesame "}, '[server]\napi_key = "other"'),
        ({}, '[storage]\ndata_dir = "~/elsewhere"\n[server]\napi_key = "sesame"'),
        ({"HYBRID_DATA_DIR": "/here"}, '[storage]\ndata_dir = "/elsewhere"'),
    ],
)
def test_the_bridge_looks_where_the_server_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], file: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    if file:
        (tmp_path / "c.toml").write_text(file)
        variables = {**variables, "HYBRID_CONFIG": "~/c.toml"}

    data_dir, api_key = bridge.find_place(variables)

    loaded = settings.load_settings(variables)
    assert (data_dir, api_key) == (loaded.data_dir, loaded.server.api_key.reveal)


@pytest.mark.parametrize("value", ["route_query", "", " edge ", "größe", "a\nb", "=?base64?eA==?=", "tab\there"])
def test_header_values_are_written_as_the_protocol_reads_them(value: str) -> None:
    assert bridge.header_value(value) == encode_header_value(value)


def test_events_are_read_whatever_stands_around_them() -> None:
    stream = b": ping\r\n\r\nevent: message\r\ndata: {\r\ndata: }\r\n\r\nid: 7\ndata:[]\n\n"

    assert list(bridge.read_events(iter(stream.splitlines(keepends=True)))) == [b"{\n}", b"[]"]
