"""The gateway's own choices, in front of vendors that say what they were told: names, context, cache, translation."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from gateway_room import (
    AWAY,
    OWN_MODELS,
    PATHS,
    anthropic_at,
    asking,
    gateway,
    index,
    openai_at,
    plain_answer,
    question,
    recorded,
    rich_answer,
    said,
)
from long_talk import long_talk
from running import RunningServer
from upstreams import Upstream, stream, upstream, whole

FAQ = """# FAQ

## How do I rotate the registry credentials?

Run `registry-rotate --now` and restart the puller. Nothing else needs a restart.
"""
KNOWN = "How do I rotate the registry credentials?"

ONLY_THE_SAME = {"HYBRID_CACHE_ERROR_BUDGET": "0"}
MAPPED = {"HYBRID_MODEL_MAP": "gpt-4o-mini=auto,claude-haiku-4-5=claude-opus-5-5"}
NO_SECOND_TRY = {"HYBRID_RETRIES": "0"}
CHOSEN = {"HYBRID_ANTHROPIC_MODEL": "claude-sonnet-5", "HYBRID_OPENAI_MODEL": "gpt-4.1"}
CHOICE = {"anthropic": "claude-sonnet-5", "openai-chat": "gpt-4.1", "openai-responses": "gpt-4.1"}


@pytest.fixture(scope="module")
def vendor() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def server(vendor: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("gateway")
    both = anthropic_at(vendor.url) | openai_at(vendor.url)
    with gateway(folder / "data", both, CHOSEN, AWAY, ONLY_THE_SAME, MAPPED) as running:
        index(running, folder / "notes", FAQ)
        yield running


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx2.Client]:
    with asking(server) as client:
        yield client


def take_addition(wire: str, body: dict[str, Any]) -> str:
    """Take what was added at the end of the last user's words out of a request again."""
    messages = body["input" if wire == "openai-responses" else "messages"]
    return str(messages[-1]["content"].pop()["text"])


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", PATHS)
def test_what_is_known_is_added_at_the_very_end_and_nothing_but_the_models_name_is_changed(
    wire: str, streaming: bool, vendor: Upstream, server: RunningServer, http: httpx2.Client
) -> None:
    answer = rich_answer(wire, streaming=streaming)
    vendor.reply = stream(answer) if streaming else whole(answer)
    talk = long_talk(wire, KNOWN) | {"stream": streaming}

    response = http.post(PATHS[wire], json=talk)

    sent = vendor.sent[-1].json()
    addition = take_addition(wire, sent)
    assert addition.startswith("<coordinator-context>")
    assert "registry-rotate --now" in addition
    assert json.dumps(sent) == json.dumps(talk | {"model": CHOICE[wire]})
    assert response.content == answer
    row = recorded(server, response)
    assert (row["query"], row["route"], row["cache_read_tokens"]) == (KNOWN, "remote", 15)
    assert json.loads(row["context_provided"])


@pytest.mark.parametrize("wire", PATHS)
def test_an_asker_who_wants_no_context_is_passed_on_under_another_name_only(
    wire: str, vendor: Upstream, http: httpx2.Client
) -> None:
    vendor.reply = whole(rich_answer(wire, streaming=False))
    talk = long_talk(wire, KNOWN)

    http.post(PATHS[wire], json=talk, headers={"x-coordinator-options": "no-context"}).raise_for_status()

    assert json.dumps(vendor.sent[-1].json()) == json.dumps(talk | {"model": CHOICE[wire]})


def test_what_the_system_says_last_does_not_hide_whose_turn_it_is(
    vendor: Upstream, server: RunningServer, http: httpx2.Client
) -> None:
    hint = {"role": "system", "content": "Hook context: the last build passed."}
    talk = long_talk("anthropic", KNOWN)
    asked = talk | {"messages": [*talk["messages"], hint]}
    ran = talk | {"messages": [*talk["messages"][:3], hint]}
    vendor.reply = whole(rich_answer("anthropic", streaming=False))

    after_words = http.post(PATHS["anthropic"], json=asked).raise_for_status()
    sent_words = vendor.sent[-1].json()
    after_tools = http.post(PATHS["anthropic"], json=ran).raise_for_status()
    sent_results = vendor.sent[-1].json()

    assert "registry-rotate --now" in sent_words["messages"][-2]["content"].pop()["text"]
    assert sent_words == asked | {"model": CHOICE["anthropic"]}
    assert json.loads(recorded(server, after_words)["context_provided"])
    assert sent_results == ran | {"model": CHOICE["anthropic"]}
    assert json.loads(recorded(server, after_tools)["context_provided"]) == []


def test_nothing_is_added_to_what_a_tool_gave(vendor: Upstream, http: httpx2.Client) -> None:
    talk = long_talk("anthropic", KNOWN)
    talk["messages"] = talk["messages"][:3]
    talk["messages"][2]["content"][0]["content"] = KNOWN
    vendor.reply = whole(rich_answer("anthropic", streaming=False))

    http.post(PATHS["anthropic"], json=talk).raise_for_status()

    assert vendor.sent[-1].json() == talk | {"model": CHOICE["anthropic"]}


@pytest.mark.parametrize("wire", PATHS)
def test_the_same_question_is_answered_from_the_cache_the_second_time(
    wire: str, vendor: Upstream, server: RunningServer, http: httpx2.Client
) -> None:
    asked = question(wire, f"What does the {wire} cache hold?")
    vendor.reply = whole(plain_answer(wire, "It holds answers."))
    first = http.post(PATHS[wire], json=asked).raise_for_status()
    came = len(vendor.sent)
    recorded(server, first)

    second = http.post(PATHS[wire], json=asked).raise_for_status()
    streamed = http.post(PATHS[wire], json={**asked, "stream": True}).raise_for_status()

    assert len(vendor.sent) == came
    assert [reply.headers["x-coordinator-cache"] for reply in (first, second, streamed)] == ["none", "exact", "exact"]
    assert said(wire, second.json()) == "It holds answers."
    assert "It holds answers." in streamed.text
    row = recorded(server, second)
    assert (row["cache"], row["cost_usd"], row["response"]) == ("exact", 0.0, "It holds answers.")
    assert row["tokens_saved"] > 0


def test_what_one_client_was_answered_is_told_to_a_client_of_another_vendor(
    vendor: Upstream, server: RunningServer, http: httpx2.Client
) -> None:
    vendor.reply = whole(plain_answer("anthropic", "From one to the other."))
    first = http.post(PATHS["anthropic"], json=question("anthropic", "Who shares this cache?")).raise_for_status()
    recorded(server, first)

    second = http.post(PATHS["openai-chat"], json=question("openai-chat", "Who shares this cache?"))

    assert second.headers["x-coordinator-cache"] == "exact"
    assert said("openai-chat", second.json()) == "From one to the other."


def heard(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages of one user who sends these parts."""
    return [{"role": "user", "content": list(parts)}]


def told(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


MATERIAL = {
    "an earlier message": ("openai-chat", lambda one: [*heard(told(one)), *heard(told("Sum up what was sent."))]),
    "another part": ("openai-chat", lambda one: heard(told(one), told("Give the gist of what came."))),
    "a recording": (
        "openai-chat",
        lambda one: heard(
            {"type": "input_audio", "input_audio": {"data": one, "format": "wav"}}, told("Write down what is said.")
        ),
    ),
    "a document": (
        "anthropic",
        lambda one: heard(
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": one}},
            told("Name the chapters of the document."),
        ),
    ),
    "what a program added": (
        "anthropic",
        lambda one: heard(told(f"<system-reminder>{one}</system-reminder>"), told("Which language do I like?")),
    ),
}


@pytest.mark.parametrize(("wire", "messages"), MATERIAL.values(), ids=MATERIAL.keys())
def test_a_question_about_other_material_is_another_question(
    wire: str,
    messages: Callable[[str], list[dict[str, Any]]],
    vendor: Upstream,
    server: RunningServer,
    http: httpx2.Client,
) -> None:
    answers = []
    for material in ("UklGRgAA", "UklGRgBB"):
        vendor.reply = whole(plain_answer(wire, f"About {material}."))
        response = http.post(PATHS[wire], json=question(wire, "", messages=messages(material))).raise_for_status()
        recorded(server, response)
        answers.append(said(wire, response.json()))

    assert answers == ["About UklGRgAA.", "About UklGRgBB."]


@pytest.mark.parametrize("options", ["no-cache", "no-record"])
def test_an_asker_may_keep_an_answer_out_of_the_cache(
    options: str, vendor: Upstream, server: RunningServer, http: httpx2.Client
) -> None:
    asked = question("anthropic", f"May this be kept with {options}?")
    vendor.reply = whole(plain_answer("anthropic", "No."))
    opting_out = {"x-coordinator-options": options}
    recorded(server, http.post(PATHS["anthropic"], json=asked, headers=opting_out).raise_for_status())
    came = len(vendor.sent)

    again = http.post(PATHS["anthropic"], json=asked).raise_for_status()

    assert again.headers["x-coordinator-cache"] == "none"
    assert len(vendor.sent) == came + 1


def test_profile_and_session_are_chosen_in_headers(
    vendor: Upstream, server: RunningServer, http: httpx2.Client
) -> None:
    vendor.reply = whole(plain_answer("openai-chat", "Yes."))
    chosen = {"x-coordinator-profile": "critical", "x-coordinator-session": "of-a-shell"}

    response = http.post(PATHS["openai-chat"], json=question("openai-chat", "Is it critical?"), headers=chosen)

    row = recorded(server, response)
    assert (row["profile"], row["session_id"]) == ("critical", "of-a-shell")
    assert response.headers["x-coordinator-reason"] == row["route_reason"]
    assert response.headers["x-coordinator-route"] == row["route"]
    assert response.headers["x-coordinator-model"] == "gpt-4.1"
    assert float(response.headers["x-coordinator-cost-usd"]) == pytest.approx(row["cost_usd"])


@pytest.mark.parametrize(
    ("headers", "complaint"),
    [
        ({"x-coordinator-options": "no-cash"}, "'no-cash' is no option"),
        ({"x-coordinator-profile": "reckless"}, "'reckless' is no profile"),
    ],
)
def test_a_choice_that_there_is_not_is_refused_before_anything_leaves(
    headers: dict[str, str], complaint: str, vendor: Upstream, http: httpx2.Client
) -> None:
    came = len(vendor.sent)

    response = http.post(PATHS["anthropic"], json=question("anthropic", "Which?"), headers=headers)

    assert response.status_code == 400
    assert complaint in response.json()["error"]["message"]
    assert len(vendor.sent) == came


def test_a_mapped_name_stands_for_what_the_settings_say(vendor: Upstream, http: httpx2.Client) -> None:
    vendor.reply = whole(plain_answer("openai-chat", "Chosen."))
    chosen = http.post(PATHS["openai-chat"], json=question("openai-chat", "Who is mini?", model="gpt-4o-mini"))
    asked_chat = vendor.sent[-1].json()["model"]
    vendor.reply = whole(plain_answer("anthropic", "Renamed."))
    talk = long_talk("anthropic", KNOWN) | {"model": "claude-haiku-4-5"}
    renamed = http.post(PATHS["anthropic"], json=talk)

    assert asked_chat == "gpt-4.1"
    assert chosen.headers["x-coordinator-reason"] != "the asker named this model"
    sent = [one.json() for one in vendor.sent[-3:]]  # a question asked again in the background may come in between
    assert talk | {"model": "claude-opus-5-5"} in sent
    assert renamed.headers["x-coordinator-reason"] == "the asker named this model"


@pytest.mark.parametrize("wire", PATHS)
def test_nothing_leaves_in_local_only_mode(wire: str, vendor: Upstream, staying_home: RunningServer) -> None:
    came = len(vendor.sent)
    with asking(staying_home, "the-askers-own") as http:
        response = http.post(PATHS[wire], json=question(wire, "Does it leave?", model=OWN_MODELS[wire]))
        listed = [model["id"] for model in http.get("/v1/models").json()["data"]]

    error = response.json()["error"]
    assert response.status_code == 404
    assert "HYBRID_MODE_ENABLED=false lets nothing leave this machine" in error["message"]
    assert error["type"] == ("not_found_error" if wire == "anthropic" else "invalid_request_error")
    assert (response.json().get("type") == "error") is (wire == "anthropic")
    assert len(vendor.sent) == came
    assert OWN_MODELS[wire] not in listed
    assert "auto" in listed


@pytest.fixture(scope="module")
def staying_home(vendor: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    both = anthropic_at(vendor.url) | openai_at(vendor.url)
    with gateway(tmp_path_factory.mktemp("home") / "data", both, {"HYBRID_MODE_ENABLED": "false"}) as running:
        yield running
