"""The commands that learn and judge what was learned, on a real data folder, with and without a running server."""

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest

from hybrid_coordinator.app import open_house
from hybrid_coordinator.daemon import STEPS
from learning_house import INBOX, settings_in, stock
from running import COMMAND, DEADLINE_S, environment, json_cli, run_cli, serving

QUICK = {"HYBRID_EXTRACTION_MODELS": "false", "HYBRID_LEARNING_QUIET_S": "0.1"}
LOST = "00000000-0000-0000-0000-000000000000"


async def _stock(folder: Path) -> None:
    async with open_house(settings_in(folder)) as house:
        await stock(house, datetime.now(UTC))


def stocked(folder: Path) -> Path:
    """A data folder with answers that nothing was learned from."""
    anyio.run(_stock, folder)
    return folder


def told(data: Path, *arguments: str) -> Any:
    """What a command says with --json."""
    return json_cli(data, *arguments, **QUICK, HYBRID_TELEMETRY_PATHS=str(data / INBOX))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of a running server that learns when it is told to, after a round of learning."""
    folder = stocked(tmp_path_factory.mktemp("learning") / "data")
    inbox = str(folder / INBOX)
    with serving(folder, **QUICK, HYBRID_LEARNING_ENABLED="false", HYBRID_TELEMETRY_PATHS=inbox):
        learned = told(folder, "learn", "--once")
        assert [step["step"] for step in learned["steps"]] == list(STEPS)
        assert not any(step["error"] for step in learned["steps"])
        yield folder


@pytest.fixture(scope="module")
def skill(data: Path) -> dict[str, Any]:
    """Something that was learned and is served."""
    items = told(data, "learned", "--stage", "candidate", "-n", "100")["items"]
    return next(item for item in items if "gateway" in item["name"])


def test_without_a_server_learning_says_what_each_step_came_to_and_then_finds_nothing_more(tmp_path: Path) -> None:
    folder = stocked(tmp_path / "data")

    first = {step["step"]: step["counts"] for step in told(folder, "learn")["steps"]}
    again = {step["step"]: step["counts"] for step in told(folder, "learn")["steps"]}

    assert first["ingest"]["dead_letters"] == 10
    assert first["score"]["scored"] > 20
    assert first["extract"]["learn"] > 20
    assert not again["score"].get("scored")
    assert not again["extract"].get("learn")


def test_only_the_step_that_is_named_runs(tmp_path: Path) -> None:
    learned = told(stocked(tmp_path / "data"), "learn", "--step", "score")

    assert [step["step"] for step in learned["steps"]] == ["score"]
    assert learned["stages"] == {"proven": 1}


def test_the_status_is_told_to_people_and_programs(data: Path) -> None:
    status = told(data, "learn", "--status")
    shown = run_cli(data, "learn", "--status").stdout

    assert [step["step"] for step in status["steps"]] == list(STEPS)
    assert all(step["ok"] and step["ran_at"] for step in status["steps"])
    assert not status["learning"]
    assert "no daemon is at work" in shown
    assert "candidate" in shown


def test_a_learned_thing_is_listed_shown_and_traced(data: Path, skill: dict[str, Any]) -> None:
    found = told(data, "learned", skill["id"])
    shown = run_cli(data, "learned", skill["id"]).stdout
    traced = told(data, "trace", skill["id"])

    assert found["item"]["id"] == skill["id"]
    assert next(change["action"] for change in found["changes"]) == "learn"
    assert "gatewayctl rotate --now" in shown
    assert "without it, by chance: not yet" in shown
    assert [one["interaction_id"] for one in traced["interactions"]] == ["skill-4"]


def test_the_tree_of_skills_has_all_that_is_served(data: Path) -> None:
    tree = told(data, "skills")
    near = told(data, "skills", "--query", "rotate the credentials of the gateway")

    assert tree["branches"][0]["size"] > 10
    assert near["branches"]
    assert run_cli(data, "skills").returncode == 0


def test_the_log_is_whole_and_in_order(data: Path) -> None:
    log = told(data, "changes", "-n", "100")

    assert log["broken_at"] is None
    assert [change["place"] for change in log["changes"]] == sorted(change["place"] for change in log["changes"])
    assert {change["action"] for change in log["changes"]} >= {"learn", "merge", "quarantine"}


def test_what_waits_is_reviewed_approved_and_rejected(data: Path) -> None:
    held = told(data, "review")["held"]
    shown = run_cli(data, "review").stdout
    first, second = (one["item"]["id"] for one in held)

    approved = told(data, "approve", first, "--why", "I tried it")
    rejected = told(data, "reject", second)

    assert all(one["reasons"] for one in held)
    assert first in shown
    assert approved["stage"] in ("candidate", "proven")
    assert rejected["stage"] == "rejected"
    assert told(data, "review")["held"] == []
    assert run_cli(data, "review").stdout.strip() == "nothing waits"


def test_a_rollback_is_tried_before_it_is_done(tmp_path: Path) -> None:
    folder = stocked(tmp_path / "data")
    with serving(folder, **QUICK, HYBRID_LEARNING_ENABLED="false"):
        told(folder, "learn")
        before = told(folder, "learn", "--status")["stages"]

        tried = told(folder, "rollback", "--origin", "skill-3", "--dry-run")
        between = told(folder, "learn", "--status")["stages"]
        done = told(folder, "rollback", "--origin", "skill-3")
        after = told(folder, "learn", "--status")["stages"]
        log = told(folder, "changes")

    assert tried["dry_run"]
    assert between == before
    assert [change["item_id"] for change in done["changes"]] == [change["item_id"] for change in tried["changes"]]
    assert done["changes"]
    assert after["candidate"] < before["candidate"]
    assert log["broken_at"] is None


def test_what_is_excluded_takes_what_was_built_on_it_along(data: Path) -> None:
    done = told(data, "exclude", "skill-5", "--why", "a customer asked")
    traced = told(data, "trace", "skill-5")

    assert done["retired"]
    assert traced["excluded"] == {"skill-5": "a customer asked"}
    assert {item["stage"] for item in traced["learned"]} == {"retired"}


def test_a_gap_is_found_shown_and_asked_about(data: Path) -> None:
    gap = told(data, "gaps")["gaps"][0]

    shown = told(data, "gaps", "show", gap["name"])
    proposed = told(data, "gaps", "propose", gap["name"], "-n", "2")

    assert sum(shown["troubles"].values()) >= 2
    assert shown["examples"] == gap["examples"]
    assert len(proposed["proposals"]) == 2
    assert gap["name"] in run_cli(data, "gaps").stdout


def test_variants_that_nobody_had_are_not_compared(data: Path) -> None:
    found = told(data, "compare", "short", "long")

    assert found["success"]["a"]["answers"] == 0
    assert found["verdict"]
    assert found["verdict"] in run_cli(data, "compare", "short", "long").stdout


def test_the_dataset_is_exported_and_its_rows_lead_back(data: Path) -> None:
    made = told(data, "export")
    row = json.loads(Path(made["dataset_path"]).read_text().splitlines()[0])

    assert made["examples"] > 10
    assert told(data, "trace", row["metadata"]["interaction_id"])["interactions"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["learned", LOST], 3, LOST),
        (["approve", LOST], 3, LOST),
        (["reject", LOST], 3, LOST),
        (["restore", LOST], 3, LOST),
        (["unmerge", LOST], 3, LOST),
        (["exclude", LOST], 3, LOST),
        (["trace", LOST], 3, LOST),
        (["gaps", "show", "no such gap"], 3, "no such gap"),
        (["gaps", "propose", "no such gap"], 3, "no such gap"),
        (["skills", "no-such-branch"], 3, "no-such-branch"),
        (["learn", "--step", "dream"], 2, "extract"),
        (["rollback"], 2, "since"),
        (["rollback", "--since", "yesterday"], 2, "2026-01-31"),
        (["learned", "--stage", "famous"], 2, "candidate"),
    ],
)
def test_a_mistake_gets_its_exit_code_and_a_next_step(data: Path, arguments: list[str], code: int, said: str) -> None:
    done = run_cli(data, *arguments)

    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def _on_a_terminal(data: Path, *arguments: str) -> str:
    """What a command writes to stderr when that is a terminal."""
    outer, inner = pty.openpty()
    with os.fdopen(outer, "rb", buffering=0) as screen:
        variables = environment(data, **QUICK, TERM="xterm")
        done = subprocess.run(
            [*COMMAND, *arguments], env=variables, stdout=subprocess.DEVNULL, stderr=inner, timeout=DEADLINE_S
        )
        os.close(inner)
        assert done.returncode == 0
        return _drain(screen)


def _drain(screen: Any) -> str:
    written = b""
    while True:
        try:
            written += screen.read(65536)
        except OSError:  # the other end is closed and nothing is left
            return written.decode()


def test_a_progress_bar_is_for_terminals_only(data: Path) -> None:
    on_a_terminal = _on_a_terminal(data, "learn", "--once")
    as_json = _on_a_terminal(data, "learn", "--once", "--json")
    elsewhere = run_cli(data, "learn", "--once", **QUICK)

    assert "learning" in on_a_terminal
    assert "\x1b[" in on_a_terminal
    assert as_json == ""
    assert elsewhere.stderr.strip() == ""
    assert "\x1b[" not in elsewhere.stdout
