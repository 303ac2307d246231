"""Vendors that fail in every way, behind a gateway on real sockets: what the client is told, and what is recorded."""

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import anyio
import anyio.lowlevel
import httpx2
import pytest
import uvicorn
from anyio.abc import SocketStream

from bench.gateway_answers import TEXT, WIRES
from hybrid_coordinator.backends.http import Endpoint
from hybrid_coordinator.backends.vendors.http import HttpVendor, open_session
from hybrid_coordinator.domain.interaction import HUNG_UP, Interaction
from hybrid_coordinator.errors import StorageFull
from hybrid_coordinator.faces.gateway import Gateway, refuse
from hybrid_coordinator.faces.guard import Guard
from hybrid_coordinator.flows.switchboard import VendorDesk
from hybrid_coordinator.settings import PatienceSettings
from hybrid_coordinator.testing import MemoryLedger, ScriptedModel
from hybrid_coordinator.wire.sse import MAX_EVENT_BYTES
from room import AWAY, CALM, Room
from servers import Script, ScriptedServer, begin, hang, hang_up, nobody, reply, scripted_server

SILENCE_S = 0.3
"""How long a vendor may be silent in these tests."""

QUESTION = "bake a loaf of bread"


@dataclass(frozen=True, slots=True)
class Wire:
    """An endpoint, whose vendor's model is named in a request, and the request."""

    path: str
    vendor: str
    model: str
    body: Mapping[str, Any]

    def ask(self, model: str, *, stream: bool = False) -> dict[str, Any]:
        return {**self.body, "model": model, "stream": stream}

    def stream(self) -> list[bytes]:
        """The bursts of a whole streamed answer."""
        return WIRES[self.path].stream(self.ask(self.model, stream=True))

    def message_of(self, error: Mapping[str, Any]) -> str:
        """What an error says; a KeyError when it has not the vendor's shape."""
        if self.vendor == "anthropic":
            assert error["type"] == "error"
            assert error["error"]["type"]
        else:
            assert {"type", "param", "code"} <= error["error"].keys()
        return str(error["error"]["message"])


UNCACHED = {"x-coordinator-options": "no-cache"}

MESSAGES = [{"role": "user", "content": QUESTION}]
CHAT = Wire("/v1/chat/completions", "openai", "gpt-4o", {"messages": MESSAGES})
RESPONSES = Wire("/v1/responses", "openai", "gpt-4o", {"input": QUESTION})
ANTHROPIC = Wire("/v1/messages", "anthropic", "claude-sonnet-5", {"messages": MESSAGES, "max_tokens": 50})

every_wire = pytest.mark.parametrize("wire", [CHAT, RESPONSES, ANTHROPIC], ids=lambda wire: wire.path)


def raw(data: bytes) -> Script:
    """Say these bytes, and close."""

    async def script(stream: SocketStream) -> None:
        await stream.send(data)

    return script


def keep_open(data: bytes, closed: anyio.Event) -> Script:
    """Begin a stream with these bytes and go on until the other side hangs up, which sets the event."""

    async def script(stream: SocketStream) -> None:
        await begin(data, then_hang=False)(stream)
        with anyio.fail_after(10):
            try:
                await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                closed.set()

    return script


TOO_MANY = reply(
    b'{"error":{"type":"rate_limit_error","message":"slow down"}}',
    status="429 Too Many Requests",
    content_type="application/json",
    headers="Retry-After: 30\r\n",
)

FAULTS: Mapping[str, Script] = {
    "hangs up": hang_up,
    "says nothing": hang,
    "speaks another protocol": raw(b"\x00\xff\x12garbage\r\n\r\n"),
    "sends less than it said": raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"),
    "breaks off": raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"),
    "has moved": raw(b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/elsewhere\r\nContent-Length: 0\r\n\r\n"),
    "packs what it cannot": reply(b"{}", content_type="application/json", headers="Content-Encoding: br\r\n"),
    "sends endless headers": raw(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 70_000 + b"\r\nContent-Length: 0\r\n\r\n"),
}
"""What never becomes an answer, whether whole or streamed."""

every_fault = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())


class FullLedger(MemoryLedger):
    """A ledger on a full disk."""

    async def append(self, interaction: Interaction, *, patient: bool = False) -> None:
        raise StorageFull("the disk is full: free some space")


@dataclass(frozen=True, slots=True)
class Door:
    """A gateway on a socket, the room behind it, and the tasks that ran when it was opened."""

    room: Room
    http: httpx2.AsyncClient
    tasks: frozenset[str]

    async def record(self) -> Interaction:
        """The newest record, once there is one and nothing of the request is left running."""
        with anyio.fail_after(10):
            while not (found := await self.room.ledger.recent(limit=1)) or running_tasks() - self.tasks:
                await anyio.lowlevel.checkpoint()
        return found[0]


def running_tasks() -> frozenset[str]:
    """The names of all tasks but those of the scripted upstream, which may hang by intention."""
    names = (task.get_name() for task in asyncio.all_tasks())
    return frozenset(name for name in names if "scripted_server" not in name)


@asynccontextmanager
async def gateway(upstream: str, room: Room | None = None, *, keyed: bool = True) -> AsyncIterator[Door]:
    """A gateway between a client and one upstream, which stands for both vendors."""
    room = room or Room()
    room.settings = replace(CALM, patience=PatienceSettings(first_word_s=SILENCE_S, whole_answer_s=SILENCE_S))
    async with AsyncExitStack() as stack:
        for vendor in ("openai", "anthropic"):
            session = await stack.enter_async_context(open_session(2.0, trust_env=False))
            key = {"authorization": "Bearer the-vendors-key"} if keyed else {}
            api = HttpVendor(Endpoint(vendor, upstream), key, session)
            room.desks[vendor] = VendorDesk(api, AWAY, keyed=keyed, model=_named)
        house = room.house
        app = Guard(Gateway(house), server=house.settings.server, refuse=refuse)
        url = await stack.enter_async_context(_listening(app))
        http = await stack.enter_async_context(httpx2.AsyncClient(base_url=url, timeout=10, trust_env=False))
        yield Door(room, http, running_tasks())


@asynccontextmanager
async def _listening(app: Guard) -> AsyncIterator[str]:
    config = uvicorn.Config(app, port=0, lifespan="off", log_config=None, access_log=False)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        await server.shutdown()


def _named(name: str) -> ScriptedModel:
    return ScriptedModel(card=replace(AWAY, name=name))


def last_event(streamed: bytes) -> Any:
    """The JSON of a stream's last event."""
    return json.loads(streamed.rstrip().rpartition(b"data: ")[2])


def failure_in(wire: Wire, streamed: bytes) -> str:
    """What the failure at the end of a stream says, in the vendor's words for it."""
    event = last_event(streamed)
    return str(event["message"]) if wire is RESPONSES else wire.message_of(event)


@every_wire
@every_fault
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_vendor_that_fails_is_told_in_its_own_shape_and_recorded(
    wire: Wire, fault: Script, stream: bool
) -> None:
    async with scripted_server(fault) as upstream, gateway(upstream.url) as door:
        response = await door.http.post(wire.path, json=wire.ask(wire.model, stream=stream))
        record = await door.record()

    assert response.status_code == 503
    assert wire.message_of(response.json()) == record.failure
    assert record.model_used == wire.model
    assert record.query == QUESTION
    assert len(upstream.requests) == 1


@every_wire
@every_fault
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_when_the_vendor_fails_before_a_word_home_answers(wire: Wire, fault: Script, stream: bool) -> None:
    async with scripted_server(fault) as upstream, gateway(upstream.url) as door:
        response = await door.http.post(wire.path, json=wire.ask("auto", stream=stream))
        record = await door.record()

    assert response.status_code == 200
    assert response.headers["x-coordinator-model"] == "home"
    assert "home says so" in response.text
    assert record.failure is None
    assert record.response == "home says so"
    assert len(upstream.requests) == 1


@every_wire
async def test_an_upstream_that_is_not_there_is_told_as_unavailable(wire: Wire) -> None:
    async with nobody() as url, gateway(url) as door:
        response = await door.http.post(wire.path, json=wire.ask(wire.model))
        found = await door.room.ledger.recent(limit=1)

    assert response.status_code == 503
    assert "cannot be reached" in wire.message_of(response.json())
    assert found[0].failure == wire.message_of(response.json())


@pytest.mark.parametrize("url", ["http://no host/", "http://[::1", "http://127.0.0.1:99999", "nonsense"])
async def test_a_url_that_is_none_is_told_and_recorded(url: str) -> None:
    async with gateway(url) as door:
        response = await door.http.post(CHAT.path, json=CHAT.ask(CHAT.model))
        found = await door.room.ledger.recent(limit=1)

    assert response.status_code == 503
    assert CHAT.message_of(response.json()) == found[0].failure


@every_wire
@pytest.mark.parametrize("model", ["its own", "auto"])
async def test_a_stream_that_breaks_off_ends_in_the_formats_own_failure(wire: Wire, model: str) -> None:
    half = b"".join(wire.stream()[:3]) + b"data: {"
    async with scripted_server(begin(half, then_hang=False)) as upstream, gateway(upstream.url) as door:
        asked = wire.model if model == "its own" else model
        response = await door.http.post(wire.path, json=wire.ask(asked, stream=True))
        record = await door.record()

    assert response.status_code == 200
    assert response.content.startswith(half)
    assert failure_in(wire, response.content) == record.failure
    if model == "its own":
        assert record.response
        assert TEXT.startswith(record.response)


@every_wire
@pytest.mark.parametrize("model", ["its own", "auto"])
async def test_a_stream_that_stalls_is_given_up(wire: Wire, model: str) -> None:
    half = b"".join(wire.stream()[:3])
    async with scripted_server(begin(half, then_hang=True)) as upstream, gateway(upstream.url) as door:
        asked = wire.model if model == "its own" else model
        response = await door.http.post(wire.path, json=wire.ask(asked, stream=True))
        found = await door.room.ledger.recent(limit=1)

    assert f"said nothing for {SILENCE_S:g} s" in failure_in(wire, response.content)
    assert found[0].failure == failure_in(wire, response.content)


@every_wire
async def test_a_stream_that_ends_too_early_in_good_order_is_recorded_as_cut_short(wire: Wire) -> None:
    half = b"".join(wire.stream()[:3])
    async with scripted_server(reply(half)) as upstream, gateway(upstream.url) as door:
        named = await door.http.post(wire.path, json=wire.ask(wire.model, stream=True))
        record = await door.record()
        chosen = await door.http.post(wire.path, json=wire.ask("auto", stream=True))

    assert named.content == half
    assert "ended before the answer did" in str(record.failure)
    assert "ended before the answer did" in failure_in(wire, chosen.content)


@every_wire
async def test_an_event_that_never_ends_is_passed_on_and_not_kept(wire: Wire) -> None:
    endless = b"data: " + b"x" * (MAX_EVENT_BYTES + 10)
    async with scripted_server(reply(endless)) as upstream, gateway(upstream.url) as door:
        response = await door.http.post(wire.path, json=wire.ask(wire.model, stream=True))
        record = await door.record()

    assert response.content == endless
    assert "longer than" in str(record.failure)


@every_wire
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_page_in_place_of_an_answer_is_passed_on_as_it_is_and_recorded_as_none(
    wire: Wire, stream: bool
) -> None:
    page = reply(b"<html>maintenance</html>", content_type="text/html")
    async with scripted_server(page) as upstream, gateway(upstream.url) as door:
        named = await door.http.post(wire.path, json=wire.ask(wire.model, stream=stream))
        record = await door.record()
        chosen = await door.http.post(wire.path, json=wire.ask("auto", stream=stream))

    assert (named.status_code, named.content) == (200, b"<html>maintenance</html>")
    assert "is not JSON" in str(record.failure)
    assert "home says so" in chosen.text


@every_wire
async def test_what_nobody_asked_to_be_packed_is_unpacked(wire: Wire) -> None:
    packed = gzip.compress(json.dumps(WIRES[wire.path].whole(wire.ask(wire.model))).encode())
    script = reply(packed, content_type="application/json", headers="Content-Encoding: gzip\r\n")
    async with scripted_server(script) as upstream, gateway(upstream.url) as door:
        async with door.http.stream("POST", wire.path, json=wire.ask(wire.model)) as response:
            body = b"".join([piece async for piece in response.aiter_raw()])
        record = await door.record()

    assert TEXT.encode() in body
    assert "content-encoding" not in response.headers
    assert record.response == TEXT
    assert record.failure is None
    assert b"accept-encoding" not in upstream.requests[0].lower()


@every_wire
async def test_early_hints_and_empty_answers_pass(wire: Wire) -> None:
    hinted = raw(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
    async with scripted_server(hinted) as upstream, gateway(upstream.url) as door:
        response = await door.http.post(wire.path, json=wire.ask(wire.model))
        record = await door.record()

    assert (response.status_code, response.content) == (204, b"")
    assert record.failure


@every_wire
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_refusal_of_the_vendor_reaches_its_client_word_for_word(wire: Wire, stream: bool) -> None:
    async with scripted_server(TOO_MANY) as upstream, gateway(upstream.url) as door:
        response = await door.http.post(wire.path, json=wire.ask(wire.model, stream=stream))
        record = await door.record()

    assert response.status_code == 429
    assert response.headers["retry-after"] == "30"
    assert response.json()["error"]["message"] == "slow down"
    assert record.failure == "slow down"


@every_wire
async def test_a_vendor_that_asked_for_a_rest_is_not_asked_before_it_is_over(wire: Wire) -> None:
    async with scripted_server(TOO_MANY) as upstream, gateway(upstream.url) as door:
        asked: list[int] = []
        for wait_s in (0, 29, 2):
            door.room.clock.advance(wait_s)
            response = await door.http.post(wire.path, json=wire.ask("auto"), headers=UNCACHED)
            assert "home says so" in response.text
            asked.append(len(upstream.requests))

    assert asked == [1, 1, 2]


@every_wire
async def test_a_rest_that_leaves_nobody_to_ask_is_told_with_the_wait_that_is_left(wire: Wire) -> None:
    async with scripted_server(TOO_MANY) as upstream, gateway(upstream.url) as door:
        door.room.models.clear()
        first = await door.http.post(wire.path, json=wire.ask("auto"))
        door.room.clock.advance(10)
        second = await door.http.post(wire.path, json=wire.ask("auto"))

    assert (first.status_code, first.headers["retry-after"]) == (429, "30")
    assert (second.status_code, second.headers["retry-after"]) == (503, "20")
    assert "left alone" in wire.message_of(second.json())
    assert len(upstream.requests) == 1


async def test_the_rest_of_one_askers_key_is_not_that_of_another() -> None:
    async with scripted_server(TOO_MANY) as upstream, gateway(upstream.url, keyed=False) as door:
        for key in ("one", "one", "other"):
            await door.http.post(
                CHAT.path, json=CHAT.ask("auto"), headers=UNCACHED | {"authorization": f"Bearer {key}"}
            )

    assert len(upstream.requests) == 2


@every_wire
@pytest.mark.parametrize("model", ["its own", "auto"])
async def test_a_client_that_hangs_up_ends_the_vendors_answer_too(wire: Wire, model: str) -> None:
    closed = anyio.Event()
    half = b"".join(wire.stream()[:3])
    async with scripted_server(keep_open(half, closed)) as upstream, gateway(upstream.url) as door:
        door.room.settings = CALM
        asked = wire.ask(wire.model if model == "its own" else model, stream=True)
        async with door.http.stream("POST", wire.path, json=asked) as response:
            await anext(response.aiter_raw())
        with anyio.fail_after(10):
            await closed.wait()
        record = await door.record()

    assert record.failure == HUNG_UP


@every_wire
@pytest.mark.parametrize("model", ["its own", "auto"])
async def test_a_client_that_hangs_up_before_the_first_word_is_recorded(wire: Wire, model: str) -> None:
    asked = wire.ask(wire.model if model == "its own" else model)
    came = anyio.Event()

    async def listen(stream: SocketStream) -> None:
        came.set()
        await hang(stream)

    async with scripted_server(listen) as upstream, gateway(upstream.url) as door:
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: door.http.post(wire.path, json=asked))
            await came.wait()
            group.cancel_scope.cancel()
        record = await door.record()

    assert record.failure == HUNG_UP
    assert record.query == QUESTION


@every_wire
async def test_a_client_that_leaves_after_the_last_word_has_had_a_whole_answer(wire: Wire) -> None:
    closed = anyio.Event()
    async with scripted_server(keep_open(b"".join(wire.stream()), closed)) as upstream, gateway(upstream.url) as door:
        async with door.http.stream("POST", wire.path, json=wire.ask(wire.model, stream=True)) as response:
            pieces, told = response.aiter_raw(), b""
            while len(told) < len(b"".join(wire.stream())):
                told += await anext(pieces)
        record = await door.record()

    assert record.failure is None
    assert record.response == TEXT


@every_wire
async def test_a_relayed_answer_reaches_its_client_although_the_disk_is_full(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    whole = json.dumps(WIRES[wire.path].whole(wire.ask(wire.model))).encode()
    async with scripted_server(reply(whole, content_type="application/json")) as upstream:
        async with gateway(upstream.url, Room(ledger=FullLedger())) as door:
            with caplog.at_level(logging.ERROR):
                response = await door.http.post(wire.path, json=wire.ask(wire.model))
                again = await door.http.post(wire.path, json=wire.ask(wire.model))

    assert (response.status_code, response.content) == (200, whole)
    assert again.content == whole
    assert "not recorded" in caplog.text
    assert QUESTION not in caplog.text


async def test_half_of_a_surrogate_pair_from_a_vendor_is_passed_on_and_recorded() -> None:
    event = rb'data: {"choices":[{"index":0,"delta":{"content":"cut \ud83d"},"finish_reason":"stop"}]}'
    async with scripted_server(reply(event + b"\n\ndata: [DONE]\n\n")) as upstream, gateway(upstream.url) as door:
        response = await door.http.post(CHAT.path, json=CHAT.ask(CHAT.model, stream=True))
        record = await door.record()

    assert rb"cut \ud83d" in response.content
    assert record.response.startswith("cut ")


@every_wire
async def test_half_of_a_surrogate_pair_from_home_does_not_spoil_a_whole_answer(wire: Wire) -> None:
    room = Room()
    room.models["home"] = ScriptedModel(["cut \ud83d"], card=room.models["home"].card)
    async with nobody() as url, gateway(url, room) as door:
        response = await door.http.post(wire.path, json=wire.ask("home"))

    assert response.status_code == 200
    assert rb"cut \ud83d" in response.content


def heads(upstream: ScriptedServer) -> bytes:
    """The heads of all requests that came."""
    return b"\r\n".join(request.partition(b"\r\n\r\n")[0] for request in upstream.requests)


async def test_a_key_for_this_door_and_headers_of_this_connection_stay_here() -> None:
    whole = json.dumps(WIRES[CHAT.path].whole(CHAT.ask(CHAT.model))).encode()
    sent = {
        "authorization": "Bearer of-the-asker",
        "x-api-key": "of-the-asker",
        "x-coordinator-session": "s",
        "te": "x",
    }
    async with scripted_server(reply(whole, content_type="application/json")) as upstream:
        async with gateway(upstream.url) as door:
            await door.http.post(CHAT.path, json=CHAT.ask(CHAT.model), headers=sent | {"x-stays": "yes"})

    assert b"the-vendors-key" in heads(upstream)
    assert b"x-stays: yes" in heads(upstream).lower()
    assert b"of-the-asker" not in heads(upstream)
    assert b"x-coordinator" not in heads(upstream).lower()
