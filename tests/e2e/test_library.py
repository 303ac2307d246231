"""`HybridWorkflow` as the users' "Hybrid Workflow" document uses it, with a real model and a real store."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hybrid_coordinator import HybridWorkflow
from hybrid_coordinator.errors import BadInput, DataFolderBusy, ModelUnavailable
from hybrid_coordinator.faces.library import CasualWorkflow, CriticalWorkflow
from hybrid_coordinator.settings import Settings

ERROR = "OSError: Read-only file system /nix/store"


def settings_in(folder: Path) -> Settings:
    return replace(Settings(), storage=replace(Settings().storage, data_dir=folder))


@pytest.fixture(scope="module")
def workflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HybridWorkflow]:
    folder = tmp_path_factory.mktemp("library")
    with HybridWorkflow(settings_in(folder)) as opened:
        opened.teach(ERROR, "Write elsewhere: the store is read-only on purpose.")
        yield opened


def test_a_query_is_answered_with_the_documents_keys(workflow: HybridWorkflow) -> None:
    result = workflow.execute_query("What does this error mean? " + ERROR)

    assert result["response"]
    assert result["llm_used"] == "local"
    assert 0.5 < result["relevance_score"] <= 1.0
    assert result["context_found"] is True
    assert result["reason"]


def test_a_known_error_is_found_with_its_solution(workflow: HybridWorkflow) -> None:
    context = workflow.search_local_context(ERROR)

    assert context[0].score > 0.85
    assert context[0].payload["correct_solution"].startswith("Write elsewhere")
    assert context[0].payload["solution"] == context[0].payload["correct_solution"]


def test_an_answer_is_settled(workflow: HybridWorkflow) -> None:
    result = workflow.execute_query("what is a lock?")

    assert workflow.update_outcome(result["interaction_id"], "success", 1) > 0.6
    with pytest.raises(BadInput, match="success, partial, failure"):
        workflow.update_outcome(result["interaction_id"], "splendid")


def test_a_local_answer_can_be_insisted_on_with_context(workflow: HybridWorkflow) -> None:
    context = workflow.search_local_context(ERROR)

    assert workflow.query_local_llm("Where should I write?", context)
    with pytest.raises(ModelUnavailable, match="ANTHROPIC_API_KEY"):
        workflow.query_remote_api("Where should I write?", context)


def test_batches_and_prefetching_work_in_order(workflow: HybridWorkflow) -> None:
    found = workflow.prefetch(["enable systemd service", ERROR])
    results = workflow.execute_batch(["what is a store?", "what is a disk?"])

    assert found >= 1
    assert len(results) == 2


def test_statistics_have_the_documents_keys_and_add_up(workflow: HybridWorkflow) -> None:
    before = workflow.get_statistics()
    workflow.execute_query("what is a lease?")
    after = workflow.get_statistics()

    assert after["total_queries"] == before["total_queries"] + 1
    assert after["local_queries"] + after["remote_queries"] == after["total_queries"]
    assert after["local_percentage"] == "100.0%"
    assert set(after) == {
        "total_queries", "local_queries", "remote_queries", "local_percentage", "tokens_saved", "estimated_cost_saved",
    }  # fmt: skip


def test_performance_is_analysed_over_days(workflow: HybridWorkflow) -> None:
    analysis = workflow.analyze_workflow_performance(days=7)

    assert analysis["days"] == 7
    assert analysis["local"] == analysis["total_queries"] > 0
    with pytest.raises(BadInput):
        workflow.analyze_workflow_performance(days=0)


def test_a_second_workflow_on_the_same_folder_is_turned_away(tmp_path: Path) -> None:
    with HybridWorkflow(settings_in(tmp_path)), pytest.raises(DataFolderBusy):
        HybridWorkflow(settings_in(tmp_path))


@pytest.mark.parametrize("kind", [CriticalWorkflow, CasualWorkflow])
def test_the_documents_subclasses_use_their_profiles(tmp_path: Path, kind: type[HybridWorkflow]) -> None:
    with kind(settings_in(tmp_path)) as workflow:
        assert workflow.profile.value == kind.__name__.removesuffix("Workflow").lower()
        assert workflow.execute_query("hi")["llm_used"] == "local"
