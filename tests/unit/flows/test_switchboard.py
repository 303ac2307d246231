"""Where a gateway request goes, and what question it is."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest

from bench.gateway_answers import TEXT, WIRES
from hybrid_coordinator.domain.gateway import WireCall
from hybrid_coordinator.domain.query import Completion, Prompt, Wishes, fold
from hybrid_coordinator.errors import BadInput, ModelUnavailable, NotFound, VendorRefused
from hybrid_coordinator.flows.relay import RelayPolicy
from hybrid_coordinator.flows.resting import LONGEST_REST_S
from hybrid_coordinator.flows.switchboard import Question, Switchboard, VendorDesk
from hybrid_coordinator.logic.destinations import Destination, Place
from hybrid_coordinator.ports import Model, WireReply
from hybrid_coordinator.testing import ManualClock, ScriptedModel
from room import AWAY, HOME

BODY = {"messages": [{"role": "user", "content": "bake a loaf"}], "model": "auto", "vendor_only": {"kept": True}}
JSON = (b"content-type", b"application/json")


@dataclass
class CannedVendor:
    """Gives the same reply for ever, and keeps what it was sent."""

    name: str = "openai"
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = (JSON,)
    body: bytes = field(default_factory=lambda: orjson.dumps(WIRES["/v1/chat/completions"].whole(BODY)))
    sent: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)

    async def send(self, path: str, headers: Mapping[str, str], body: bytes, *, wait_s: float) -> WireReply:
        self.sent.append((path, headers, body))
        return WireReply(self.status, self.headers, self._pieces(), lambda: None)

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        for start in range(0, len(self.body), 100):
            yield self.body[start : start + 100]

    async def aclose(self) -> None:
        """Nothing is held."""


@dataclass
class Board:
    """A switchboard, and what stands behind it."""

    vendor: CannedVendor = field(default_factory=CannedVendor)
    clock: ManualClock = field(default_factory=ManualClock)
    keyed: bool = True
    model_map: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        desk = VendorDesk(self.vendor, AWAY, self.keyed, lambda name: ScriptedModel(card=replace(AWAY, name=name)))
        self.switchboard = Switchboard(
            {"home": ScriptedModel(card=HOME), "away": ScriptedModel(card=AWAY)},
            {"openai": desk, "anthropic": replace(desk, vendor=CannedVendor("anthropic"))},
            self.model_map,
            RelayPolicy(),
            self.clock,
        )

    def ask(self, model: str = "auto", **changes: Any) -> Question:
        call = call_for(model, **changes)
        return self.switchboard.question(call, self.switchboard.find_destination(model, call.format))


def call_for(model: str = "auto", **changes: Any) -> WireCall:
    body = {**BODY, "model": model}
    plain = WireCall("openai-chat", "/chat/completions?a=b", {}, body, json.dumps(body).encode(), model, False)
    return replace(plain, **changes)


async def hear(model: Model, prompt: Prompt | None) -> Completion:
    assert prompt is not None
    async with aclosing(model.stream(prompt)) as events:
        return fold([event async for event in events])


def test_a_local_model_that_is_not_set_up_is_told_with_those_that_are() -> None:
    with pytest.raises(NotFound, match="'local-coder' is not set up here; there are home"):
        Board().switchboard.find_destination("local-coder", "openai-chat")


def test_where_nothing_may_leave_the_machine_a_vendors_model_is_told_so() -> None:
    switchboard = Switchboard({}, {}, {}, RelayPolicy(), ManualClock())

    with pytest.raises(NotFound, match="HYBRID_MODE_ENABLED"):
        switchboard.find_destination("gpt-4o", "openai-chat")
    assert switchboard.find_destination("auto", "openai-chat").place is Place.AUTO


@pytest.mark.parametrize(
    ("model", "format_name", "relayed"),
    [
        ("gpt-4o", "openai-chat", True),
        ("gpt-4o", "openai-responses", True),
        ("gpt-4o", "anthropic", False),
        ("claude-sonnet-5", "anthropic", True),
        ("claude-sonnet-5", "openai-chat", False),
        ("of-tomorrow", "anthropic", True),
        ("mapped", "openai-chat", False),
        ("auto", "openai-chat", False),
        ("home", "openai-chat", False),
    ],
)
def test_only_a_vendors_own_model_in_its_own_format_and_by_its_own_name_is_relayed(
    model: str, format_name: str, relayed: bool
) -> None:
    switchboard = Board(model_map={"mapped": "gpt-4o"}).switchboard

    destination = switchboard.find_destination(model, format_name)

    assert switchboard.is_relayed(call_for(model, format=format_name), destination) is relayed


def test_a_question_carries_what_the_client_asked_and_wants() -> None:
    query = Board().ask(asker="anne", session_id="s", wishes=Wishes(record=False)).query

    assert query.text == "bake a loaf"
    assert query.conversation is not None
    assert query.conversation.turns[-1].text == "bake a loaf"
    assert (query.asker, query.session_id, query.model, query.wishes.record) == ("anne", "s", "", False)


def test_a_body_that_its_format_does_not_allow_is_refused() -> None:
    with pytest.raises(BadInput, match="messages"):
        Board().switchboard.question(call_for(body={"messages": 5}), Destination(Place.AUTO, "auto"))


def test_at_home_no_vendor_has_a_voice() -> None:
    question = Board().ask("home")

    assert question.voices == {}
    assert question.query.model == "home"


def test_a_model_of_the_other_vendor_is_asked_in_the_coordinators_words() -> None:
    question = Board().ask("claude-sonnet-5")

    assert isinstance(question.voices["claude-sonnet-5"], ScriptedModel)


def test_without_a_key_of_ours_only_an_asker_who_brings_one_is_served() -> None:
    board = Board(keyed=False)

    assert board.ask().voices == {}
    assert set(board.ask(headers={"authorization": "Bearer k"}).voices) == {"away"}
    assert set(board.ask(headers={"x-api-key": "k"}).voices) == {"away"}


async def test_a_vendor_is_sent_the_askers_own_request_with_nothing_but_the_models_name_changed() -> None:
    board = Board()
    question = board.ask()

    completion = await hear(question.voices["away"], question.query.conversation)

    assert completion.text == TEXT
    [(path, _, body)] = board.vendor.sent
    assert path == "/chat/completions?a=b"
    assert json.loads(body) == {**BODY, "model": "away"}


async def test_a_vendor_that_asks_for_a_rest_is_left_alone_for_so_long() -> None:
    board = Board(CannedVendor(status=429, headers=(JSON, (b"Retry-After", b"30")), body=b"{}"))
    question = board.ask()
    with pytest.raises(VendorRefused) as refused:
        await hear(question.voices["away"], question.query.conversation)

    board.clock.advance(20)
    with pytest.raises(ModelUnavailable, match="asked again in 10 s") as resting:
        await hear(board.ask().voices["away"], question.query.conversation)
    with pytest.raises(ModelUnavailable):
        await board.ask().voices["away"].check()
    board.clock.advance(10)
    with pytest.raises(VendorRefused):
        await hear(board.ask().voices["away"], question.query.conversation)

    assert (refused.value.retry_after_s, resting.value.retry_after_s) == (30.0, 10.0)
    assert len(board.vendor.sent) == 2


async def test_a_rest_may_be_a_date_and_is_never_endless() -> None:
    dates = ((b"retry-after", b"Sat, 03 Jan 2026 00:00:00 GMT"), (b"date", b"Thu, 01 Jan 2026 00:00:00 GMT"))
    board = Board(CannedVendor(status=503, headers=dates, body=b"busy"))
    question = board.ask()
    with pytest.raises(VendorRefused):
        await hear(question.voices["away"], question.query.conversation)

    with pytest.raises(ModelUnavailable) as resting:
        await hear(question.voices["away"], question.query.conversation)

    assert resting.value.retry_after_s == LONGEST_REST_S


@pytest.mark.parametrize("asked", [b"soon", b"-5", b"", b"1e9", b"0"])
async def test_a_wait_that_is_none_is_no_rest(asked: bytes) -> None:
    board = Board(CannedVendor(status=429, headers=((b"retry-after", asked),), body=b"{}"))
    question = board.ask()
    for _ in range(2):
        with pytest.raises(VendorRefused):
            await hear(question.voices["away"], question.query.conversation)

    assert len(board.vendor.sent) == 2


async def test_who_names_a_model_that_rests_is_asked_for_again_all_the_same() -> None:
    board = Board(CannedVendor(status=429, headers=((b"retry-after", b"30"),), body=b"{}"), model_map={"m": "gpt-4o"})
    question = board.ask("m")
    for _ in range(2):
        with pytest.raises(VendorRefused):
            await hear(question.voices["gpt-4o"], question.query.conversation)

    assert len(board.vendor.sent) == 2
