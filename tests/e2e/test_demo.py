"""The demo, whole, over this very repository."""

from pathlib import Path

from running import json_cli

ROOT = Path(__file__).parents[2]
COLLECTIONS = {"codebase-context", "skills-patterns", "error-solutions", "interaction-history", "best-practices"}


def test_the_demo_asks_judges_scores_and_teaches(tmp_path: Path) -> None:
    figures = json_cli(tmp_path, "demo", str(ROOT / "docs"))

    assert len(figures["first"]) >= 5
    assert {result["outcome"] for result in figures["first"]} <= {"success", "failure"}
    assert all(result["route"]["reason"] and result["value_parts"] for result in figures["first"])
    assert len(figures["again"]) == sum(result["outcome"] == "failure" for result in figures["first"])
    assert set(figures["report"]["passages"]) == COLLECTIONS
    assert figures["report"]["interactions"] == len(figures["first"]) + len(figures["again"])


def test_the_demo_cannot_find_its_own_answers(tmp_path: Path) -> None:
    data = ROOT / "src" / "hybrid_coordinator" / "data"

    summary = json_cli(tmp_path, "index", str(data))

    assert summary["indexed"] == 0
