"""A local answer that is not trusted: another model's is told in its place, and the pair is kept to learn from."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from gateway_room import (
    AT_HOME,
    PATHS,
    anthropic_at,
    asking,
    events,
    gateway,
    index,
    openai_at,
    plain_answer,
    question,
    read_ledger,
    recorded,
    said,
)
from hybrid_coordinator.backends.models.llamacpp_process import Access
from running import RunningServer, wait_until
from servers import gemma_server, smollm2
from upstreams import Upstream, upstream, whole

FAQ = """# FAQ

## How do I rotate the registry credentials?

Run `registry-rotate --now` and restart the puller. Nothing else needs a restart.
"""
KNOWN = "How do I rotate the registry credentials?"

NEVER_TRUSTED = {"HYBRID_MIN_CONFIDENCE": "1"}
AS_SAID = {"HYBRID_MIN_CONFIDENCE": "0", "HYBRID_CHECK_CONTRADICTIONS": "false", "HYBRID_CACHE_ERROR_BUDGET": "0"}
NAMED = {"HYBRID_OPENAI_MODEL": "gemma"}
BUSY = whole(b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', 529)
VERDICT = {"type": "object", "properties": {"verdict": {"type": "string", "minLength": 40}}, "required": ["verdict"]}


@pytest.fixture(scope="module")
def far() -> Iterator[Access]:
    with gemma_server() as access:
        yield access


@pytest.fixture(scope="module")
def busy() -> Iterator[Upstream]:
    with upstream() as running:
        running.reply = BUSY
        yield running


@pytest.fixture(scope="module")
def server(far: Access, busy: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Home is asked first and never trusted; OpenAI is a real model, and Anthropic is busy."""
    smollm2()
    folder = tmp_path_factory.mktemp("escalation")
    vendors = openai_at(far.address, far.key) | anthropic_at(busy.url)
    with gateway(folder / "data", vendors, NAMED, AT_HOME, NEVER_TRUSTED, {"HYBRID_CACHE_ENABLED": "false"}) as running:
        index(running, folder / "notes", FAQ)
        yield running


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx2.Client]:
    with asking(server) as client:
        yield client


def rejected_for(server: RunningServer, answer_id: str) -> list[dict[str, Any]]:
    """The answers that were rejected for this one, once it is recorded."""
    statement = f"SELECT * FROM interactions WHERE parent_id = '{answer_id}'"
    return list(wait_until(lambda: read_ledger(server, statement)))


def pairs_of(server: RunningServer, answer_id: str) -> list[dict[str, Any]]:
    """The preference pairs in which this answer was chosen."""
    statement = f"SELECT * FROM preferences WHERE chosen_id = '{answer_id}'"
    return list(wait_until(lambda: read_ledger(server, statement)))


def test_the_remote_answer_is_the_only_one_told_and_both_are_kept_as_a_pair(
    server: RunningServer, http: httpx2.Client
) -> None:
    response = http.post(PATHS["openai-chat"], json=question("openai-chat", KNOWN, max_tokens=16))

    told = said("openai-chat", response.json())
    chosen = recorded(server, response)
    [rejected] = rejected_for(server, chosen["id"])
    [pair] = pairs_of(server, chosen["id"])
    assert (chosen["agent_type"], chosen["response"], chosen["route"]) == ("remote", told, "local")
    assert (rejected["agent_type"], rejected["query"]) == ("local", KNOWN)
    assert "rejected" in json.loads(rejected["tags"])
    assert rejected["failure"].startswith("not trusted: ")
    assert rejected["response"] not in ("", told)
    assert (pair["prompt"], pair["chosen"], pair["rejected"]) == (KNOWN, told, rejected["response"])
    assert (pair["rejected_id"], pair["why"]) == (rejected["id"], "escalation")


def test_nothing_of_a_rejected_answer_is_streamed(server: RunningServer, http: httpx2.Client) -> None:
    asked = question("openai-chat", f"{KNOWN} Tell me slowly.", max_tokens=16, stream=True)

    response = http.post(PATHS["openai-chat"], json=asked).raise_for_status()

    told = events(response.content)
    words = "".join(event["choices"][0]["delta"].get("content") or "" for event in told if event["choices"])
    chosen = recorded(server, response)
    assert words == chosen["response"] != ""
    assert {event["model"] for event in told} == {"gemma"}
    assert len(rejected_for(server, chosen["id"])) == 1
    assert response.headers["x-coordinator-model"] == "gemma"


def test_when_the_clients_own_vendor_is_busy_another_one_stands_in(
    server: RunningServer, busy: Upstream, http: httpx2.Client
) -> None:
    asked = question("anthropic", f"{KNOWN} I am in a hurry.", stream=True, max_tokens=16)

    response = http.post(PATHS["anthropic"], json=asked).raise_for_status()

    kinds = [event["type"] for event in events(response.content) if event["type"] != "ping"]
    row = recorded(server, response)
    assert busy.sent[-1].target == "/v1/messages"
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
    assert (row["agent_type"], row["model_used"], row["failure"]) == ("remote", "gemma", None)
    assert len(rejected_for(server, row["id"])) == 1


def test_an_asker_who_wants_no_record_leaves_no_pair(server: RunningServer, http: httpx2.Client) -> None:
    before = read_ledger(server, "SELECT COUNT(*) AS n FROM preferences")

    response = http.post(
        PATHS["openai-chat"],
        json=question("openai-chat", f"{KNOWN} Off the record.", max_tokens=8),
        headers={"x-coordinator-options": "no-record"},
    )

    assert recorded(server, response)["query"] == ""
    assert read_ledger(server, "SELECT COUNT(*) AS n FROM preferences") == before
    assert read_ledger(server, "SELECT id FROM interactions WHERE query LIKE '%Off the record.'") == []


@pytest.fixture(scope="module")
def told_by_home(busy: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Home is asked first, and checked as usual but for its confidence; Anthropic says what it is told to."""
    smollm2()
    folder = tmp_path_factory.mktemp("at_home")
    with gateway(folder / "data", anthropic_at(busy.url), AT_HOME, AS_SAID) as running:
        index(running, folder / "notes", FAQ)
        yield running


def test_a_familiar_question_is_answered_at_home(told_by_home: RunningServer, busy: Upstream) -> None:
    came = len(busy.sent)
    with asking(told_by_home) as http:
        response = http.post(PATHS["anthropic"], json=question("anthropic", KNOWN, temperature=0, max_tokens=16))

    row = recorded(told_by_home, response)
    assert said("anthropic", response.json()) == row["response"] != ""
    assert (row["agent_type"], row["failure"]) == ("local", None)
    assert row["tokens_saved"] > 0
    assert json.loads(row["context_provided"])
    assert len(busy.sent) == came


def test_json_that_breaks_off_is_rejected(told_by_home: RunningServer, busy: Upstream) -> None:
    busy.reply = whole(plain_answer("anthropic", '{"verdict": "it is all right"}'))
    form = {"format": {"type": "json_schema", "schema": VERDICT}}
    with asking(told_by_home) as http:
        asked = question("anthropic", KNOWN, max_tokens=20, temperature=0, output_config=form)
        response = http.post(PATHS["anthropic"], json=asked).raise_for_status()

    assert said("anthropic", response.json()) == '{"verdict": "it is all right"}'
    [rejected] = rejected_for(told_by_home, recorded(told_by_home, response)["id"])
    assert "JSON" in rejected["failure"]
    assert rejected["output_tokens"] == 20


def test_a_doubtful_answer_is_told_when_nobody_can_give_a_better_one_but_it_is_not_kept(
    told_by_home: RunningServer, busy: Upstream
) -> None:
    busy.reply = BUSY
    form = {"format": {"type": "json_schema", "schema": VERDICT}}
    asked = question("anthropic", f"{KNOWN} In one word.", max_tokens=20, temperature=0, output_config=form)
    with asking(told_by_home) as http:
        first = http.post(PATHS["anthropic"], json=asked).raise_for_status()
        recorded(told_by_home, first)
        second = http.post(PATHS["anthropic"], json=asked).raise_for_status()

    row = recorded(told_by_home, second)
    assert said("anthropic", second.json()) == row["response"] != ""
    assert (row["agent_type"], row["failure"]) == ("local", None)
    assert second.headers["x-coordinator-cache"] == "none"
