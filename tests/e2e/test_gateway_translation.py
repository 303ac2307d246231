"""A client of one vendor that is served by another: what it asks and what it is told are translated."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from anthropic import Anthropic, DefaultHttpxClient

from gateway_room import (
    ANTHROPIC_KEY,
    AWAY,
    OPENAI_KEY,
    PATHS,
    anthropic_at,
    asking,
    events,
    gateway,
    openai_at,
    question,
    recorded,
    rich_answer,
)
from long_talk import PARAMETERS, PICTURE, long_talk
from running import RunningServer
from upstreams import Upstream, stream, upstream, whole

NO_SECOND_TRY = {"HYBRID_RETRIES": "0"}
CHOSEN = {"HYBRID_ANTHROPIC_MODEL": "claude-sonnet-5", "HYBRID_OPENAI_MODEL": "gpt-4.1"}


@pytest.fixture(scope="module")
def vendor() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def openai_only(vendor: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("openai")
    with gateway(folder / "data", openai_at(vendor.url), CHOSEN, AWAY, NO_SECOND_TRY) as running:
        yield running


@pytest.fixture(scope="module")
def anthropic_only(vendor: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("anthropic")
    with gateway(folder / "data", anthropic_at(vendor.url), CHOSEN, AWAY, NO_SECOND_TRY) as running:
        yield running


def kinds_of(told: list[dict[str, Any]]) -> list[str]:
    """The kinds of an Anthropic stream's events with those of their blocks; pings do not count, a run counts once."""
    kinds = [name_event(event) for event in told if event["type"] != "ping"]
    return [kind for at, kind in enumerate(kinds) if at == 0 or kind != kinds[at - 1]]


def name_event(event: dict[str, Any]) -> str:
    """`content_block_delta text_delta`."""
    inner = event.get("content_block") or event.get("delta") or {}
    return f"{event['type']} {inner.get('type', '')}".strip()


def test_an_anthropic_client_is_served_by_openai(vendor: Upstream, openai_only: RunningServer) -> None:
    vendor.reply = stream(rich_answer("openai-chat", streaming=True))
    with asking(openai_only, "the-askers-own") as http:
        response = http.post(
            "/v1/messages?beta=true",
            json=long_talk("anthropic", "And in Zürich?") | {"stream": True},
            headers={"anthropic-beta": "interleaved-thinking-2025-05-14"},
        ).raise_for_status()

    [arrived] = vendor.sent[-1:]
    assert arrived.target == "/v1/chat/completions"
    assert arrived.headers["authorization"] == f"Bearer {OPENAI_KEY}"
    assert arrived.headers.keys().isdisjoint({"x-api-key", "anthropic-beta", "anthropic-version"})
    assert_is_the_long_talk_in_chat(arrived.json())
    text = ["content_block_start text", "content_block_delta text_delta", "content_block_stop"]
    call = ["content_block_start tool_use", "content_block_delta input_json_delta", "content_block_stop"]
    assert kinds_of(events(response.content)) == [
        "message_start", *text, *call, *call, "message_delta", "message_stop",
    ]  # fmt: skip


def assert_is_the_long_talk_in_chat(body: Mapping[str, Any]) -> None:
    system, asked, call, result, answer, last = body["messages"]
    assert (body["model"], body["stream"]) == ("gpt-4.1", True)
    assert (system["role"], system["content"]) == ("system", "Be brief.")
    assert PICTURE in json.dumps(asked)
    assert call["tool_calls"][0]["function"]["name"] == "weather"
    assert json.loads(call["tool_calls"][0]["function"]["arguments"]) == {"city": "Bern"}
    assert (result["role"], result["tool_call_id"], result["content"]) == ("tool", "toolu_1", "12 °C")
    assert (answer["role"], answer["content"]) == ("assistant", "Mild.")
    assert "And in Zürich?" in json.dumps(last, ensure_ascii=False)
    assert body["tools"][0]["function"]["parameters"] == PARAMETERS
    assert "cache_control" not in json.dumps(body)


def test_anthropics_own_client_understands_what_openai_said(vendor: Upstream, openai_only: RunningServer) -> None:
    vendor.reply = stream(rich_answer("openai-chat", streaming=True))
    asked = long_talk("anthropic", "And with a client?")
    plain: Any = {name: asked[name] for name in ("model", "messages", "max_tokens", "tools", "system")}
    with DefaultHttpxClient(trust_env=False) as http_client:
        client = Anthropic(base_url=openai_only.url, api_key="any", http_client=http_client, max_retries=0)
        with client.messages.stream(**plain) as streamed:
            final = streamed.get_final_message()
        at_once = client.messages.create(**plain)

    for message in (final, at_once):
        content: Any = message.to_dict()["content"]
        said = [block["text"] for block in content if block["type"] == "text"]
        inputs = [block["input"] for block in content if block["type"] == "tool_use"]
        assert said == ["Let me look. 🐧"]
        assert inputs == [{"city": "Bern"}, {"city": "Zürich 🐧"}]
        assert message.stop_reason == "tool_use"
        assert (message.usage.input_tokens, message.usage.output_tokens) == (14, 7)
        assert (message.usage.cache_read_input_tokens, message.usage.cache_creation_input_tokens) == (15, 2)


@pytest.mark.parametrize("wire", ["openai-chat", "openai-responses"])
def test_an_openai_client_is_served_by_anthropic(wire: str, vendor: Upstream, anthropic_only: RunningServer) -> None:
    vendor.reply = stream(rich_answer("anthropic", streaming=True))
    talk = long_talk(wire, "And in Zürich?") | {"stream": True}
    talk |= {"stream_options": {"include_usage": True}} if wire == "openai-chat" else {}
    with asking(anthropic_only, "the-askers-own") as http:
        response = http.post(PATHS[wire], json=talk).raise_for_status()

    [arrived] = vendor.sent[-1:]
    assert arrived.target == "/v1/messages"
    assert arrived.headers["x-api-key"] == ANTHROPIC_KEY
    assert "authorization" not in arrived.headers
    assert_is_the_long_talk_in_messages(arrived.json())
    told = events(response.content)
    if wire == "openai-chat":
        assert_is_a_whole_chat_stream(told, response.text)
    else:
        assert_is_a_whole_responses_stream(told)


def assert_is_the_long_talk_in_messages(body: Mapping[str, Any]) -> None:
    kinds = [(message["role"], kind) for message in body["messages"] for kind in kinds_in(message["content"])]
    assert (body["model"], body["stream"]) == ("claude-sonnet-5", True)
    assert body["max_tokens"] > 0
    assert "Be brief." in json.dumps(body["system"])
    assert kinds == [
        ("user", "text"), ("user", "image"), ("assistant", "tool_use"), ("user", "tool_result"),
        ("assistant", "text"), ("user", "text"),
    ]  # fmt: skip
    assert body["messages"][1]["content"][0]["input"] == {"city": "Bern"}
    assert body["tools"][0]["input_schema"] == PARAMETERS


def kinds_in(content: str | list[dict[str, Any]]) -> list[str]:
    """A plain text may stand for a list with one."""
    return ["text"] if isinstance(content, str) else [block["type"] for block in content]


def assert_is_a_whole_chat_stream(told: list[dict[str, Any]], text: str) -> None:
    *chunks, usage = told
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    calls = [call for delta in deltas for call in delta.get("tool_calls", [])]
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert deltas[0]["role"] == "assistant"
    assert "".join(delta.get("content") or "" for delta in deltas) == "Let me look. 🐧"
    assert [json.loads(call["function"]["arguments"])["city"] for call in calls] == ["Bern", "Zürich 🐧"]
    assert reasons == [None] * (len(chunks) - 1) + ["tool_calls"]
    assert (usage["choices"], usage["usage"]["total_tokens"]) == ([], 38)
    assert text.endswith("data: [DONE]\n\n")


def assert_is_a_whole_responses_stream(told: list[dict[str, Any]]) -> None:
    done = told[-1]["response"]
    calls = [item for item in done["output"] if item["type"] == "function_call"]
    assert (told[0]["type"], told[-1]["type"]) == ("response.created", "response.completed")
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert "".join(event["delta"] for event in told if event["type"] == "response.output_text.delta") == (
        "Let me look. 🐧"
    )
    assert [json.loads(call["arguments"])["city"] for call in calls] == ["Bern", "Zürich 🐧"]
    assert done["usage"]["total_tokens"] == 38


def test_whoever_hangs_up_on_a_translation_ends_it_at_the_vendor_too(
    vendor: Upstream, openai_only: RunningServer
) -> None:
    answer = rich_answer("openai-chat", streaming=True)
    vendor.left.clear()
    vendor.reply = stream(answer[: answer.index(b"look. ")], hangs=True)
    asked = question("anthropic", "Who listens to the end?", stream=True)

    with asking(openai_only) as http, http.stream("POST", PATHS["anthropic"], json=asked) as response:
        began = next(line for line in response.iter_lines() if "text_delta" in line)

    assert "Let me" in began
    assert vendor.wait_until_left()
    row = recorded(openai_only, response)
    assert (row["response"], row["failure"]) == ("Let me", "the caller hung up before the answer was whole")


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
def test_what_another_vendor_refuses_with_is_told_in_the_askers_format(
    streaming: bool, vendor: Upstream, openai_only: RunningServer
) -> None:
    vendor.reply = whole(b'{"error": {"message": "too many", "type": "requests"}}', 429, retry_after="7")
    asked = question("anthropic", "Who is busy?", model="gpt-4.1", stream=streaming)
    with asking(openai_only) as http:
        response = http.post(PATHS["anthropic"], json=asked)

    assert response.status_code == 503
    assert response.headers["retry-after"] == "7"
    assert response.json()["type"] == "error"
    assert response.json()["error"]["type"] == "overloaded_error"
    assert "too many" in response.json()["error"]["message"]
