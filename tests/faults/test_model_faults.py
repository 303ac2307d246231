"""Models that refuse, stall, die, lie or are killed: on real sockets and real processes."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import anyio
import anyio.to_thread
import pytest
from anyio.abc import SocketStream

from hybrid_coordinator.backends.http import open_client
from hybrid_coordinator.backends.models.anthropic import AnthropicModel
from hybrid_coordinator.backends.models.openai_chat import OpenAIChatModel
from hybrid_coordinator.backends.models.retrying import RetryingModel, RetryPolicy
from hybrid_coordinator.backends.models.streaming import Patience
from hybrid_coordinator.domain.query import Completion, Prompt, Role, Turn, fold
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.errors import ModelRefused, ModelUnavailable
from hybrid_coordinator.ports import Model
from servers import Script, begin, hang, hang_up, nobody, reply, scripted_server

CARD = ModelCard("small", Location.LOCAL, context_tokens=512)
KEY = "sk-very-secret-key"
SHORT = Patience(connect_s=2.0, first_word_s=0.2, next_word_s=0.2, whole_answer_s=5.0)
HELLO = Prompt((Turn(Role.USER, ("Say hello.",)),), max_tokens=4)
STORY = Prompt((Turn(Role.USER, ("Tell me a very long story.",)),), max_tokens=450)

WORD = b'data: {"choices": [{"delta": {"content": "Hello"}}]}\n\n'
STOP = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
WHOLE = reply(WORD + STOP + b"data: [DONE]\n\n")


async def ask(model: Model, prompt: Prompt = HELLO) -> Completion:
    async with aclosing(model.stream(prompt)) as pieces:
        return fold([piece async for piece in pieces])


@asynccontextmanager
async def openai(url: str, patience: Patience = SHORT) -> AsyncIterator[OpenAIChatModel]:
    client = open_client(trust_env=False)
    model = OpenAIChatModel(CARD, base_url=url, model="m", client=client, api_key=KEY, patience=patience)
    async with aclosing(model):
        yield model


async def complaint_about(*scripts: Script) -> ModelUnavailable:
    """What a model says of a server that does this."""
    async with scripted_server(*scripts) as server, openai(server.url) as model:
        with pytest.raises(ModelUnavailable) as caught:
            await ask(model)
    assert KEY not in str(caught.value)
    return caught.value


async def test_a_refused_connection_is_said_with_name_and_place() -> None:
    async with nobody() as url, openai(url) as model:
        with pytest.raises(ModelUnavailable, match=r"model 'small' at 'http://127.0.0.1:\d+' cannot be reached"):
            await ask(model)


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        (hang, r"gave no first word for 0.2 s"),
        (begin(b": ping\n\n", then_hang=True), r"gave no first word for 0.2 s"),
        (begin(WORD, then_hang=True), r"gave no further word for 0.2 s"),
        (hang_up, r"broke the connection"),
        (begin(WORD, then_hang=False), r"broke the connection"),
        (reply(WORD), r"ended before the answer did"),
        (reply(b""), r"ended before the answer did"),
        (reply(b"data: \xff\xfe\xfa\n\n"), r"not UTF-8"),
        (reply(b"data: <html>\n\n"), r"not JSON"),
        (reply(b'data: {"object": "something"}\n\n'), r"no list of choices"),
        (reply(WORD + b'data: {"error": {"message": "out of memory"}}\n\n'), r"out of memory"),
        (
            reply(b"<html><h1>Welcome</h1></html>", content_type="text/html"),
            r"sent 'text/html'.*Welcome.*check its URL",
        ),
        (reply(b'{"choices": []}', content_type="application/json"), r"sent 'application/json'"),
        (reply(b"\x00\xff" * 99, content_type="text/event-stream", headers="Content-Encoding: gzip\r\n"), r"broke"),
    ],
)
async def test_a_server_that_does_not_answer_as_it_should_is_unavailable(script: Script, complaint: str) -> None:
    error = await complaint_about(script)

    assert not isinstance(error, ModelRefused)
    with pytest.raises(ModelUnavailable, match=complaint):
        raise error


@pytest.mark.parametrize(
    ("status", "body", "complaint"),
    [
        (
            "401 Unauthorized",
            f'{{"error": {{"message": "Incorrect API key: {KEY}"}}}}',
            r"401: .*\*\*\*; check its API",
        ),
        ("404 Not Found", '{"error": "model \'m\' not found, try pulling it first"}', r"404: model 'm' not found"),
        ("400 Bad Request", "x" * 100_000, r"400: x{300}$"),
        ("302 Found", "", r"302: nothing more; it has moved to 'nowhere'"),
    ],
)
async def test_a_refusal_that_will_not_pass_is_told_apart(status: str, body: str, complaint: str) -> None:
    error = await complaint_about(reply(body.encode(), status=status, content_type="application/json"))

    with pytest.raises(ModelRefused, match=complaint):
        raise error


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ("Retry-After: 7\r\n", 7.0),
        ("Retry-After: Sat, 21 Nov 2026 05:00:30 GMT\r\nDate: Sat, 21 Nov 2026 05:00:00 GMT\r\n", 30.0),
        ("Retry-After: Sat, 21 Nov 2026 05:00:30 GMT\r\nDate: Sat, 21 Nov 2026 06:00:00 GMT\r\n", 0.0),
        ("Retry-After: soon\r\n", None),
        ("Retry-After: -5\r\n", None),
        ("", None),
    ],
)
async def test_the_wait_that_a_server_asks_for_is_kept(headers: str, wait: float | None) -> None:
    error = await complaint_about(reply(b"slow down", status="429 Too Many Requests", headers=headers))

    assert not isinstance(error, ModelRefused)
    assert error.retry_after_s == wait


async def test_an_answer_that_never_ends_is_cut_off_at_the_limit_for_the_whole() -> None:
    async def babble(stream: SocketStream) -> None:
        await begin(WORD, then_hang=False)(stream)
        while True:
            await stream.send(f"{len(WORD):x}\r\n".encode() + WORD + b"\r\n")
            await anyio.sleep(0.01)

    patience = Patience(first_word_s=1.0, next_word_s=1.0, whole_answer_s=0.3)
    async with scripted_server(babble) as server, openai(server.url, patience) as model:
        with pytest.raises(ModelUnavailable, match=r"was not done after 0\.3 s"):
            await ask(model)


def call_piece(arguments: str) -> bytes:
    call = {"index": 0, "id": "1", "function": {"name": "write" if not arguments else "", "arguments": arguments}}
    return f"data: {json.dumps({'choices': [{'delta': {'tool_calls': [call]}}]})}\n\n".encode()


async def test_a_long_call_that_is_still_being_said_keeps_the_wait_alive() -> None:
    async def write_slowly(stream: SocketStream) -> None:
        await begin(WORD, then_hang=False)(stream)
        for piece in (*map(call_piece, ("", '{"text": "', *"a long text", '"}')), STOP, b"data: [DONE]\n\n"):
            await anyio.sleep(0.05)
            await stream.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        await stream.send(b"0\r\n\r\n")

    async with scripted_server(write_slowly) as server, openai(server.url) as model:
        answer = await ask(model)

    assert [json.loads(call.arguments) for call in answer.calls] == [{"text": "a long text"}]


async def test_pings_keep_no_wait_alive() -> None:
    ping = b'event: ping\ndata: {"type": "ping"}\n\n'

    async def only_ping(stream: SocketStream) -> None:
        await begin(ping, then_hang=False)(stream)
        while True:
            await anyio.sleep(0.05)
            await stream.send(f"{len(ping):x}\r\n".encode() + ping + b"\r\n")

    async with scripted_server(only_ping) as server:
        client = open_client(trust_env=False)
        model = AnthropicModel(CARD, base_url=server.url, model="m", client=client, api_key=KEY, patience=SHORT)
        async with aclosing(model):
            with pytest.raises(ModelUnavailable, match=r"gave no first word for 0\.2 s"):
                await ask(model)


async def test_no_longer_an_answer_is_asked_for_than_the_context_holds() -> None:
    async with scripted_server(WHOLE) as server, openai(server.url) as model:
        await ask(model, Prompt(HELLO.turns, max_tokens=128_000))

    body = json.loads(server.requests[0].partition(b"\r\n\r\n")[2])
    assert CARD.context_tokens - 20 <= body["max_tokens"] < CARD.context_tokens


async def test_a_password_in_the_url_is_not_shown() -> None:
    async with nobody() as url, openai(url.replace("//", "//user:hunter2@")) as model:
        with pytest.raises(ModelUnavailable) as caught:
            await ask(model)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("key", ["ключ", "two\nlines"])
async def test_a_key_that_no_header_can_carry_is_an_error_without_the_key(key: str) -> None:
    model = OpenAIChatModel(
        CARD, base_url="http://127.0.0.1:9", model="m", client=open_client(trust_env=False), api_key=key, patience=SHORT
    )
    async with aclosing(model):
        with pytest.raises(ModelUnavailable) as caught:
            await model.check()

    assert key not in str(caught.value)
    assert "lines" not in str(caught.value)


async def test_the_key_goes_where_each_api_wants_it_and_the_path_names_the_version_once() -> None:
    async with scripted_server(WHOLE) as server, openai(server.url + "/v1/") as model:
        await ask(model)
        anthropic = AnthropicModel(
            CARD, base_url=server.url, model="m", client=open_client(trust_env=False), api_key=KEY, patience=SHORT
        )
        async with aclosing(anthropic):
            with pytest.raises(ModelUnavailable):  # it is told the answer of another API
                await ask(anthropic)

    [chat, messages] = server.requests
    assert chat.startswith(b"POST /v1/chat/completions ")
    assert f"Authorization: Bearer {KEY}".encode() in chat
    assert messages.startswith(b"POST /v1/messages ")
    assert f"x-api-key: {KEY}".encode() in messages
    assert b"anthropic-version: 2023-06-01" in messages


async def test_a_failing_server_is_asked_again_and_then_answers() -> None:
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)

    failing = reply(b"oops", status="500 Internal Server Error")
    busy = reply(b"busy", status="429 Too Many Requests", headers="Retry-After: 2\r\n")
    async with scripted_server(failing, busy, WHOLE) as server, openai(server.url) as model:
        answer = await ask(RetryingModel(model, RetryPolicy(), luck=lambda: 0.5, sleep=note))

    assert answer.text == "Hello"
    assert waits == [0.25, 2.5]


@pytest.mark.parametrize(
    ("script", "requests"),
    [
        (begin(WORD, then_hang=False), 1),
        (reply(b"no", status="401 Unauthorized"), 1),
        (reply(b"later", status="429 Too Many Requests", headers="Retry-After: 3600\r\n"), 1),
        (reply(b"oops", status="500 Internal Server Error"), 3),
    ],
)
async def test_nothing_is_asked_again_after_a_word_a_lasting_refusal_a_long_wait_or_too_often(
    script: Script, requests: int
) -> None:
    async with scripted_server(script) as server, openai(server.url) as model:
        with pytest.raises(ModelUnavailable):
            await ask(RetryingModel(model, RetryPolicy(first_wait_s=0.001)))

    assert len(server.requests) == requests


async def test_one_connection_serves_one_prompt_after_another() -> None:
    connections = 0

    async def answer_twice(stream: SocketStream) -> None:
        nonlocal connections
        connections += 1
        body = WORD + STOP + b"data: [DONE]\n\n"
        response = (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        await stream.send(response)
        await stream.receive()
        await stream.send(response)

    async with scripted_server(answer_twice) as server, openai(server.url) as model:
        answers = [await ask(model), await ask(model)]

    assert [answer.text for answer in answers] == ["Hello", "Hello"]
    assert connections == 1
