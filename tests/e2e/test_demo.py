"""The demo, whole, over pages of this very repository."""

import json
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest

from running import json_cli, run_within

ROOT = Path(__file__).parents[2]
RECORDS = {"benchmarks", "decisions", "lab"}
COLLECTIONS = {"codebase-context", "skills-patterns", "error-solutions", "interaction-history", "best-practices"}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The figures of one demo over the pages for users, the smallest part of this repository."""
    pages = tmp_path_factory.mktemp("pages")
    for page in (*(ROOT / "docs").glob("*.md"), ROOT / "README.md"):
        if page.stem not in RECORDS:
            copyfile(page, pages / page.name)
    done = run_within(
        300, tmp_path_factory.mktemp("demo"), "demo", str(pages), "--json", HYBRID_EXTRACTION_MODELS="false"
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_demo_asks_judges_scores_and_teaches(played: dict[str, Any]) -> None:
    figures = played

    assert len(figures["first"]) >= 5
    assert {result["outcome"] for result in figures["first"]} <= {"success", "failure"}
    assert all(result["route"]["reason"] and result["value_parts"] for result in figures["first"])
    assert len(figures["again"]) == sum(result["outcome"] == "failure" for result in figures["first"])
    assert set(figures["report"]["passages"]) == COLLECTIONS
    assert figures["report"]["interactions"] == 2 * len(figures["first"]) + len(figures["again"])


def test_the_demo_serves_what_it_learned_to_the_same_question_in_other_words(played: dict[str, Any]) -> None:
    extracted = next(step for step in played["learned"] if step["step"] == "extract")
    served = [result for result in played["reworded"] if result["learned_context"]]

    assert extracted["error"] == ""
    assert extracted["counts"]["learn"] > 0
    assert len(served) >= len(played["reworded"]) / 2
    assert any(set(result["success_rates"]) & set(result["learned_context"]) for result in served)


def test_the_demo_cannot_find_its_own_answers(tmp_path: Path) -> None:
    data = ROOT / "src" / "hybrid_coordinator" / "data"

    summary = json_cli(tmp_path, "index", str(data))

    assert summary["indexed"] == 0
