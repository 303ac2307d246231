"""The instruments of the gateway benchmark, on real processes, real load and sums that can be worked out by hand."""

import argparse
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from bench import gateway
from bench.gateway_answers import TEXT, WORDS
from bench.gateway_figures import (
    Round,
    Soak,
    find_failures,
    headline,
    load_figures,
    ratios,
    soak_figures,
    stream_figures,
)
from bench.gateway_load import Load, Run, read_run
from bench.gateway_peers import INSTALLED, PEERS, install
from bench.gateway_processes import Cores, Launch, Running, choose_cores, footprint, on_cores, running
from bench.gateway_product import Product, plain_environment
from bench.gateway_questions import QUESTIONS, STEPS, changing, fixed, write_documents
from bench.gateway_streams import FirstWords, Question, ask, time_first_words, wait_for_answer
from bench.gateway_trial import Bench, Plan, Traffic, Trial
from bench.mock_upstream import take_request
from hybrid_coordinator.app.folder import LEDGER_FILE
from hybrid_coordinator.backends.ledger.sql import SqlLedger
from hybrid_coordinator.domain.interaction import AgentType, Interaction
from hybrid_coordinator.errors import Unavailable
from hybrid_coordinator.wire.sse import SseDecoder

CHAT = "/v1/chat/completions"
JSON = {"Content-Type": "application/json"}
EVERYWHERE = frozenset(os.sched_getaffinity(0))


def run_of(p50_ms: float, p99_ms: float, requests: int = 100, seconds: float = 1.0) -> Run:
    return Run(requests, seconds, p50_ms, p99_ms, refused=0, broken=0)


@asynccontextmanager
async def upstream(folder: Path, *options: str) -> AsyncIterator[Running]:
    command = (sys.executable, "-m", "bench.mock_upstream", *options)
    async with running(Launch(command, plain_environment()), folder / "upstream.log", EVERYWHERE) as server:
        yield server


def need_wrk() -> None:
    if shutil.which("wrk") is None:
        reason = "wrk is not installed: sh tests/debian.sh"
        raise pytest.fail.Exception(reason) if os.environ.get("CI") else pytest.skip.Exception(reason)


# figures


def test_what_is_added_is_the_median_of_the_differences_within_rounds() -> None:
    rounds = [
        Round(run_of(1.0, 2.0), run_of(1.5, 9.0), 0.1),
        Round(run_of(3.0, 4.0), run_of(3.6, 5.0), 0.2),
        Round(run_of(1.0, 2.0), run_of(9.0, 4.0), 0.3),
    ]

    figures = load_figures(rounds)

    assert figures["added_p50_ms"] == 0.6
    assert figures["added_p99_ms"] == 2.0
    assert figures["ranges"]["added_p50_ms"] == (0.5, 8.0)
    assert figures["cpu_ms_per_request"] == 2.0
    assert figures["requests_per_s"] == 100


def test_growth_is_told_against_the_memory_before_the_soak() -> None:
    figures = soak_figures(Soak(1_000, 10, [100.0, 140.0, 110.0]))

    assert (figures["rss_start_mb"], figures["rss_mb"], figures["rss_growth_percent"]) == (100, 110, 10)
    assert figures["upstream_per_request"] == 0.01


def test_latency_is_told_for_one_connection_and_throughput_for_sixteen() -> None:
    one = load_figures([Round(run_of(1, 2), run_of(2, 4), 0.1)])
    sixteen = load_figures([Round(run_of(1, 2), run_of(9, 9, requests=800), 0.4)])

    assert headline({"1": one, "16": sixteen, "64": one}) == {
        "added_p50_ms": 1,
        "added_p99_ms": 2,
        "cpu_ms_per_request": 0.5,
        "requests_per_s": 800,
    }


def test_the_first_words_wait_is_the_difference_of_the_medians() -> None:
    figures = stream_figures(FirstWords([50.0, 51.0, 52.0]), FirstWords([53.0, 54.0, 90.0]))

    low, high = figures["added_first_token_interval"]
    assert figures["added_first_token_ms"] == 3
    assert low <= 3 <= high


def test_without_a_whole_stream_there_is_no_first_word() -> None:
    assert stream_figures(FirstWords([50.0]), FirstWords(broken=8)) == {}


def test_a_ratio_is_told_only_of_what_both_have() -> None:
    assert ratios({"requests_per_s": 900.0, "rss_mb": 80.0}, {"requests_per_s": 300.0}) == {"requests_per_s": 3}


def test_errors_and_lost_records_make_a_level_fail() -> None:
    failed = find_failures(
        {
            "whole": {"requests": 10, "recorded": 12, "streams": 2, "streams_recorded": 2, "errors": 0},
            "peer": {"requests": 10, "errors": 0},
            "lost": {"requests": 10, "recorded": 9, "streams": 2, "streams_recorded": 2, "errors": 0},
            "hidden": {"requests": 10, "recorded": 12, "streams": 2, "streams_recorded": 1, "errors": 0},
            "refused": {"requests": 10, "errors": 3},
            "absent": {"unavailable": "it did not start"},
        }
    )

    assert failed == {
        "lost": "1 of 10 requests are not in the ledger",
        "hidden": "1 of 10 requests are not in the ledger",
        "refused": "3 of 10 requests failed",
        "absent": "it did not start",
    }


# the upstream


def test_a_request_is_taken_once_it_is_whole() -> None:
    pending = bytearray(b"POST /v1/messages?beta=true HTTP/1.1\r\nContent-Length: 4\r\n\r\nbo")

    assert take_request(pending) is None
    pending += b"dyGET / HTTP/1.1\r\n\r\n"
    first, second = take_request(pending), take_request(pending)

    assert first is not None
    assert second is not None
    assert (first.method, first.path, first.headers, first.body) == (
        "POST",
        "/v1/messages",
        {"content-length": "4"},
        b"body",
    )
    assert (second.method, second.path, second.body) == ("GET", "/", b"")
    assert not pending


def events_of(answer: httpx2.Response) -> list[dict[str, Any]]:
    return [json.loads(event.data) for event in SseDecoder().feed(answer.content) if event.data != "[DONE]"]


@pytest.mark.parametrize("manner", ["at once", "slowly"])
async def test_a_stream_says_the_whole_answer_and_counts_its_tokens(tmp_path: Path, manner: str) -> None:
    request = {"model": "m", "stream": True, "stream_options": {"include_usage": True}, "manner": manner}

    async with upstream(tmp_path, "--first-word-s", "0.01", "--next-word-s", "0") as server:
        async with httpx2.AsyncClient(base_url=server.url, trust_env=False) as client:
            chat = events_of(await client.post(CHAT, json=request))
            message = events_of(await client.post("/v1/messages", json=request))

    assert "".join(event["choices"][0]["delta"].get("content", "") for event in chat[:-1]) == TEXT
    assert chat[-1]["usage"]["completion_tokens"] == len(WORDS)
    assert "".join(event["delta"]["text"] for event in message if event["type"] == "content_block_delta") == TEXT
    assert [event["usage"] for event in message if event["type"] == "message_delta"] == [{"output_tokens": len(WORDS)}]


async def test_chat_counts_tokens_only_for_who_asks(tmp_path: Path) -> None:
    async with upstream(tmp_path) as server:
        async with httpx2.AsyncClient(base_url=server.url, trust_env=False) as client:
            chat = events_of(await client.post(CHAT, json={"model": "m", "stream": True}))

    assert chat[-1]["choices"][0]["finish_reason"] == "stop"
    assert all("usage" not in event for event in chat)


async def test_a_streamed_response_ends_with_the_whole_one(tmp_path: Path) -> None:
    async with upstream(tmp_path) as server:
        async with httpx2.AsyncClient(base_url=server.url, trust_env=False) as client:
            whole = await client.post("/v1/responses", json={"model": "m"})
            events = events_of(await client.post("/v1/responses", json={"model": "m", "stream": True}))

    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta") == TEXT
    assert events[-1]["response"] == whole.json()


async def test_the_upstream_says_what_it_was_asked(tmp_path: Path) -> None:
    async with upstream(tmp_path) as server:
        async with httpx2.AsyncClient(base_url=server.url, trust_env=False) as client:
            await client.post(CHAT, json={"model": "m"}, headers={"x-trace": "7"})
            seen = (await client.get("/seen")).json()

    assert seen["count"] == 1
    assert (seen["last"][0]["path"], seen["last"][0]["headers"]["x-trace"]) == (CHAT, "7")
    assert json.loads(seen["last"][0]["body"]) == {"model": "m"}


async def test_the_upstream_refuses_what_it_cannot_read_and_goes_on(tmp_path: Path) -> None:
    async with upstream(tmp_path) as server:
        async with httpx2.AsyncClient(base_url=server.url, trust_env=False) as client:
            garbled = await client.post(CHAT, content=b"{")
            unknown = await client.post("/v1/nothing", json={})
            answered = await client.post(CHAT, json={})

    assert (garbled.status_code, unknown.status_code, answered.status_code) == (400, 404, 200)


async def test_a_reader_who_hangs_up_mid_stream_does_not_stop_the_upstream(tmp_path: Path) -> None:
    async with upstream(tmp_path, "--first-word-s", "0", "--next-word-s", "60") as server:
        async with httpx2.AsyncClient(base_url=server.url, trust_env=False) as client:
            async with client.stream("POST", CHAT, json={"stream": True, "manner": "slowly"}) as answer:
                first = await anext(answer.aiter_bytes())
            after = await client.post(CHAT, json={})

    assert WORDS[0].encode() in first
    assert after.status_code == 200


# processes


def test_the_load_and_the_gateway_have_a_core_each_when_there_are_two() -> None:
    assert choose_cores([3, 1, 2]) == Cores(frozenset({1}), frozenset({2}))
    assert choose_cores([3, 1, 2]).apart
    assert not choose_cores([0]).apart


def test_cores_are_given_back() -> None:
    before = os.sched_getaffinity(0)

    with on_cores(frozenset({min(before)})):
        assert os.sched_getaffinity(0) == {min(before)}

    assert os.sched_getaffinity(0) == before


BUSY_CHILD = """
import subprocess, sys
child = "import time\\nwhile time.process_time() < 0.3: pass\\nprint('listening on http://here', flush=True)\\ninput()"
subprocess.Popen([sys.executable, "-c", child], stdin=subprocess.PIPE).wait()
"""


async def test_what_a_process_uses_counts_its_children(tmp_path: Path) -> None:
    launch = Launch((sys.executable, "-c", BUSY_CHILD), plain_environment())

    async with running(launch, tmp_path / "log", EVERYWHERE) as parent:
        used = footprint(parent.pid)

    assert 0.2 <= used.cpu_s < 5
    assert used.rss_mb > 2 * 5  # two interpreters
    assert parent.url == "http://here"


async def test_a_server_that_does_not_come_up_is_told_with_its_words(tmp_path: Path) -> None:
    launch = Launch((sys.executable, "-c", "raise SystemExit('the port is taken')"), plain_environment())

    with pytest.raises(Unavailable, match="the port is taken"):
        async with running(launch, tmp_path / "log", EVERYWHERE):
            pass


# load


def test_the_last_line_of_wrk_is_the_run() -> None:
    told = 'Running 1s test\n{"requests": 8, "seconds": 2.0, "p50_ms": 1, "p99_ms": 2, "refused": 1, "broken": 2}\n'

    run = read_run(told)

    assert (run.per_s, run.errors) == (4, 3)


async def test_no_question_of_the_load_comes_twice(tmp_path: Path) -> None:
    need_wrk()
    bodies = Traffic(CHAT, "m", changing, {}).bodies(stream=False)
    load = Load(bodies, JSON, tmp_path / "bodies")

    async with upstream(tmp_path) as server:
        runs = [await load.run(server.url + CHAT, 2, 1) for _ in range(2)]
        async with httpx2.AsyncClient(base_url=server.url, trust_env=False) as client:
            seen = (await client.get("/seen")).json()

    made = sum(run.requests for run in runs)
    assert [run.errors for run in runs] == [0, 0]
    assert 0 < made <= seen["count"] <= made + 2 * 2
    shown = [request["body"] for request in seen["last"]]
    assert len(set(shown)) == len(shown)
    assert all("TURN" not in body for body in shown)


async def test_refused_requests_are_counted(tmp_path: Path) -> None:
    need_wrk()
    load = Load(["{}"], JSON, tmp_path / "bodies")

    async with upstream(tmp_path) as server:
        run = await load.run(server.url + "/nothing", 1, 1)

    assert run.refused == run.requests > 0


# streams


async def test_the_first_word_is_waited_for_as_long_as_the_upstream_takes(tmp_path: Path) -> None:
    async with upstream(tmp_path, "--first-word-s", "0.03", "--next-word-s", "0.001") as server:
        question = ask(server.url + CHAT, JSON, '{"stream": true, "manner": "slowly"}')
        words = await time_first_words([question] * 12, 4)

    assert words.broken == 0
    assert len(words.times_ms) == 12
    assert min(words.times_ms) >= 30


async def test_what_is_no_whole_stream_counts_as_broken(tmp_path: Path) -> None:
    async with upstream(tmp_path) as server:
        whole = ask(server.url + CHAT, JSON, "{}")
        lost = ask(server.url + "/nothing", JSON, "{}")
    nobody = Question("127.0.0.1", int(server.url.rpartition(":")[2]), whole.content)

    async with upstream(tmp_path, "--port", server.url.rpartition(":")[2]):
        words = await time_first_words([whole, lost], 2)
    gone = await time_first_words([nobody], 1)

    assert (words.times_ms, words.broken, gone.broken) == ([], 2, 1)


async def test_a_question_that_is_refused_is_not_asked_until_the_deadline(tmp_path: Path) -> None:
    async with upstream(tmp_path) as server:
        with anyio.fail_after(30), pytest.raises(Unavailable, match="404"):
            await wait_for_answer(ask(server.url + "/nothing", JSON, "{}"), 600)


# questions


def test_questions_differ_and_documents_speak_of_each(tmp_path: Path) -> None:
    write_documents(tmp_path)

    written = "\n".join(path.read_text() for path in tmp_path.iterdir())
    assert len(set(QUESTIONS)) == len(QUESTIONS) > 300
    assert written.count("\n## ") == len(QUESTIONS) * len(STEPS) >= 2_000
    assert all(f"# {question}" in written for question in QUESTIONS)


def test_only_streamed_questions_ask_for_slowness() -> None:
    traffic = Traffic(CHAT, "m", fixed, {})

    [whole], [streamed] = traffic.bodies(stream=False), traffic.bodies(stream=True)

    assert "slowly" not in whole
    assert "slowly" in streamed
    assert json.loads(streamed)["stream"] is True


# trial


async def test_a_trial_counts_what_it_asked(tmp_path: Path) -> None:
    need_wrk()
    plan = Plan(seconds=1, rounds=1, connections=(1,), soak_requests=1, soak_seconds=1, streams=8)
    (tmp_path / "gateway").mkdir()

    async with upstream(tmp_path) as server, upstream(tmp_path / "gateway") as other:
        bench = Bench(server, Cores(EVERYWHERE, EVERYWHERE), tmp_path, plan, lambda progress: None)
        trial = Trial(other, Traffic(CHAT, "m", changing, {}), bench)
        figures = await trial.start() | await trial.run_streams() | await trial.run_load()
        async with httpx2.AsyncClient(base_url=other.url, trust_env=False) as client:
            seen = (await client.get("/seen")).json()["count"]

    assert (trial.errors, trial.streams) == (0, 16)
    assert trial.requests <= seen <= trial.requests + 1 + 16  # what the ends of the runs cut off
    assert figures["soaked_requests"] >= 1
    assert figures["upstream_per_request"] == 0  # this gateway passes nothing on
    assert figures["by_connections"]["1"]["added_p50_ms"] == figures["added_p50_ms"]


# the product and its peers


async def test_what_passes_through_the_product_reaches_the_upstream_and_the_ledger(
    capsys: pytest.CaptureFixture[str],
) -> None:
    need_wrk()
    parser = argparse.ArgumentParser()
    gateway.add_arguments(parser)
    short = "--levels pass_through --seconds 1 --rounds 1 --streams 8 --soak 1"

    figures = await gateway.measure(parser.parse_args(short.split()))
    gateway.show(figures)

    measured = figures["levels"]["pass_through"]
    assert figures["failed"] == {}
    assert measured["recorded"] >= measured["requests"] > measured["streams_recorded"] == measured["streams"] == 16
    assert measured["upstream_per_request"] >= 1
    assert str(measured["requests_per_s"]) in capsys.readouterr().out


async def test_what_the_product_learned_is_told_in_passages(tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("# Restarting\n\nStop the ingress, wait until it is drained, and start it.\n")

    assert await Product(tmp_path / "data", "http://127.0.0.1:9").learn(tmp_path / "note.md") == 1


async def test_the_ledgers_records_are_counted_while_another_holds_it(tmp_path: Path) -> None:
    product = Product(tmp_path, "http://127.0.0.1:9")
    ledger = await SqlLedger.open(f"sqlite:///{tmp_path / LEDGER_FILE}")
    try:
        for number in range(3):
            moment = datetime(2026, 1, 1, tzinfo=UTC)
            await ledger.append(Interaction(str(number), moment, "q", "a", AgentType.REMOTE, "m"))

        assert await product.recorded(3) == 3
    finally:
        await ledger.aclose()


def test_the_product_is_started_without_the_settings_around_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYBRID_API_KEY", "of someone else")

    environment = Product(tmp_path, "http://127.0.0.1:9").launch.environment

    assert "HYBRID_API_KEY" not in environment
    assert environment["HYBRID_OPENAI_URL"] == "http://127.0.0.1:9/v1"


async def test_a_whole_environment_is_not_installed_again(tmp_path: Path) -> None:
    peer = PEERS["tensorzero"]
    (tmp_path / INSTALLED).write_text(peer.requirement)

    assert await install(peer, tmp_path) == tmp_path / "bin"
    assert [path.name for path in tmp_path.iterdir()] == [INSTALLED]
