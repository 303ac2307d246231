"""The HTTP face of a real server with a real model."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from hybrid_coordinator.faces.operations import OPERATIONS
from running import RunningServer, json_cli, serving

KEY = "a-key-for-tests"

FAQ = """# FAQ

## How do I rotate the registry credentials?

Run `registry-rotate --now` and restart the puller. Nothing else needs a restart.
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("http")
    (folder / "notes").mkdir()
    (folder / "notes" / "faq.md").write_text(FAQ)
    with serving(folder / "data") as running:
        json_cli(folder / "data", "index", str(folder / "notes"))
        yield running


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url, timeout=60, trust_env=False) as client:
        yield client


def test_health_says_what_is_up(http: httpx2.Client) -> None:
    health = http.get("/health").raise_for_status().json()

    assert health["status"] == "ok"
    assert {part["name"] for part in health["parts"]} == {"knowledge", "ledger", "embedder", "model local", "learning"}


def test_an_answer_comes_as_a_stream_of_events(http: httpx2.Client) -> None:
    question = {"query": "How do I rotate the registry credentials?", "max_tokens": 40}
    with http.stream("POST", "/api/ask", json=question, headers={"Accept": "application/x-ndjson"}) as response:
        events = [json.loads(line) for line in response.iter_lines()]

    assert [events[0]["event"], events[1]["event"], events[-1]["event"]] == ["routed", "attempted", "answered"]
    assert sum(event["event"] == "delta" for event in events) > 1
    assert events[0]["passages"][0]["collection"] == "error-solutions"
    said = "".join(event["text"] for event in events if event["event"] == "delta")
    assert events[-1]["interaction"]["response"] == said


def test_an_answer_is_recorded_settled_and_reported(http: httpx2.Client) -> None:
    answer = http.post("/api/ask", json={"query": "What is a puller?", "max_tokens": 20}).raise_for_status().json()
    outcome = {"interaction_id": answer["interaction_id"], "outcome": "success", "user_feedback": 1}
    settled = http.post("/api/update_outcome", json=outcome).raise_for_status().json()

    stored = http.get("/api/interaction", params={"interaction_id": answer["interaction_id"]}).json()
    report = http.get("/api/report", params={"days": 7}).json()

    assert stored["outcome"] == "success"
    assert stored["value"]["total"] == settled["value_score"]
    assert report["outcomes"]["success"] >= 1
    assert report["local"] >= 1


def test_the_metrics_are_prometheus_text(http: httpx2.Client) -> None:
    page = http.get("/metrics").raise_for_status()

    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'coordinator_part_up{part="ledger"} 1.0' in page.text
    assert 'coordinator_passages{collection="error-solutions"} 1.0' in page.text


def test_the_openapi_page_needs_nothing_from_elsewhere(http: httpx2.Client) -> None:
    document = http.get("/openapi.json").json()
    page = http.get("/docs").text

    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]) == {f"/api/{name}" for name in OPERATIONS} | {
        "/api/index", "/api/import", "/learning/export", "/health", "/metrics",
    }  # fmt: skip
    assert "http://" not in page.replace("http://127.0.0.1:8092", "")
    assert "https://" not in page


def test_the_dataset_is_exported_where_the_users_documents_say(http: httpx2.Client, server: RunningServer) -> None:
    made = http.post("/learning/export").raise_for_status().json()

    assert Path(made["dataset_path"]) == server.data_dir / "fine-tuning" / "dataset.jsonl"
    assert Path(made["dataset_path"]).exists()


def test_sql_reads_the_record(http: httpx2.Client) -> None:
    question = {"query": "SELECT COUNT(*) AS n FROM interactions", "mode": "sql"}

    found = http.post("/api/route_query", json=question).raise_for_status().json()

    assert found["columns"] == ["n"]
    assert found["rows"][0][0] >= 0


@pytest.mark.parametrize(
    ("operation", "body", "status", "said"),
    [
        ("ask", {"query": ""}, 400, "empty"),
        ("ask", {"query": "x" * 1_000_000}, 400, "1,000,000 characters"),
        ("ask", {"query": "a\x00b"}, 400, "control character"),
        ("ask", {"query": "hi", "max_tokens": 0}, 400, "max_tokens"),
        ("ask", {"query": "hi", "profile": "reckless"}, 400, "profile"),
        ("ask", {"question": "hi"}, 400, "question"),
        ("ask", ["hi"], 400, "ask"),
        ("search_context", {"query": "hi", "collection": "nowhere"}, 400, "codebase-context"),
        ("route_query", {"query": "hi", "mode": "telepathy"}, 400, "mode"),
        ("route_query", {"query": "DROP TABLE interactions", "mode": "sql"}, 400, "interactions"),
        ("update_outcome", {"interaction_id": "nope", "outcome": "success"}, 404, "nope"),
        ("update_outcome", {"interaction_id": "nope", "outcome": "meh"}, 400, "success"),
        ("update_outcome", {"interaction_id": "nope", "outcome": "success", "user_feedback": 2}, 400, "user_feedback"),
        ("interaction", {"interaction_id": "nope"}, 404, "nope"),
        ("no_such_thing", {}, 404, "no_such_thing"),
    ],
)
def test_bad_input_gets_its_status_and_says_what_is_wrong(
    http: httpx2.Client, operation: str, body: object, status: int, said: str
) -> None:
    response = http.post(f"/api/{operation}", json=body)

    assert response.status_code == status
    assert said in response.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'{"query": "\xff"}', b"[" * 100_000])
def test_a_body_that_is_not_json_is_refused(http: httpx2.Client, body: bytes) -> None:
    response = http.post("/api/ask", content=body)

    assert response.status_code == 400
    assert response.json()["error"]["type"] == "bad_input"


def test_a_body_that_is_too_large_is_refused(http: httpx2.Client) -> None:
    response = http.post("/api/ask", content=b" " * (9 * 1024 * 1024))

    assert response.status_code == 413


def test_a_lone_surrogate_is_refused(http: httpx2.Client) -> None:
    response = http.post("/api/ask", content=b'{"query": "a\\ud800b"}')

    assert response.status_code == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [("Host", "evil.example"), ("Origin", "https://evil.example"), ("Origin", "null"), ("Origin", "http://[")],
)
def test_pages_and_names_from_elsewhere_are_refused(http: httpx2.Client, name: str, value: str) -> None:
    assert http.get("/api/report", headers={name: value}).status_code == 403


def test_a_get_that_would_change_something_is_refused(http: httpx2.Client) -> None:
    assert http.get("/api/ask", params={"query": "hi"}).status_code == 405


def test_an_unknown_path_is_told_in_the_same_shape(http: httpx2.Client) -> None:
    response = http.get("/nowhere")

    assert response.status_code == 404
    assert "error" in response.json()


def test_many_searches_at_once_are_all_answered(http: httpx2.Client) -> None:
    def search(number: int) -> int:
        return http.post("/api/search", json={"query": f"rotate the credentials {number}"}).status_code

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(search, range(64)))

    assert statuses == [200] * 64


def test_the_key_is_demanded_when_it_is_set(tmp_path: Path) -> None:
    with serving(tmp_path, HYBRID_API_KEY=KEY) as running, httpx2.Client(base_url=running.url, trust_env=False) as http:
        bare = http.get("/api/report")
        wrong = http.get("/api/report", headers={"X-API-Key": "wrong"})
        right = http.get("/api/report", headers={"X-API-Key": KEY})
        bearer = http.get("/api/report", headers={"Authorization": f"Bearer {KEY}"})
        mcp = http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        health = http.get("/health")
        by_cli = json_cli(tmp_path, "report", HYBRID_API_KEY=KEY)

    assert [bare.status_code, wrong.status_code, mcp.status_code] == [401, 401, 401]
    assert [right.status_code, bearer.status_code] == [200, 200]
    assert set(health.json()) == {"status", "instance"}
    assert by_cli["interactions"] == 0
    assert KEY not in running.log.read_text()
