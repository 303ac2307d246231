"""The vendors' own clients against a real server, a real local model, and another real model where the vendors are."""

import json
import math
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anthropic
import openai
import pytest
from jsonschema import Draft202012Validator
from openai.types.chat import ChatCompletionMessageFunctionToolCall

from gateway_room import AWAY, both_at, gateway, newest
from hybrid_coordinator.backends.models.llamacpp_process import Access
from running import RunningServer
from servers import gemma_server, smollm2

OWNER = "key-of-the-owner"
BOB = "key-of-bob"
KEYS = {"HYBRID_API_KEY": OWNER, "HYBRID_API_KEYS": f"bob={BOB}", "HYBRID_BUDGETS": "bob.hard_usd=0.000001"}
NAMED = {"HYBRID_OPENAI_MODEL": "gemma", "HYBRID_ANTHROPIC_MODEL": "claude-gemma"}

OPENAI_MODELS = ("local", "gpt-4o", "auto")
ANTHROPIC_MODELS = ("claude-coordinator-local", "claude-opus-5-5", "auto")

NO_CACHE = {"x-coordinator-options": "no-cache"}
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
ASKED = "How is the weather in Bern for the next 2 days?"


@pytest.fixture(scope="module")
def far() -> Iterator[Access]:
    with gemma_server() as access:
        yield access


@pytest.fixture(scope="module")
def server(far: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    smollm2()
    folder = tmp_path_factory.mktemp("clients")
    with gateway(folder / "data", both_at(far), NAMED, AWAY, KEYS) as running:
        yield running


def openai_client(server: RunningServer, key: str = OWNER) -> openai.OpenAI:
    web = openai.DefaultHttpxClient(trust_env=False)
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, http_client=web, max_retries=0, timeout=120)


def anthropic_client(server: RunningServer, key: str = OWNER) -> anthropic.Anthropic:
    web = anthropic.DefaultHttpxClient(trust_env=False)
    return anthropic.Anthropic(base_url=server.url, api_key=key, http_client=web, max_retries=0, timeout=120)


@pytest.fixture(scope="module")
def gpt(server: RunningServer) -> Iterator[openai.OpenAI]:
    with openai_client(server) as client:
        yield client


@pytest.fixture(scope="module")
def claude(server: RunningServer) -> Iterator[anthropic.Anthropic]:
    with anthropic_client(server) as client:
        yield client


@pytest.fixture
async def async_gpt(server: RunningServer) -> AsyncIterator[openai.AsyncOpenAI]:
    web = openai.DefaultAsyncHttpxClient(trust_env=False)
    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=OWNER, http_client=web, timeout=120) as client:
        yield client


@pytest.mark.parametrize("model", OPENAI_MODELS)
def test_a_chat_is_answered_and_the_headers_say_how(model: str, gpt: openai.OpenAI) -> None:
    raw = gpt.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": "Name a colour."}], max_tokens=8, extra_headers=NO_CACHE
    )

    answer = raw.parse()
    home = model == "local"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    assert raw.headers["x-coordinator-route"] == ("local" if home else "remote")
    assert raw.headers["x-coordinator-model"] == {"auto": "gemma"}.get(model, model)
    assert raw.headers["x-coordinator-cache"] == "none"
    assert raw.headers["x-coordinator-reason"]
    assert raw.headers["x-coordinator-interaction-id"]


@pytest.mark.parametrize("model", ["local", "auto"])
def test_a_chat_is_streamed_word_by_word(model: str, gpt: openai.OpenAI) -> None:
    chunks = list(
        gpt.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": "Name three animals."}],
            max_tokens=10,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers=NO_CACHE,
        )
    )

    told = [chunk.choices[0] for chunk in chunks if chunk.choices]
    words = [choice.delta.content for choice in told if choice.delta.content]
    assert told[0].delta.role == "assistant"
    assert len(words) > 1
    assert told[-1].finish_reason in ("stop", "length")
    assert chunks[-1].usage
    assert chunks[-1].usage.completion_tokens > 1


async def test_many_askers_at_once_each_get_their_own_answer(async_gpt: openai.AsyncOpenAI) -> None:
    streams = [
        await async_gpt.chat.completions.create(
            model="local", messages=[{"role": "user", "content": f"Say {word}."}], max_tokens=6, stream=True
        )
        for word in ("one", "two", "three")
    ]
    whole = await async_gpt.chat.completions.create(
        model="local", messages=[{"role": "user", "content": "Say four."}], max_tokens=6
    )
    told = [[chunk async for chunk in stream] for stream in streams]

    names = {chunks[0].id for chunks in told} | {whole.id}
    assert len(names) == 4
    assert all({chunk.id for chunk in chunks} == {chunks[0].id} for chunks in told)
    assert all(chunks[-1].choices[0].finish_reason in ("stop", "length") for chunks in told)


def test_a_forced_tool_is_called_and_its_result_is_answered(gpt: openai.OpenAI) -> None:
    tools: Any = [{"type": "function", "function": {"name": "weather", "description": "Now.", "parameters": WEATHER}}]
    forced: Any = {"type": "function", "function": {"name": "weather"}}
    asked: Any = [{"role": "user", "content": ASKED}]
    first = gpt.chat.completions.create(
        model="local", messages=asked, tools=tools, tool_choice=forced, max_tokens=40, temperature=0
    )
    message = first.choices[0].message
    assert message.tool_calls
    [call] = message.tool_calls
    assert isinstance(call, ChatCompletionMessageFunctionToolCall)
    result = {"role": "tool", "tool_call_id": call.id, "content": "Sunny, 20 °C."}
    talk: Any = [*asked, message.to_dict(), result]
    second = gpt.chat.completions.create(model="local", messages=talk, tools=tools, max_tokens=40, temperature=0)

    Draft202012Validator(WEATHER).validate(json.loads(call.function.arguments))
    assert (call.function.name, first.choices[0].finish_reason) == ("weather", "tool_calls")
    assert bool(second.choices[0].message.content) != bool(second.choices[0].message.tool_calls)


def test_a_tool_that_may_be_called_is_called_well_or_not_at_all(gpt: openai.OpenAI) -> None:
    tools: Any = [{"type": "function", "function": {"name": "weather", "description": "Now.", "parameters": WEATHER}}]
    with gpt.chat.completions.stream(
        model="local", messages=[{"role": "user", "content": ASKED}], tools=tools, max_tokens=40, temperature=0
    ) as streamed:
        message = streamed.get_final_completion().choices[0].message

    for call in message.tool_calls or []:
        Draft202012Validator(WEATHER).validate(json.loads(call.function.arguments))
    assert bool(message.content) != bool(message.tool_calls)


def test_an_answer_follows_the_schema_that_is_asked_for(gpt: openai.OpenAI) -> None:
    answer = gpt.chat.completions.create(
        model="local",
        messages=[{"role": "user", "content": ASKED}],
        response_format={"type": "json_schema", "json_schema": {"name": "w", "strict": True, "schema": WEATHER}},
        max_tokens=40,
        temperature=0,
    )

    Draft202012Validator(WEATHER).validate(json.loads(answer.choices[0].message.content or ""))


def test_a_response_is_created(gpt: openai.OpenAI) -> None:
    answer = gpt.responses.create(model="local", input="Name a fruit.", max_output_tokens=16, store=False)

    assert answer.output_text
    assert answer.usage
    assert answer.usage.output_tokens > 0


@pytest.mark.parametrize("model", ["local", "auto"])
def test_a_response_is_streamed_in_order(model: str, gpt: openai.OpenAI) -> None:
    told = list(
        gpt.responses.create(
            model=model, input="Name a tree.", max_output_tokens=16, stream=True, extra_headers=NO_CACHE
        )
    )

    deltas = "".join(event.delta for event in told if event.type == "response.output_text.delta")
    last = told[-1]
    assert told[0].type == "response.created"
    assert last.type in ("response.completed", "response.incomplete")
    assert last.response.output_text == deltas != ""


def test_a_response_calls_a_tool(gpt: openai.OpenAI) -> None:
    tools: Any = [{"type": "function", "name": "weather", "parameters": WEATHER, "strict": False}]
    with gpt.responses.stream(
        model="local", input=ASKED, tools=tools, tool_choice="required", max_output_tokens=40, temperature=0
    ) as streamed:
        [call] = [item for item in streamed.get_final_response().output if item.type == "function_call"]

    Draft202012Validator(WEATHER).validate(json.loads(call.arguments))
    assert (call.name, call.status) == ("weather", "completed")


def test_embeddings_are_the_same_as_numbers_and_packed(gpt: openai.OpenAI) -> None:
    texts = ["one text", "another, with é"]
    numbers = gpt.embeddings.create(model="auto", input=texts, encoding_format="float")
    packed = gpt.embeddings.create(model="auto", input=texts)  # the client asks for base64 when nobody says

    for one, other in zip(numbers.data, packed.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
        assert math.hypot(*one.embedding) == pytest.approx(1.0, abs=1e-3)
    assert numbers.data[0].embedding != numbers.data[1].embedding
    assert numbers.usage.total_tokens > 0


def test_both_clients_list_the_models_that_may_be_named(gpt: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    for names in ([model.id for model in gpt.models.list()], [model.id for model in claude.models.list()]):
        assert {"auto", "local", "gemma", "claude-gemma", "claude-coordinator-local"} <= set(names)
    assert gpt.models.retrieve("local").id == "local"
    assert claude.models.retrieve("claude-coordinator-auto").display_name == "claude-coordinator-auto"


@pytest.mark.parametrize("model", ANTHROPIC_MODELS)
def test_a_message_is_created_and_the_headers_say_how(model: str, claude: anthropic.Anthropic) -> None:
    raw = claude.messages.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": "Name a river."}], max_tokens=8, extra_headers=NO_CACHE
    )

    [block] = raw.parse().content
    assert block.type == "text"
    assert block.text
    assert raw.parse().usage.output_tokens > 0
    assert raw.headers["x-coordinator-route"] == ("local" if model == "claude-coordinator-local" else "remote")


@pytest.mark.parametrize("model", ["claude-coordinator-local", "auto"])
def test_a_message_is_streamed_and_adds_up(model: str, claude: anthropic.Anthropic) -> None:
    with claude.messages.stream(
        model=model, messages=[{"role": "user", "content": "Name two towns."}], max_tokens=10, extra_headers=NO_CACHE
    ) as streamed:
        told = "".join(streamed.text_stream)
        final = streamed.get_final_message()

    [block] = final.content
    assert block.type == "text"
    assert block.text == told != ""
    assert final.stop_reason in ("end_turn", "max_tokens")
    assert final.usage.output_tokens > 0


def test_a_message_uses_a_tool_and_goes_on_with_its_result(claude: anthropic.Anthropic) -> None:
    tools: Any = [{"name": "weather", "description": "Now.", "input_schema": WEATHER}]
    asked: Any = {"role": "user", "content": ASKED}
    common: Any = {"model": "claude-coordinator-local", "max_tokens": 40, "tools": tools}
    first = claude.messages.create(messages=[asked], tool_choice={"type": "tool", "name": "weather"}, **common)
    [use] = first.content
    assert use.type == "tool_use"
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "Sunny, 20 °C."}
    turns = [asked, {"role": "assistant", "content": first.to_dict()["content"]}, {"role": "user", "content": [result]}]
    with claude.messages.stream(messages=turns, **common) as streamed:
        second = streamed.get_final_message()

    Draft202012Validator(WEATHER).validate(use.input)
    assert first.stop_reason == "tool_use"
    assert {block.type for block in second.content} in ({"text"}, {"tool_use"})


@pytest.mark.parametrize("model", ANTHROPIC_MODELS)
def test_tokens_are_counted_before_anything_is_asked(model: str, claude: anthropic.Anthropic) -> None:
    short = claude.messages.count_tokens(model=model, messages=[{"role": "user", "content": "One."}])
    long = claude.messages.count_tokens(model=model, messages=[{"role": "user", "content": "One more word. " * 50}])

    assert 0 < short.input_tokens < 60
    assert long.input_tokens > short.input_tokens + 100


def test_a_wrong_key_is_an_authentication_error(server: RunningServer) -> None:
    with openai_client(server, "wrong") as gpt, pytest.raises(openai.AuthenticationError):
        gpt.models.list()
    with anthropic_client(server, "wrong") as claude, pytest.raises(anthropic.AuthenticationError):
        claude.messages.create(model="auto", max_tokens=5, messages=[{"role": "user", "content": "Hello"}])


def test_a_request_that_is_none_is_a_bad_request_error(gpt: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    wrong: Any = "not a list"
    with pytest.raises(openai.BadRequestError, match="messages"):
        gpt.chat.completions.create(model="local", messages=wrong)
    with pytest.raises(openai.BadRequestError, match="input"):
        gpt.responses.create(model="local", input=7)  # type: ignore[call-overload]
    with pytest.raises(anthropic.BadRequestError, match="messages"):
        claude.messages.create(model="claude-coordinator-local", max_tokens=5, messages=wrong)


def test_a_model_that_is_not_here_is_a_not_found_error(gpt: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    with pytest.raises(openai.NotFoundError, match="local-coder"):
        gpt.chat.completions.create(model="local-coder", messages=[{"role": "user", "content": "Hello"}])
    with pytest.raises(openai.NotFoundError, match="nobody"):
        gpt.models.retrieve("nobody")
    with pytest.raises(anthropic.NotFoundError, match="local-analysis"):
        claude.messages.create(
            model="claude-coordinator-local-analysis", max_tokens=5, messages=[{"role": "user", "content": "Hello"}]
        )


def test_a_spent_budget_is_a_rate_limit_error_and_home_stays_open(server: RunningServer) -> None:
    with openai_client(server, BOB) as gpt, anthropic_client(server, BOB) as claude:
        gpt.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Spend it."}], max_tokens=4)
        newest(server, "SELECT id FROM interactions WHERE asker = 'bob' AND cost_usd > 0", OWNER)
        for model in ("gpt-4o", "auto"):
            with pytest.raises(openai.RateLimitError, match="budget of key 'bob'") as refused:
                gpt.chat.completions.create(model=model, messages=[{"role": "user", "content": "More."}])
            assert int(refused.value.response.headers["retry-after"]) > 0
        with pytest.raises(anthropic.RateLimitError, match="budget of key 'bob'"):
            claude.messages.create(model="auto", max_tokens=5, messages=[{"role": "user", "content": "More."}])
        at_home = gpt.chat.completions.create(
            model="local", messages=[{"role": "user", "content": "Name a colour."}], max_tokens=4
        )

    assert at_home.choices[0].message.content


def test_those_who_hang_up_leave_the_local_model_free(server: RunningServer, gpt: openai.OpenAI) -> None:
    for number in range(3):  # the engine answers two at a time
        talk: Any = [{"role": "user", "content": f"Story {number}: count from 1 to 3000, every number."}]
        with gpt.chat.completions.create(model="local", messages=talk, max_tokens=4000, stream=True) as streamed:
            assert next(iter(streamed)).choices[0].delta.role == "assistant"
    gpt.with_options(timeout=60).chat.completions.create(
        model="local", messages=[{"role": "user", "content": "Name a colour."}], max_tokens=4
    )

    row = newest(server, "SELECT * FROM interactions WHERE query LIKE 'Story 2:%'", OWNER)
    assert row["failure"] == "the caller hung up before the answer was whole"
