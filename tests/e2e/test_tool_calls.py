"""Tool calls and JSON answers of a real small model whose chat template knows no tools."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hybrid_coordinator.backends.clock import SystemClock
from hybrid_coordinator.backends.http import open_client
from hybrid_coordinator.backends.models.engine import EnginePolicy, LlamaCppEngine
from hybrid_coordinator.backends.models.llama_server import LlamaServerModel
from hybrid_coordinator.backends.models.llamacpp import LlamaCppModel
from hybrid_coordinator.backends.models.llamacpp_process import Access, Weights
from hybrid_coordinator.backends.models.streaming import Patience
from hybrid_coordinator.domain.query import (
    Completion,
    Prompt,
    Role,
    StopReason,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    fold,
)
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.logic.validation import ValidationPolicy, check_answer
from hybrid_coordinator.ports import Model
from servers import Script, gemma_server, hang, llama_server, reply, scripted_server, smollm2

CARD = ModelCard("small", Location.LOCAL, context_tokens=2048)

BOOK = Tool(
    "book_room",
    "Book a meeting room.",
    {
        "type": "object",
        "properties": {
            "day": {"type": "string", "format": "date"},
            "code": {"type": "string", "pattern": r"^[A-Z]{2}-\d{3}$"},
            "people": {"type": "array", "items": {"$ref": "#/$defs/person"}, "minItems": 1, "maxItems": 2},
            "share": {"type": "number", "minimum": 0, "maximum": 1},
        },
        "required": ["day", "code", "people", "share"],
        "$defs": {"person": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
    },
)
TIME = Tool("get_time", "What time it is.", {"type": "object", "properties": {}})
ASKED = Prompt(
    (Turn(Role.USER, ("Book the room AB-123 for Ada tomorrow.",)),), max_tokens=160, temperature=0.0, tools=(TIME, BOOK)
)


@pytest.fixture(scope="module")
def llama() -> Iterator[Access]:
    with llama_server() as access:
        yield access


@asynccontextmanager
async def speaking(access: Access, patience: Patience | None = None) -> AsyncIterator[LlamaServerModel]:
    model = LlamaServerModel(
        CARD,
        base_url=access.address,
        model="small",
        client=open_client(trust_env=False),
        api_key=access.key,
        patience=patience or Patience(),
    )
    async with aclosing(model):
        yield model


async def ask(access: Access, prompt: Prompt) -> Completion:
    async with speaking(access) as model:
        return await listen(model, prompt)


async def listen(model: Model, prompt: Prompt) -> Completion:
    async with aclosing(model.stream(prompt)) as pieces:
        return fold([piece async for piece in pieces])


async def test_the_built_in_engine_makes_a_call_that_fits_its_schema() -> None:
    prompt = replace(ASKED, tool_choice=ToolChoice.REQUIRED)
    engine = LlamaCppEngine(Weights(smollm2(), CARD.name, CARD.context_tokens), SystemClock(), EnginePolicy())

    async with aclosing(LlamaCppModel(CARD, engine, Patience())) as model:
        answer = await listen(model, prompt)

    assert [call.name for call in answer.calls] in (["book_room"], ["get_time"])
    assert answer.finished.stop is StopReason.TOOLS
    assert answer.text == ""
    assert check_answer(prompt, answer, [], ValidationPolicy(min_confidence=0.0)) is None


async def test_a_forced_tool_is_the_one_that_is_called(llama: Access) -> None:
    answer = await ask(llama, replace(ASKED, forced_tool="book_room"))

    [call] = answer.calls
    Draft202012Validator(BOOK.parameters).validate(json.loads(call.arguments))


async def test_after_a_result_the_model_may_answer_in_words_or_call_again(llama: Access) -> None:
    turns = (
        *ASKED.turns,
        Turn(Role.ASSISTANT, (ToolCall("call_0", "get_time", "{}"),)),
        Turn(Role.USER, (ToolResult("call_0", "It is noon."),)),
    )
    prompt = replace(ASKED, turns=turns)

    answer = await ask(llama, prompt)

    assert bool(answer.text) != bool(answer.calls)
    assert all(call.id == "call_1" for call in answer.calls)
    assert check_answer(prompt, answer, [], ValidationPolicy(min_confidence=0.0)) is None


async def test_an_answer_follows_the_schema_that_was_asked_for(llama: Access) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}, "warm": {"type": "boolean"}},
        "required": ["city", "warm"],
        "additionalProperties": False,
    }

    answer = await ask(llama, replace(ASKED, tools=(), schema=schema))

    Draft202012Validator(schema).validate(json.loads(answer.text))


async def test_the_model_tells_how_sure_it_was(llama: Access) -> None:
    answer = await ask(llama, replace(ASKED, tools=(), max_tokens=5))

    assert answer.finished.confidence is not None
    assert 0.0 < answer.finished.confidence <= 1.0


async def test_another_model_of_another_family_is_held_to_the_grammar_too() -> None:
    with gemma_server(2048) as access:
        answer = await ask(access, replace(ASKED, forced_tool="book_room"))

    [call] = answer.calls
    Draft202012Validator(BOOK.parameters).validate(json.loads(call.arguments))


WHOLE = reply(
    b'data: {"choices": [{"delta": {"content": "Hello"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n',
)


def tells(properties: object, status: str = "200 OK") -> Script:
    return reply(json.dumps(properties).encode(), content_type="application/json", status=status)


async def sent_to(*scripts: Script) -> Mapping[str, Any]:
    """The body of the request for an answer, to a server that first follows the other scripts."""
    async with scripted_server(*scripts, WHOLE) as server:
        await ask(Access(server.url + "/v1", "key"), ASKED)
    assert server.requests[0].startswith(b"GET /props ")
    body: Mapping[str, Any] = json.loads(server.requests[-1].partition(b"\r\n\r\n")[2])
    return body


@pytest.mark.parametrize(
    "says",
    [
        tells({"chat_template_caps": {"supports_tools": True}}),
        tells({"error": "not found"}, "404 Not Found"),
        tells({"chat_template_caps": None}),
        tells(["odd"]),
        reply(b"<html>"),
    ],
)
async def test_a_server_that_knows_tools_or_does_not_say_is_sent_them_as_they_are(says: Script) -> None:
    body = await sent_to(says)

    assert [tool["function"]["name"] for tool in body["tools"]] == ["get_time", "book_room"]
    assert "response_format" not in body
    assert "logprobs" not in body


async def test_a_server_whose_template_knows_no_tools_is_sent_a_grammar() -> None:
    body = await sent_to(tells({"chat_template_caps": {"supports_tools": False}}))

    assert "tools" not in body
    assert body["response_format"]["type"] == "json_schema"
    assert "book_room(" in body["messages"][0]["content"]


async def test_the_template_is_asked_after_once_and_again_when_the_model_failed() -> None:
    knows_none = tells({"chat_template_caps": {"supports_tools": False}})
    broken = reply(b"data: <html>\n\n")
    async with scripted_server(knows_none, WHOLE, broken, knows_none, WHOLE) as server:
        async with speaking(Access(server.url, "")) as model:
            assert (await listen(model, ASKED)).text == "Hello"
            with pytest.raises(ModelUnavailable):
                await listen(model, ASKED)
            assert (await listen(model, ASKED)).text == "Hello"

    kinds = [request.split(b" ")[0] for request in server.requests]
    assert kinds == [b"GET", b"POST", b"POST", b"GET", b"POST"]


async def test_a_server_that_never_tells_its_template_is_unavailable() -> None:
    async with scripted_server(hang) as server:
        async with speaking(Access(server.url, "key"), Patience(connect_s=0.1)) as model:
            with pytest.raises(ModelUnavailable, match=r"did not tell its chat template within 0\.1 s"):
                await listen(model, ASKED)
