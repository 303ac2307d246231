"""A server that learns by itself, and what it tells of that over HTTP."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from hybrid_coordinator.app import open_house
from hybrid_coordinator.daemon import STEPS
from learning_house import INBOX, settings_in, stock
from running import RunningServer, serving, wait_until

QUICK = {"HYBRID_EXTRACTION_MODELS": "false", "HYBRID_LEARNING_QUIET_S": "0.1", "HYBRID_LEARNING_TICK_S": "3600"}
OWNER, GUEST = "key-of-the-owner", "key-of-a-guest"


async def _stock(folder: Path) -> None:
    async with open_house(settings_in(folder)) as house:
        await stock(house, datetime.now(UTC))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with something to learn from, which has begun to."""
    folder = tmp_path_factory.mktemp("learning") / "data"
    anyio.run(_stock, folder)
    with serving(folder, **QUICK, HYBRID_TELEMETRY_PATHS=str(folder / INBOX)) as running:
        yield running


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url, timeout=60, trust_env=False) as client:
        yield client


def told(http: httpx2.Client, path: str, **fields: Any) -> Any:
    """What a POST comes to."""
    return http.post(path, json=fields).raise_for_status().json()


def stages(http: httpx2.Client) -> dict[str, int]:
    """What is learned so far; empty before the first round is through."""
    status = told(http, "/api/learning_status")
    return dict(status["stages"]) if all(step["ran_at"] for step in status["steps"]) else {}


def test_a_server_learns_by_itself_and_reads_the_telemetry_that_it_is_shown(http: httpx2.Client) -> None:
    found = wait_until(lambda: stages(http))

    page = told(http, "/api/learned_items", stage="candidate", limit=100)["items"]
    assert found["candidate"] > 10
    assert sum("drain" in item["name"] for item in page) == 10


def test_an_outcome_is_learned_from_at_once(http: httpx2.Client) -> None:
    """The next tick would come in an hour."""
    wait_until(lambda: stages(http))
    steps = "1. Run `turbine-stop --gently`.\n2. Run `systemctl restart turbine`.\n3. Check that port 9100 answers."
    tracked = told(
        http, "/api/track_interaction", query="How do I stop turbine twelve?", response=steps, agent_type="remote"
    )

    told(http, "/api/update_outcome", interaction_id=tracked["interaction_id"], outcome="success", user_feedback=1)

    learned = wait_until(lambda: told(http, "/api/trace", id=tracked["interaction_id"])["learned"])
    assert "turbine" in learned[0]["name"]
    assert wait_until(lambda: told(http, "/api/learning_status")["stages"])


def learn(http: httpx2.Client, path: str, **fields: Any) -> httpx2.Response:
    """A round of learning, as soon as the server itself has none under way."""
    wait_until(lambda: not told(http, "/api/learning_status")["learning"])
    return http.post(path, json=fields).raise_for_status()


def test_a_round_is_done_on_request(http: httpx2.Client) -> None:
    processed = learn(http, "/learning/process").json()
    only = learn(http, "/learning/process", steps=["score"], batches=1).json()

    assert [step["step"] for step in processed["steps"]] == list(STEPS)
    assert not any(step["error"] for step in processed["steps"])
    assert [step["step"] for step in only["steps"]] == ["score"]


def test_a_round_is_told_line_by_line(http: httpx2.Client) -> None:
    answer = learn(http, "/api/learn")
    events = [json.loads(line) for line in answer.text.splitlines()]

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [event["step"] for event in events if event["event"] == "stepped"] == list(STEPS)


def test_health_and_metrics_say_how_learning_is(http: httpx2.Client) -> None:
    wait_until(lambda: stages(http))

    parts = {part["name"]: part for part in http.get("/health").json()["parts"]}

    assert parts["learning"]["ok"]
    assert "ran last at 2" in parts["learning"]["detail"]
    assert 'coordinator_part_up{part="learning"} 1.0' in http.get("/metrics").text


def test_the_dataset_is_exported(http: httpx2.Client, server: RunningServer) -> None:
    wait_until(lambda: stages(http))

    made = told(http, "/learning/export")

    rows = Path(made["dataset_path"]).read_text().splitlines()
    assert Path(made["dataset_path"]) == server.data_dir / "fine-tuning" / "dataset.jsonl"
    assert len(rows) > 10


def test_variants_are_compared_by_what_became_of_their_answers(http: httpx2.Client) -> None:
    for number in range(4):
        for variant in ("short", "long"):
            fields = {"query": f"How is part {number} oiled?", "response": "With oil.", "agent_type": "remote"}
            tags = [f"variant:{variant}"]
            tracked = told(http, "/api/track_interaction", **fields, tags=tags, session_id=f"{variant}-{number}")
            outcome = "success" if variant == "short" else "failure"
            told(http, "/api/update_outcome", interaction_id=tracked["interaction_id"], outcome=outcome)

    found = told(http, "/learning/ab_compare", variant_a="short", variant_b="long")

    assert (found["success"]["a"]["answers"], found["success"]["b"]["answers"]) == (4, 4)
    assert (found["success"]["a"]["mean"], found["success"]["b"]["mean"]) == (1.0, 0.0)
    assert found["success"]["difference"]["low"] <= 1.0 <= found["success"]["difference"]["high"]
    assert found["verdict"]


@pytest.mark.parametrize(
    ("path", "fields", "status", "said"),
    [
        ("/learning/process", {"steps": ["dream"]}, 400, "extract"),
        ("/learning/process", {"batches": 0}, 400, "batches"),
        ("/api/learn", {"steps": "score"}, 400, "steps"),
        ("/learning/ab_compare", {"variant_a": "short"}, 400, "variant_b"),
        ("/api/learned_item", {"id": "nobody"}, 404, "nobody"),
        ("/api/approve", {"id": "nobody"}, 404, "nobody"),
        ("/api/gap", {"name": "nothing"}, 404, "nothing"),
    ],
)
def test_a_mistake_gets_its_status_and_a_reason(
    http: httpx2.Client, path: str, fields: dict[str, Any], status: int, said: str
) -> None:
    answer = http.post(path, json=fields)

    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]


def test_only_the_owner_reaches_what_was_learned(tmp_path: Path) -> None:
    keys = {"HYBRID_API_KEY": OWNER, "HYBRID_API_KEYS": f"guest={GUEST}"}
    paths = ("/learning/process", "/learning/export", "/learning/ab_compare", "/api/learning_status", "/api/learn")
    more = ("/api/learned_items", "/api/approve", "/api/rollback", "/api/exclude", "/api/trace", "/api/fill_gap")
    with serving(tmp_path, **QUICK, **keys) as running:
        with httpx2.Client(base_url=running.url, trust_env=False) as http:
            bare = {http.post(path, json={}).status_code for path in (*paths, *more)}
            guest = {http.post(path, json={}, headers={"X-API-Key": GUEST}).status_code for path in (*paths, *more)}
            owner = http.post("/api/learning_status", json={}, headers={"X-API-Key": OWNER}).status_code

    assert (bare, guest, owner) == ({401}, {403}, 200)


def test_a_server_that_is_told_to_stop_while_it_learns_leaves_everything_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    anyio.run(_stock, folder)
    with serving(folder, **QUICK, HYBRID_TELEMETRY_PATHS=str(folder / INBOX)) as running:
        with httpx2.Client(base_url=running.url, timeout=60, trust_env=False) as http:
            wait_until(lambda: told(http, "/api/learning_status")["stages"].get("candidate"))
        code = running.stop()
        log = running.log.read_text()

    broken_at, left = anyio.run(_finish, folder)
    assert code == 0
    assert "Traceback" not in log
    assert broken_at is None
    assert left == 0


async def _finish(folder: Path) -> tuple[int | None, int]:
    """Where the log is broken, and how much is left to learn from, once somebody else has learned the rest."""
    async with open_house(settings_in(folder)) as house:
        async for _ in house.daemon.run_once():
            pass
        return await house.catalog.check_log(), len(await house.ledger.unlearned(limit=100))
