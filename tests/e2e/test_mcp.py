"""The tools as an agent meets them: through the SDK's own client, in both eras, in memory and over HTTP."""

import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import anyio
import httpx2
import pytest
import uvicorn
from mcp import Client, MCPError
from mcp.types import CallToolResult, TextContent
from starlette.applications import Starlette
from starlette.routing import Route

from hybrid_coordinator.app import Backends, House
from hybrid_coordinator.backends.files.local import LocalFiles
from hybrid_coordinator.domain.knowledge import Collection, Draft, Vector
from hybrid_coordinator.domain.query import Prompt, Spoken
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.faces.fitting import LEAST_TEXT, MOST_BYTES, fit
from hybrid_coordinator.faces.mcp import INSTRUCTIONS, McpFace, build_mcp, describe_tool
from hybrid_coordinator.faces.operations import TOOLS
from hybrid_coordinator.settings import ServerSettings, Settings
from hybrid_coordinator.testing import HashEmbedder, ManualClock, MemoryKnowledge, MemoryLedger, ScriptedModel
from room import Memory, cache_in_memory, learn_from_fakes, no_training

TRAINING_TOOLS = {"train_model", "training_run", "model_versions"}
GOLDEN = Path(__file__).parents[1] / "unit" / "golden" / "tools_list.json"
DEADLINE_S = 10.0

ACCEPT = {"Accept": "application/json, text/event-stream"}
MODERN_META: dict[str, Any] = {"protocolVersion": "2026-07-28", "clientCapabilities": {}}
ASK = {"name": "route_query", "arguments": {"query": "why?", "generate_response": True}}

Era = Literal["auto", "legacy"]
both_eras = pytest.mark.parametrize("era", ["auto", "legacy"])

FIX = Draft(
    "11111111-1111-1111-1111-111111111111",
    Collection.ERRORS,
    key="port 8092 already in use",
    text="Port 8092 already in use: stop the other coordinator, or set HYBRID_PORT.",
    payload={"error_message": "port 8092 already in use", "solution": "set HYBRID_PORT"},
    source="faq.md",
)


def build_house(
    folder: Path,
    model: ScriptedModel | None = None,
    embedder: HashEmbedder | None = None,
    settings: Settings | None = None,
) -> House:
    ledger = MemoryLedger()
    return House(
        settings or Settings(),
        Backends(
            embedder=embedder or HashEmbedder(),
            knowledge=MemoryKnowledge(),
            ledger=ledger,
            cache=cache_in_memory(embedder or HashEmbedder()),
            lessons=Memory(),
            experience=Memory(),
            learning=learn_from_fakes(ledger, folder),
            desks={},
            models={"scripted": model or ScriptedModel()},
            files=LocalFiles(),
            clock=ManualClock(),
            neighbours={},
            training=no_training(),
        ),
    )


async def store(house: House, *drafts: Draft) -> None:
    await house.knowledge.put(drafts, await house.embedder.embed([draft.key for draft in drafts]))


@pytest.fixture
async def house(tmp_path: Path) -> House:
    built = build_house(tmp_path)
    await store(built, FIX)
    return built


class Announced(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(uvicorn.Config(app, port=0, log_config=None, ws="none", timeout_graceful_shutdown=1))
        self.listening = anyio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @property
    def url(self) -> str:
        port = self.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}/mcp"


@asynccontextmanager
async def serving(face: McpFace) -> AsyncIterator[str]:
    """The URL of a real server on a free port, as long as this lasts."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with face.running():
            yield

    server = Announced(Starlette(routes=[Route("/mcp", face.app)], lifespan=lifespan))
    with anyio.fail_after(6 * DEADLINE_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve)
            await server.listening.wait()
            try:
                yield server.url
            finally:
                server.should_exit = True


class LoadingEmbedder(HashEmbedder):
    """Not ready yet."""

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        raise ModelUnavailable("the embedder is loading; wait for it", retry_after_s=7)


class WatchedModel(ScriptedModel):
    """Never says a word, and knows whether somebody still waits for one."""

    def __init__(self) -> None:
        super().__init__((anyio.Event(),))
        self.started, self.stopped = anyio.Event(), anyio.Event()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Spoken, None]:
        self.started.set()
        try:
            async with aclosing(super().stream(prompt)) as events:
                async for event in events:
                    yield event
        finally:
            self.stopped.set()


def modern(method: str, **params: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """A request of 2026-07-28, body and headers."""
    meta = {f"io.modelcontextprotocol/{key}": value for key, value in MODERN_META.items()}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    named = {"Mcp-Name": params["name"]} if "name" in params else {}
    return body, {**ACCEPT, "MCP-Protocol-Version": MODERN_META["protocolVersion"], "Mcp-Method": method, **named}


def legacy(method: str, **params: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """A request of 2025-06-18, body and headers."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return body, {**ACCEPT, "MCP-Protocol-Version": "2025-06-18"}


def told(result: CallToolResult) -> str:
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, told(result)
    assert isinstance(result.structured_content, dict)
    return result.structured_content


async def refusal(house: House, tool: str, **arguments: Any) -> str:
    async with Client(build_mcp(house).server) as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error
    return told(result)


async def use_every_tool(client: Client) -> dict[str, dict[str, Any]]:
    """Each of the eight, as an agent would go about it."""
    query = "port 8092 already in use"
    augmented = await call(client, "augment_query", query=query)
    tracked = await call(
        client, "track_interaction", query=query, response="Set HYBRID_PORT.", context_ids=augmented["context_ids"]
    )
    return {
        "augment_query": augmented,
        "track_interaction": tracked,
        "update_outcome": await call(
            client, "update_outcome", interaction_id=tracked["interaction_id"], outcome="success", user_feedback=1
        ),
        "hybrid_search": await call(client, "hybrid_search", query=query),
        "route_query": await call(client, "route_query", query=query, generate_response=True),
        "learning_feedback": await call(client, "learning_feedback", query=query, correction="Stop the old one."),
        "generate_training_data": await call(client, "generate_training_data"),
        "search_context": await call(client, "search_context", query=query, collection="error-solutions"),
    }


def check_every_answer(answers: dict[str, dict[str, Any]]) -> None:
    assert answers["augment_query"]["context_ids"] == [FIX.id]
    assert "set HYBRID_PORT" in answers["augment_query"]["augmented_prompt"]
    assert answers["update_outcome"]["interaction_id"] == answers["track_interaction"]["interaction_id"]
    assert answers["update_outcome"]["success_rates"].keys() == {FIX.id}
    assert answers["hybrid_search"]["combined_results"][0]["id"] == FIX.id
    assert answers["route_query"]["response"] == "An answer."
    assert answers["learning_feedback"]["feedback_id"]
    assert answers["generate_training_data"]["examples"] >= 1
    assert answers["search_context"]["results"][0]["similarity"] == 1.0


@both_eras
async def test_every_tool_answers_in_memory(house: House, era: Era) -> None:
    async with Client(build_mcp(house).server, mode=era) as client:
        answers = await use_every_tool(client)

    assert answers.keys() | TRAINING_TOOLS == {operation.name for operation in TOOLS}
    check_every_answer(answers)


async def test_where_nobody_trains_the_training_tools_say_so(house: House) -> None:
    async with Client(build_mcp(house).server) as client:
        listed = await client.call_tool("model_versions", {})

    assert listed.structured_content == {"answering": {}, "versions": []}
    assert "nobody here trains" in await refusal(house, "train_model", export=False)
    assert "'gone'" in await refusal(house, "training_run", run_id="gone")


@both_eras
async def test_every_tool_answers_over_http(house: House, era: Era) -> None:
    async with serving(build_mcp(house)) as url, Client(url, mode=era) as client:
        answers = await use_every_tool(client)

    check_every_answer(answers)


async def test_a_new_client_speaks_the_new_protocol_and_an_old_one_the_old(house: House) -> None:
    async with serving(build_mcp(house)) as url, Client(url) as new, Client(url, mode="legacy") as old:
        spoken = new.protocol_version, old.protocol_version
        introductions = {new.instructions, old.instructions}

    assert spoken[0] == "2026-07-28" > spoken[1]
    assert introductions == {INSTRUCTIONS}


async def test_a_client_of_june_2025_is_served_in_its_version(house: House) -> None:
    about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "codex", "version": "0.169.0"}}
    body, headers = legacy("initialize", **about)

    async with serving(build_mcp(house)) as url, httpx2.AsyncClient() as http:
        answer = await http.post(url, json=body, headers=headers)

    (data,) = [line.removeprefix("data:") for line in answer.text.splitlines() if line.startswith("data:")]
    assert json.loads(data)["result"]["protocolVersion"] == "2025-06-18"


async def test_the_list_of_tools_is_as_it_was_released(house: House) -> None:
    async with Client(build_mcp(house).server) as client:
        listed = await client.list_tools()

    tools = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed.tools]
    assert tools == json.loads(GOLDEN.read_text())


def test_the_tools_are_sorted_and_each_says_all_a_host_wants_to_know() -> None:
    tools = [describe_tool(operation) for operation in TOOLS]

    assert [tool.name for tool in tools] == sorted(tool.name for tool in tools)
    for tool in tools:
        assert tool.annotations is not None and None not in tool.annotations.model_dump(exclude={"title"}).values()
        assert len(tool.description or "") <= 300
        assert "$defs" not in tool.input_schema and not tool.input_schema["additionalProperties"]


def test_what_a_model_reads_of_the_tools_stays_small() -> None:
    read = [
        {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
        for tool in map(describe_tool, TOOLS)
    ]

    assert len(json.dumps(read, separators=(",", ":"))) <= 7_000
    assert len(INSTRUCTIONS) <= 1_000


@pytest.mark.parametrize(
    ("tool", "arguments", "named"),
    [
        ("augment_query", {"query": "x", "nonsense": 1}, "nonsense"),
        ("augment_query", {}, "query"),
        ("augment_query", {"query": " "}, "query is empty"),
        ("hybrid_search", {"query": "x", "limit": 101}, "limit"),
        ("search_context", {"query": "x", "collection": "attic"}, "collection"),
        ("route_query", {"query": "x", "mode": "psychic"}, "mode"),
        ("update_outcome", {"interaction_id": "1", "outcome": "maybe"}, "outcome"),
        ("update_outcome", {"interaction_id": "1", "outcome": "success", "user_feedback": 2}, "user_feedback"),
        ("update_outcome", {"interaction_id": "gone", "outcome": "success"}, "'gone'"),
    ],
)
async def test_a_refusal_names_what_is_wrong(house: House, tool: str, arguments: dict[str, Any], named: str) -> None:
    assert named in await refusal(house, tool, **arguments)


async def test_an_unknown_tool_is_a_fault_of_protocol_that_names_the_known_ones(house: House) -> None:
    async with Client(build_mcp(house).server) as client:
        with pytest.raises(MCPError, match=r"unknown tool 'teleport'.*augment_query"):
            await client.call_tool("teleport", {})


async def test_when_to_try_again_is_part_of_the_text(tmp_path: Path) -> None:
    house = build_house(tmp_path, embedder=LoadingEmbedder())

    text = await refusal(house, "augment_query", query="why?")

    assert text == "the embedder is loading; wait for it (try again after 7 s)"


async def test_an_unexpected_error_is_logged_and_not_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broken = ScriptedModel([RuntimeError("the password is hunter2")])

    text = await refusal(build_house(tmp_path, broken), "route_query", query="why?", generate_response=True)

    assert text == "something went wrong inside; the server's log says what"
    assert "hunter2" in caplog.text


async def test_a_result_with_long_passages_is_cut_to_what_an_agent_can_bear(house: House) -> None:
    long = [
        Draft(
            f"22222222-2222-2222-2222-{n:012}", Collection.CODEBASE, "retry loop", f"retry loop {n} " + "wait " * 3000
        )
        for n in range(5)
    ]
    await store(house, *long)

    async with Client(build_mcp(house).server) as client:
        found = await call(client, "hybrid_search", query="retry loop")

    assert len(json.dumps(found, ensure_ascii=False)) <= MOST_BYTES
    shown = [passage["text"] for passage in found["combined_results"]]
    assert len(shown) == 5
    assert all(text.startswith("retry loop") and text.endswith("characters cut]") for text in shown)
    assert found["semantic_results"][0]["text"] == "[written out in combined_results]"


def test_a_result_that_fits_is_left_alone() -> None:
    small = {"query": "q", "results": [{"id": "1", "text": "short", "payload": {}}]}

    assert fit(small) is small


def test_texts_are_cut_no_more_than_needed_and_short_ones_not_at_all() -> None:
    large = {
        "prompt": "p" * 500,
        "results": [{"text": "short"}, {"text": "é" * 5_000}, {"payload": {"code": "x" * 900}}],
    }

    cut = fit(large, most_bytes=4_000)

    assert 3_900 <= len(json.dumps(cut, ensure_ascii=False).encode()) <= 4_000
    assert cut["prompt"] == large["prompt"]
    assert cut["results"][0] == {"text": "short"}
    assert cut["results"][2] == {"payload": {"code": "x" * 900}}


def test_no_passage_is_dropped_however_many_there_are() -> None:
    many = {"rows": [[n, "word " * 200] for n in range(100)]}

    cut = fit(many)

    assert [row[0] for row in cut["rows"]] == list(range(100))
    assert all(row[1].startswith(("word " * 200)[:LEAST_TEXT] + "… [") for row in cut["rows"])


@pytest.mark.parametrize(
    ("header", "status"),
    [({"Origin": "http://evil.example"}, 403), ({"Host": "evil.example:8092"}, 421)],
)
@pytest.mark.parametrize("message", [modern("tools/list"), legacy("tools/list")])
async def test_pages_from_elsewhere_are_turned_away(
    house: House, header: dict[str, str], status: int, message: tuple[dict[str, Any], dict[str, str]]
) -> None:
    body, headers = message

    async with serving(build_mcp(house)) as url, httpx2.AsyncClient() as http:
        answer = await http.post(url, json=body, headers=headers | header)

    assert answer.status_code == status


async def test_a_server_opened_to_the_network_answers_by_any_name(tmp_path: Path) -> None:
    open_to_all = replace(Settings(), server=ServerSettings(host="0.0.0.0"))
    body, headers = modern("tools/list")

    async with serving(build_mcp(build_house(tmp_path, settings=open_to_all))) as url, httpx2.AsyncClient() as http:
        answer = await http.post(url, json=body, headers={**headers, "Host": "hybrid-coordinator:8092"})

    assert answer.status_code == 200


@pytest.mark.parametrize("message", [modern("tools/call", **ASK), legacy("tools/call", **ASK)])
async def test_hanging_up_stops_the_model(tmp_path: Path, message: tuple[dict[str, Any], dict[str, str]]) -> None:
    body, headers = message
    model = WatchedModel()

    async with serving(build_mcp(build_house(tmp_path, model))) as url, httpx2.AsyncClient() as http:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(http.post, url, json=body, headers=headers))
            await model.started.wait()
            tasks.cancel_scope.cancel()
        with anyio.fail_after(DEADLINE_S):
            await model.stopped.wait()

    assert model.stopped.is_set()
