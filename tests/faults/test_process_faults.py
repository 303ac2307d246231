"""Kills, second owners, damage and full disks, done to the real thing."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from running import COMMAND, RunningServer, environment, json_cli, run_cli, serving, wait_until

LONG = {"query": "Tell me a long story about a lighthouse.", "max_tokens": 2000, "temperature": 1.0}


def begin_answer(server: RunningServer, words: int = 5) -> str:
    """Start an answer, read a few words and return its id; the connection is left open by the generator below."""
    with httpx2.Client(base_url=server.url, timeout=60, trust_env=False) as http:
        with http.stream("POST", "/api/ask", json=LONG, headers={"Accept": "application/x-ndjson"}) as response:
            interaction_id, heard = "", 0
            for line in response.iter_lines():
                event = json.loads(line)
                interaction_id = event.get("interaction_id", interaction_id)
                heard += event["event"] == "delta"
                if heard == words:
                    break
            return interaction_id


def children_of(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and "\tZ" not in Path(f"/proc/{pid}/status").read_text()


def test_a_hang_up_is_recorded_with_what_was_said(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        interaction_id = begin_answer(server)
        stored = wait_until(lambda: run_cli(tmp_path, "report", "--json").stdout and _stored(server, interaction_id))

    assert stored["response"]
    assert "hung up" in stored["failure"]


def _stored(server: RunningServer, interaction_id: str) -> dict[str, object] | None:
    response = httpx2.get(f"{server.url}/api/interaction?interaction_id={interaction_id}", trust_env=False)
    return response.json() if response.status_code == 200 else None


def test_a_server_without_a_whole_mcp_says_so_and_answers_everybody_else(tmp_path: Path) -> None:
    broken = tmp_path / "modules" / "mcp"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('half of it is missing')")
    hello = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}

    with serving(tmp_path / "data", PYTHONPATH=str(broken.parent)) as server:
        asked = [httpx2.post(f"{server.url}/mcp", json=hello, timeout=60, trust_env=False) for _ in range(2)]
        health = httpx2.get(f"{server.url}/health", timeout=60, trust_env=False)

    assert {(one.status_code, one.json()["error"]["message"]) for one in asked} == {
        (503, "MCP does not run here (the server's log says why); restart the server")
    }
    assert health.status_code == 200
    assert "half of it is missing" in server.log.read_text()


def test_sigterm_in_the_middle_of_an_answer_ends_in_order(tmp_path: Path) -> None:
    with serving(tmp_path) as server, httpx2.Client(base_url=server.url, timeout=60, trust_env=False) as http:
        with http.stream("POST", "/api/ask", json=LONG, headers={"Accept": "application/x-ndjson"}) as response:
            lines = response.iter_lines()
            interaction_id = json.loads(next(lines))["interaction_id"]
            while json.loads(next(lines))["event"] != "delta":
                pass
            server.process.send_signal(signal.SIGTERM)
            code = server.process.wait(30)
    shown = json_cli(tmp_path, "report")

    assert code == 0
    assert not (tmp_path / "server.json").exists()
    assert shown["interactions"] == 1
    assert json_cli(tmp_path, "browse", "interaction-history")["passages"][0]["id"] == interaction_id


def test_sigkill_in_the_middle_of_an_answer_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        answer = httpx2.post(
            f"{server.url}/api/ask", json={"query": "hi", "max_tokens": 5}, timeout=60, trust_env=False
        ).json()
        engines = children_of(server.process.pid)
        with httpx2.Client(base_url=server.url, timeout=60, trust_env=False) as http:
            with http.stream("POST", "/api/ask", json=LONG, headers={"Accept": "application/x-ndjson"}) as response:
                lines = response.iter_lines()
                while json.loads(next(lines))["event"] != "delta":
                    pass
                server.kill()
    wait_until(lambda: not any(alive(pid) for pid in engines), 5)
    history = json_cli(tmp_path, "browse", "interaction-history")

    assert engines
    assert [passage["id"] for passage in history["passages"]] == [answer["interaction_id"]]


def test_a_second_process_on_the_data_folder_is_turned_away(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        second = run_cli(tmp_path, "serve")
        library = subprocess.run(
            [sys.executable, "-c", "import hybrid_coordinator; hybrid_coordinator.HybridWorkflow()"],
            env=environment(tmp_path), capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    assert second.returncode == 4
    assert str(server.process.pid) in second.stderr
    assert "HYBRID_DATA_DIR" in second.stderr
    assert "DataFolderBusy" in library.stderr


def test_a_dead_servers_traces_do_not_keep_the_next_from_starting(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.kill()
        assert (tmp_path / "server.json").exists()
        shown = json_cli(tmp_path, "report")
    with serving(tmp_path) as server:
        health = httpx2.get(f"{server.url}/health", trust_env=False).json()

    assert shown["interactions"] == 0
    assert health["status"] == "ok"


def test_a_stale_announcement_does_not_lead_to_another_folders_server(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    json_cli(mine, "correct", "who?", "me")
    with serving(other, HYBRID_API_KEY="a-key") as server:
        told = json.loads((other / "server.json").read_text())
        (mine / "server.json").write_text(json.dumps(told | {"instance": "of a server that was killed"}))
        found = json_cli(mine, "search", "who?")
        asked_by_its_own = json_cli(other, "report", HYBRID_API_KEY="a-key")

    assert "me" in found["results"][0]["text"]
    assert asked_by_its_own["corrections"] == 0
    assert server.process.returncode == 0


@pytest.mark.parametrize("content", ["[]", "{", '{"url": "http://127.0.0.1:1", "instance": "x"}', '{"url": 5}'])
def test_a_spoilt_announcement_is_passed_over(tmp_path: Path, content: str) -> None:
    (tmp_path / "server.json").write_text(content)

    assert json_cli(tmp_path, "report")["interactions"] == 0


def test_a_full_output_is_told_in_one_line(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "report"], env=environment(tmp_path), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )

    assert done.returncode == 1
    assert "cannot write the output" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_ledger_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    json_cli(tmp_path, "report")
    ledger = tmp_path / "ledger.db"
    for extra in tmp_path.glob("ledger.db-*"):
        extra.unlink()
    ledger.write_bytes(b"this was a database once" * 500)
    before = ledger.read_bytes()

    done = run_cli(tmp_path, "report")

    assert done.returncode == 6
    assert "ledger.db" in done.stderr
    assert ledger.read_bytes() == before


def test_a_locked_ledger_is_told_as_busy(tmp_path: Path) -> None:
    json_cli(tmp_path, "report")
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    done = run_cli(tmp_path, "correct", "who?", "me")
    other.close()

    assert done.returncode == 5
    assert "locked" in done.stderr


def test_a_damaged_collection_is_named(tmp_path: Path) -> None:
    json_cli(tmp_path, "correct", "who?", "me")
    for file in (tmp_path / "knowledge").rglob("*.json"):
        file.write_text("{ not json")

    done = run_cli(tmp_path, "search", "who?")

    assert done.returncode == 6
    assert "knowledge" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_knowledge_folder_that_was_moved_away_is_filled_again(tmp_path: Path) -> None:
    data, notes = tmp_path / "data", tmp_path / "notes.md"
    notes.write_text("# Notes\n\nThe moon rises at noon.\n")
    json_cli(data, "index", str(notes))
    json_cli(data, "correct", "who owns the moon?", "Nobody owns it.")
    answer = json_cli(data, "ask", "who owns the moon?", "--max-tokens", "5")
    shutil.move(data / "knowledge", tmp_path / "knowledge.old")

    corrected = json_cli(data, "search", "who owns the moon?")
    indexed = json_cli(data, "index", str(notes))

    assert "Nobody" in corrected["results"][0]["text"]
    assert indexed["indexed"] == 1
    history = json_cli(data, "browse", "interaction-history")["passages"]
    assert [passage["id"] for passage in history] == [answer["interaction_id"]]


@pytest.mark.parametrize("content", [None, b"", b"GGUF" + b"\x00" * 4096, b"<html>not found</html>"])
def test_a_missing_or_damaged_model_file_is_named_with_the_way_out(tmp_path: Path, content: bytes | None) -> None:
    weights = tmp_path / "weights.gguf"
    if content is not None:
        weights.write_bytes(content)

    done = run_cli(tmp_path / "data", "ask", "hi", HYBRID_LOCAL_MODEL_PATH=str(weights))

    assert done.returncode == 5
    assert "weights.gguf" in done.stderr
    assert "models pull" in done.stderr


def test_an_engine_that_is_killed_comes_back_with_the_next_question(tmp_path: Path) -> None:
    with serving(tmp_path) as server, httpx2.Client(base_url=server.url, timeout=60, trust_env=False) as http:
        http.post("/api/ask", json={"query": "hi", "max_tokens": 5}).raise_for_status()
        (engine,) = children_of(server.process.pid)
        os.kill(engine, signal.SIGKILL)
        wait_until(lambda: not alive(engine))
        again = http.post("/api/ask", json={"query": "hi again", "max_tokens": 5})

    assert again.status_code == 200


def test_a_data_folder_that_cannot_be_made_is_told_as_a_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    done = run_cli(tmp_path / "file" / "data", "report")

    assert done.returncode == 2
    assert "HYBRID_DATA_DIR" in done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 900 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=900m", "none", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system takes root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_told_and_loses_nothing_that_was_acknowledged(small_disk: Path) -> None:
    data = small_disk / "data"
    kept = json_cli(data, "ask", "hi", "--max-tokens", "5")
    filler = small_disk / "filler"
    with filler.open("wb") as file:
        while True:
            try:
                file.write(b"\0" * 65_536)
                file.flush()
            except OSError:
                break

    refused = run_cli(data, "ask", "hi again", "--max-tokens", "5")
    filler.unlink()
    after = json_cli(data, "ask", "hi once more", "--max-tokens", "5")
    found = json_cli(data, "search", "-m", "sql", "SELECT id FROM interactions")

    assert refused.returncode == 5, refused.stderr
    assert "full disk" in refused.stderr
    assert {row[0] for row in found["rows"]} >= {kept["interaction_id"], after["interaction_id"]}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_an_index_run_that_was_stopped_continues(tmp_path: Path, number: signal.Signals) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    source = Path(json.__file__).parent
    for copy in range(3):
        for file in source.glob("*.py"):
            shutil.copy(file, repository / f"{copy}_{file.name}")
    run = subprocess.Popen(
        [*COMMAND, "index", str(repository)], env=environment(tmp_path / "data"), stderr=subprocess.PIPE
    )
    wait_until(lambda: (tmp_path / "data" / "knowledge").exists())
    wait_until(lambda: any((tmp_path / "data").glob("knowledge/**/wal/*")), 20)
    run.send_signal(number)
    run.communicate(timeout=20)

    summary = json_cli(tmp_path / "data", "index", str(repository))
    whole = json_cli(tmp_path / "other", "index", str(repository))

    assert summary["indexed"] + summary["unchanged"] == whole["indexed"]
    assert json_cli(tmp_path / "data", "report")["passages"] == json_cli(tmp_path / "other", "report")["passages"]
