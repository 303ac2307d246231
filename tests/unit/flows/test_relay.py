"""A relayed request leaves one record, whatever becomes of it."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import pytest

from bench.gateway_answers import TEXT, WIRES
from hybrid_coordinator.domain.gateway import WireCall
from hybrid_coordinator.domain.interaction import HUNG_UP, UNRECORDED_TAG, AgentType, Interaction
from hybrid_coordinator.domain.query import Wishes
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.flows.relay import CUT_SHORT, RelayPolicy
from hybrid_coordinator.flows.switchboard import VendorDesk
from hybrid_coordinator.ports import WireReply
from hybrid_coordinator.testing import ManualClock, ScriptedModel
from room import AWAY, Room

PATH = "/v1/chat/completions"
SECRET = "sk-proj-" + "a1B2" * 12
BODY: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": f"bake a loaf with {SECRET}"}]}
Said = bytes | float | Exception | anyio.Event

STREAM = (b"content-type", b"text/event-stream")


@dataclass
class SpokenVendor:
    """Says these pieces; a number lets so many seconds pass, an event is waited for, an error ends it."""

    pieces: Sequence[Said]
    clock: ManualClock
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()
    name: str = "openai"
    waits: list[float] = field(default_factory=list)
    hung_up: int = 0

    async def send(self, path: str, headers: Mapping[str, str], body: bytes, *, wait_s: float) -> WireReply:
        self.waits.append(wait_s)
        first = self.pieces[0] if self.pieces else b""
        if isinstance(first, ModelUnavailable):
            raise first
        if isinstance(first, anyio.Event):
            await first.wait()
        return WireReply(self.status, self.headers, self._say(), self._hang_up)

    async def _say(self) -> AsyncGenerator[bytes, None]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, anyio.Event):
                await piece.wait()
            elif isinstance(piece, float):
                self.clock.advance(piece)
            else:
                yield piece

    def _hang_up(self) -> None:
        self.hung_up += 1

    async def aclose(self) -> None:
        """Nothing is held."""


@dataclass
class Line:
    """A relay to one vendor, and the ledger it writes to."""

    room: Room
    vendor: SpokenVendor

    def __post_init__(self) -> None:
        desk = VendorDesk(self.vendor, AWAY, keyed=True, model=lambda name: ScriptedModel(card=AWAY))
        self.room.desks["openai"] = desk
        self.relay = self.room.house.relay

    async def pass_on(self, call: WireCall, pieces: int | None = None) -> bytes:
        """What the asker got, of all pieces or of the first so many."""
        relayed = await self.relay.open(call)
        told: list[bytes] = []
        try:
            async for piece in relayed.pieces():
                told.append(piece)
                if len(told) == pieces:
                    break
        finally:
            await relayed.close()
        return b"".join(told)

    async def record(self) -> Interaction:
        [found] = await self.room.ledger.recent(limit=5)
        return found


def line(*pieces: Said, **changes: Any) -> Line:
    room = Room()
    return Line(room, SpokenVendor(pieces, room.clock, **changes))


def call_for(**changes: Any) -> WireCall:
    return replace(
        WireCall("openai-chat", "/chat/completions", {}, BODY, json.dumps(BODY).encode(), "gpt-4o", False), **changes
    )


def bursts() -> list[bytes]:
    return WIRES[PATH].stream({**BODY, "stream_options": {"include_usage": True}})


async def test_a_whole_stream_is_recorded_with_its_words_its_counts_and_its_times() -> None:
    first, *rest = bursts()
    through = line(2.0, first, 1.0, *rest, headers=(STREAM,))

    told = await through.pass_on(call_for(streaming=True, asker="anne", session_id="s"))
    record = await through.record()

    assert told == first + b"".join(rest)
    assert record.response == TEXT
    assert record.agent_type is AgentType.REMOTE
    assert (record.model_used, record.asker, record.session_id) == ("gpt-4o", "anne", "s")
    assert record.tokens_used == record.input_tokens + record.output_tokens > 0
    assert (record.first_token_ms, record.latency_ms) == (2000, 3000)
    assert record.cost > 0
    assert record.failure is None


async def test_a_secret_in_a_question_is_passed_on_and_not_kept() -> None:
    through = line(*bursts(), headers=(STREAM,))

    await through.pass_on(call_for(streaming=True))

    assert "bake a loaf" in (await through.record()).query
    assert SECRET not in (await through.record()).query


async def test_who_wants_no_record_leaves_only_what_it_cost() -> None:
    through = line(*bursts(), headers=(STREAM,))

    await through.pass_on(call_for(streaming=True, session_id="s", wishes=Wishes(record=False)))
    record = await through.record()

    assert (record.query, record.response, record.session_id, record.tags) == ("", "", None, (UNRECORDED_TAG,))
    assert record.cost > 0


@pytest.mark.parametrize(
    ("pieces", "failure"),
    [
        ([ModelUnavailable("died")], "died"),
        ([*bursts()[:3], ModelUnavailable("broke off")], "broke off"),
        (bursts()[:3], CUT_SHORT),
        ([], CUT_SHORT),
        ([b"data: {\n\n"], "an event is not JSON: '{'"),
        ([b"data: \xff\n\n"], "the stream is not UTF-8: invalid start byte"),
        ([b'data: {"error": {"message": "overloaded"}}\n\n'], "overloaded"),
    ],
    ids=["never came", "broke off", "cut short", "empty", "no JSON", "no UTF-8", "an error"],
)
async def test_a_stream_that_is_no_whole_answer_is_recorded_as_what_it_was(
    pieces: Sequence[bytes | Exception], failure: str
) -> None:
    through = line(*pieces, headers=(STREAM,))

    try:
        await through.pass_on(call_for(streaming=True))
    except ModelUnavailable as error:
        assert str(error) == failure

    assert failure in str((await through.record()).failure)


@pytest.mark.parametrize("status", [400, 401, 429, 500, 529])
@pytest.mark.parametrize("streaming", [False, True])
async def test_a_refusal_is_recorded_in_the_vendors_words(status: int, streaming: bool) -> None:
    through = line(b'{"error": {"message": "the vendors words"}}', status=status, headers=(STREAM,))

    await through.pass_on(call_for(streaming=streaming))

    assert (await through.record()).failure == "the vendors words"


@pytest.mark.parametrize("pieces", [1, 4])
async def test_an_asker_who_hangs_up_leaves_what_was_heard_until_then(pieces: int) -> None:
    through = line(*bursts(), headers=(STREAM,))

    await through.pass_on(call_for(streaming=True), pieces)
    record = await through.record()

    assert record.failure == HUNG_UP
    assert TEXT.startswith(record.response)
    assert through.vendor.hung_up == 1


async def test_an_asker_who_leaves_after_the_last_word_had_it_all() -> None:
    through = line(*bursts(), b": more\n\n", headers=(STREAM,))

    await through.pass_on(call_for(streaming=True), len(bursts()))

    assert (await through.record()).failure is None


async def test_an_asker_who_is_cancelled_while_the_vendor_is_silent_is_recorded() -> None:
    through = line(anyio.Event())

    with anyio.move_on_after(0.001):
        await through.pass_on(call_for())

    assert (await through.record()).failure == HUNG_UP


async def test_a_stream_may_be_silent_for_less_long_than_an_answer_in_one_piece() -> None:
    through = line(*bursts(), headers=(STREAM,))
    await through.pass_on(call_for(streaming=True))
    await through.pass_on(call_for())

    policy = RelayPolicy()
    assert through.vendor.waits == [policy.stream_wait_s, policy.whole_wait_s]


async def test_what_is_no_question_is_passed_on_and_not_recorded() -> None:
    through = line(b"[]")

    reply = await through.relay.forward("openai", "/embeddings", {}, b"{}")

    assert b"".join([piece async for piece in reply.pieces]) == b"[]"
    assert not await through.room.ledger.recent(limit=5)
