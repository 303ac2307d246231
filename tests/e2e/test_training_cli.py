"""What a person does who trains: teach, train, read the decision, try the version, ask again, go back."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from running import json_cli, run_cli, run_within, serving
from taught import RACKS
from tiny_gguf import make

LIMIT_S = 300.0
RECIPE = "epochs = 2\nrank = 4\nreplay_share = 0\n"
SETTINGS = {
    "HYBRID_LEARNING_TICK_S": "1",
    "HYBRID_EXTRACTION_MODELS": "false",
    "HYBRID_CANARY_WATCH_DAYS": "0",  # nobody is left with the base for comparison
    "HYBRID_EXAM_GENERAL": "4",
    "HYBRID_EXAM_TOKENS": "8",
    "HYBRID_LOCAL_THREADS": "1",
}


@pytest.fixture
def taught(tmp_path: Path) -> Any:
    """A running server on tiny weights that was told some things."""
    settings = SETTINGS | {"HYBRID_LOCAL_MODEL_PATH": str(make(tmp_path / "tiny.gguf"))}
    with serving(tmp_path / "data", **settings) as server:
        for number, rack in enumerate(RACKS[:30]):
            told = {
                "query": f"How is the {rack} rack cabled?",
                "correction": f"The {rack} rack has cable {number} behind it.",
                "rating": 1,
            }
            httpx2.post(f"{server.url}/api/learning_feedback", json=told, timeout=60).raise_for_status()
        yield server


def test_training_ends_in_a_decision_to_read_and_answers_name_their_version(taught: Any, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE)

    trained = run_within(LIMIT_S, taught.data_dir, "train", "--recipe", str(recipe), **taught.changes)

    assert trained.returncode == 0, trained.stderr
    assert "loading the base" in trained.stderr
    [told] = json_cli(taught.data_dir, "train", "--runs")["runs"]
    assert f"run {told['id']}: {told['rows']} rows" in trained.stderr
    [version] = json_cli(taught.data_dir, "models")["versions"]
    assert version["decision"] in ("promote", "hold", "roll back")
    assert version["decided"] in " ".join(trained.stdout.split())
    assert {one["metric"] for one in version["measured"]} >= {"general", "formats", "forgetting", "documents"}

    name = version["name"]
    json_cli(taught.data_dir, "deploy", name, "--everybody", "--why", "to see it answer")
    after = json_cli(taught.data_dir, "ask", "How is the ambera rack cabled?", "--prefer", "local")
    json_cli(taught.data_dir, "models", "rollback")
    back = json_cli(taught.data_dir, "ask", "How is the amberb rack cabled?", "--prefer", "local")

    assert told["version"] == name
    assert name in run_cli(taught.data_dir, "train", "--runs").stdout
    assert after["model_used"] == name
    assert back["model_used"] == "tiny"
    shown = run_within(LIMIT_S, taught.data_dir, "models", "show", name).stdout
    assert "to see it answer" in shown
    assert json.loads((taught.data_dir / "runs" / version["run_id"] / "manifest.json").read_text())["metrics"]["rows"]


def test_without_a_server_nothing_is_begun_that_would_stand_still(tmp_path: Path) -> None:
    begun = run_cli(tmp_path, "train", "--detach", "--json")
    listed = run_cli(tmp_path, "train", "--runs")
    both = run_cli(tmp_path, "train", "--runs", "--cancel", "run-1")
    back = run_cli(tmp_path, "models", "rollback")

    assert begun.returncode == 4
    assert "`serve` first, or leave out --detach" in json.loads(begun.stderr)["error"]["message"]
    assert "nothing was trained yet" in listed.stdout
    assert (both.returncode, "more than one was given" in both.stderr) == (2, True)
    assert back.returncode == 4
    assert "every model answers as its base: there is nothing to roll back" in back.stderr


def test_a_recipe_that_is_no_text_and_a_run_without_a_name_are_told(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_bytes(b"rank = \xbf\n")

    unread = run_cli(tmp_path, "train", "--recipe", str(recipe), "--json")
    nameless = run_cli(tmp_path, "train", "--status", "")

    assert (unread.returncode, json.loads(unread.stderr)["error"]["type"]) == (2, "bad_input")
    assert (nameless.returncode, "no training run ''" in nameless.stderr) == (3, True)
