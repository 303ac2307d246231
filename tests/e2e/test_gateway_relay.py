"""A vendor's own model in the vendor's own format: what is sent and what comes back pass word for word."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway_room import (
    ANTHROPIC_KEY,
    OPENAI_KEY,
    OWN_MODELS,
    PATHS,
    anthropic_at,
    asking,
    events,
    gateway,
    golden,
    newest,
    openai_at,
    question,
    recorded,
    rich_answer,
)
from running import RunningServer
from upstreams import Upstream, stream, upstream, whole

OWNER = "key-of-the-owner"

RICH_REQUESTS = {
    "anthropic": "claude_code_request.json",
    "openai-chat": "openai_chat_request.json",
    "openai-responses": "codex_request.json",
}
QUESTIONS = {
    "anthropic": "Go on, and look at this picture.",
    "openai-chat": "Which is warmer? 🐧",
    "openai-responses": "Which route does this question take?",
}
STATUSES = (400, 401, 404, 429, 500, 529)


@pytest.fixture(scope="module")
def vendor() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def server(vendor: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    keyed = {"HYBRID_API_KEY": OWNER}
    with gateway(
        tmp_path_factory.mktemp("relay") / "data", anthropic_at(vendor.url), openai_at(vendor.url), keyed
    ) as running:
        yield running


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx2.Client]:
    with asking(server, OWNER) as client:
        yield client


def rich_request(wire: str, **changes: Any) -> bytes:
    """Spaced as no program of ours would, with a field that nobody knows."""
    body = json.loads(golden(RICH_REQUESTS[wire])) | {
        "model": OWN_MODELS[wire],
        "of_tomorrow": {"deep": [1, None, "é"]},
    }
    return json.dumps(body | changes, ensure_ascii=False, indent=3).encode()


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", PATHS)
def test_a_request_and_its_answer_pass_byte_for_byte_and_are_recorded(
    wire: str, streaming: bool, vendor: Upstream, server: RunningServer, http: httpx2.Client
) -> None:
    answer = rich_answer(wire, streaming=streaming)
    vendor.reply = stream(answer) if streaming else whole(answer)
    request = rich_request(wire, stream=streaming)

    response = http.post(PATHS[wire], content=request, headers={"content-type": "application/json"})

    assert vendor.sent[-1].body == request
    assert vendor.sent[-1].target == PATHS[wire]
    assert response.content == answer
    assert response.headers["content-type"] == vendor.reply.headers["content-type"]
    row = recorded(server, response, OWNER)
    assert (row["query"], row["failure"]) == (QUESTIONS[wire], None)
    assert "Let me look. 🐧" in row["response"]
    assert (row["agent_type"], row["model_used"]) == ("remote", "home")
    assert (row["input_tokens"], row["output_tokens"]) == (31, 7)
    assert (row["cache_read_tokens"], row["cache_write_tokens"]) == (15, 2)


def test_what_a_coding_agent_sends_in_its_headers_goes_on_and_no_key_of_ours_does(
    vendor: Upstream, server: RunningServer, http: httpx2.Client
) -> None:
    vendor.reply = whole(rich_answer("anthropic", streaming=False))
    sent = {
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27",
        "user-agent": "claude-cli/2.1.329 (external, sdk-cli)",
        "x-app": "cli",
        "x-claude-code-session-id": "session-of-a-coding-agent",
        "x-stainless-retry-count": "0",
    }
    ours = {"x-coordinator-profile": "critical", "accept-encoding": "gzip, br", "cookie": "a=b", "origin": server.url}

    response = http.post(
        "/v1/messages?beta=true",
        content=rich_request("anthropic", stream=False),
        headers={**sent, **ours, "authorization": f"Bearer {OWNER}"},
    )

    [arrived] = vendor.sent[-1:]
    assert arrived.target == "/v1/messages?beta=true"
    assert sent.items() <= arrived.headers.items()
    assert arrived.headers["x-api-key"] == ANTHROPIC_KEY
    assert arrived.headers.keys().isdisjoint({*ours, "authorization"})
    assert OWNER not in str(arrived.headers)
    assert arrived.headers["host"] in vendor.url
    assert recorded(server, response, OWNER)["session_id"] == "session-of-a-coding-agent"


def test_a_header_that_is_sent_twice_loses_nothing(vendor: Upstream, http: httpx2.Client) -> None:
    vendor.reply = whole(rich_answer("anthropic", streaming=False))
    twice = [("anthropic-beta", "effort-2025-11-24"), ("anthropic-beta", "advanced-tool-use-2025-11-20")]

    http.post(PATHS["anthropic"], content=rich_request("anthropic", stream=False), headers=twice).raise_for_status()

    assert vendor.sent[-1].headers["anthropic-beta"] == "effort-2025-11-24, advanced-tool-use-2025-11-20"


def test_openai_gets_its_own_key_and_codex_names_its_session(
    vendor: Upstream, server: RunningServer, http: httpx2.Client
) -> None:
    vendor.reply = stream(rich_answer("openai-responses", streaming=True))
    sent = {"session-id": "session-of-codex", "originator": "codex_cli_rs", "x-codex-turn-metadata": '{"turn_id":"1"}'}

    response = http.post(PATHS["openai-responses"], content=rich_request("openai-responses", stream=True), headers=sent)

    [arrived] = vendor.sent[-1:]
    assert sent.items() <= arrived.headers.items()
    assert arrived.headers["authorization"] == f"Bearer {OPENAI_KEY}"
    assert OWNER not in str(arrived.headers)
    assert recorded(server, response, OWNER)["session_id"] == "session-of-codex"


def test_a_request_as_long_as_a_coding_agents_first_one_loses_nothing(vendor: Upstream, http: httpx2.Client) -> None:
    schema = {"type": "object", "properties": {"path": {"type": "string", "description": "Where. " * 40}}}
    tools = [{"name": f"tool_{n}", "description": "Does it. " * 90, "input_schema": schema} for n in range(60)]
    request = rich_request("anthropic", tools=tools, stream=True)
    vendor.reply = stream(rich_answer("anthropic", streaming=True))

    http.post(PATHS["anthropic"], content=request).raise_for_status()

    assert len(request) > 50_000
    assert vendor.sent[-1].body == request


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("status", STATUSES)
def test_what_a_vendor_refuses_with_is_told_in_its_own_words(
    status: int, streaming: bool, vendor: Upstream, server: RunningServer, http: httpx2.Client
) -> None:
    body = b'{ "type": "error",\n  "error": {"type": "of_its_own", "message": "no \\u00e9"}, "request_id": "req_1"}'
    vendor.reply = whole(body, status, retry_after="7", request_id="req_1", x_should_retry="false")

    response = http.post(PATHS["anthropic"], content=rich_request("anthropic", stream=streaming))

    assert (response.status_code, response.content) == (status, body)
    told = {name: response.headers[name] for name in ("retry-after", "request-id", "x-should-retry")}
    assert told == {"retry-after": "7", "request-id": "req_1", "x-should-retry": "false"}
    row = recorded(server, response, OWNER)
    assert row["failure"] in (f"the vendor answered {status}", "no é")
    assert (row["output_tokens"], row["cost_usd"]) == (0, 0.0)


@pytest.mark.parametrize("wire", PATHS)
def test_an_asker_who_does_not_want_a_record_leaves_only_what_it_cost(
    wire: str, vendor: Upstream, server: RunningServer, http: httpx2.Client
) -> None:
    vendor.reply = whole(rich_answer(wire, streaming=False))

    response = http.post(
        PATHS[wire], content=rich_request(wire, stream=False), headers={"x-coordinator-options": "no-record"}
    )

    row = recorded(server, response, OWNER)
    assert (row["query"], row["response"], row["session_id"]) == ("", "", None)
    assert (row["input_tokens"], row["output_tokens"]) == (31, 7)


@pytest.mark.parametrize("wire", PATHS)
def test_whoever_hangs_up_in_the_middle_of_a_stream_ends_it_at_the_vendor_too(
    wire: str, vendor: Upstream, server: RunningServer, http: httpx2.Client
) -> None:
    answer = rich_answer(wire, streaming=True)
    vendor.left.clear()
    vendor.reply = stream(answer[: answer.index(b"look. ")], hangs=True)

    with http.stream("POST", PATHS[wire], content=rich_request(wire, stream=True)) as response:
        came = next(response.iter_bytes())

    assert answer.startswith(came)
    assert vendor.wait_until_left()
    row = recorded(server, response, OWNER)
    assert row["failure"] == "the caller hung up before the answer was whole"
    assert row["first_token_ms"] is not None


@pytest.mark.parametrize("wire", PATHS)
def test_a_stream_that_the_vendor_breaks_off_ends_in_an_error_that_the_client_understands(
    wire: str, vendor: Upstream, server: RunningServer, http: httpx2.Client
) -> None:
    answer = rich_answer(wire, streaming=True)
    whole_events = answer[: answer.rindex(b"look. ")].rpartition(b"\n\n")[0] + b"\n\n"
    vendor.reply = stream(whole_events, breaks=True)

    response = http.post(PATHS[wire], content=rich_request(wire, stream=True))

    assert response.content.startswith(whole_events)
    [told] = events(response.content[len(whole_events) :])
    assert "gave no whole answer" in json.dumps(told)
    assert "error" in told["type"] if wire != "openai-chat" else "error" in told
    row = recorded(server, response, OWNER)
    assert "gave no whole answer" in row["failure"]
    assert "Let me" in row["response"]


def test_whoever_hangs_up_before_the_first_word_is_recorded_too(
    vendor: Upstream, server: RunningServer, http: httpx2.Client
) -> None:
    vendor.left.clear()
    vendor.reply = stream(b"", hangs=True)
    asked = question("anthropic", "Is anybody there who hangs up?", model="claude-opus-5-5")

    with http.stream("POST", PATHS["anthropic"], json={**asked, "stream": True}):
        pass

    assert vendor.wait_until_left()
    row = newest(server, "SELECT * FROM interactions WHERE query LIKE 'Is anybody there%'", OWNER)
    assert row["failure"] == "the caller hung up before the answer was whole"


COUNTED = question("anthropic", "How long is this?", model=OWN_MODELS["anthropic"])
EMBEDDED = {"model": "text-embedding-3-small", "input": "one", "dimensions": 8}


@pytest.mark.parametrize(
    ("path", "body", "key_header", "key"),
    [
        ("/v1/messages/count_tokens", COUNTED, "x-api-key", ANTHROPIC_KEY),
        ("/v1/embeddings", EMBEDDED, "authorization", f"Bearer {OPENAI_KEY}"),
    ],
    ids=["count_tokens", "embeddings"],
)
def test_what_is_no_question_passes_as_it_is_too(
    path: str, body: dict[str, Any], key_header: str, key: str, vendor: Upstream, http: httpx2.Client
) -> None:
    vendor.reply = whole(b'{ "input_tokens": 12 }')
    request = json.dumps(body, indent=2).encode()

    response = http.post(path, content=request)

    assert response.content == b'{ "input_tokens": 12 }'
    assert (vendor.sent[-1].target, vendor.sent[-1].body) == (path, request)
    assert vendor.sent[-1].headers[key_header] == key


def test_where_no_key_is_set_the_askers_own_goes_on(vendor: Upstream, tmp_path: Path) -> None:
    elsewhere = {"HYBRID_ANTHROPIC_URL": vendor.url, "HYBRID_OPENAI_URL": vendor.url}
    with gateway(tmp_path / "data", elsewhere) as running, asking(running) as http:
        for wire, header, key in (
            ("anthropic", "x-api-key", "sk-ant-of-the-asker"),
            ("anthropic", "authorization", "Bearer oauth-of-the-asker"),
            ("openai-chat", "authorization", "Bearer sk-of-the-asker"),
        ):
            vendor.reply = whole(rich_answer(wire, streaming=False))

            http.post(PATHS[wire], content=rich_request(wire, stream=False), headers={header: key}).raise_for_status()

            assert vendor.sent[-1].headers[header] == key
