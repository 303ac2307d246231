"""What events say was asked and answered. The first three are the examples of the users' document."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind
from hybrid_coordinator.domain.telemetry import Event, TelemetrySource
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.wire.telemetry_interactions import told_interaction

AT = datetime(2026, 1, 9, 10, 30, tzinfo=UTC)
ID = "0123456789abcdef0123456789abcdef"

RALPH = {
    "task_id": "abc123",
    "prompt": "Implement user authentication",
    "output": "Added JWT auth with bcrypt...",
    "backend": "aider",
    "iteration": 3,
    "exit_code": 0,
    "context": {"files_modified": ["auth.py", "models.py"], "lines_changed": 245, "tests_passed": True},
}
AIDB = {
    "query": "How to configure NixOS networking?",
    "llm_used": "local",
    "model": "Qwen2.5-Coder-7B",
    "tokens_input": 450,
    "tokens_output": 280,
    "latency_ms": 360,
    "success": True,
}
VSCODE = {
    "model_used": "Qwen/Qwen2.5-Coder-7B",
    "is_local": True,
    "prompt_tokens": 234,
    "completion_tokens": 89,
    "latency_ms": 145,
    "success": True,
    "user_feedback": 1,
}


def tell(source: TelemetrySource, kind: str, fields: dict[str, Any]) -> Interaction | None:
    return told_interaction(Event(ID, source, kind, AT, fields))


def tell_one(source: TelemetrySource, kind: str, fields: dict[str, Any]) -> Interaction:
    told = tell(source, kind, fields)
    assert told is not None
    return told


def test_a_completed_task_tells_its_question_answer_and_outcome() -> None:
    assert tell(TelemetrySource.RALPH, "task_completed", RALPH) == Interaction(
        id=str(UUID(hex=ID)),
        created_at=AT,
        query="Implement user authentication",
        response="Added JWT auth with bcrypt...",
        agent_type=AgentType.REMOTE,
        model_used="aider",
        session_id="ralph-events:abc123",
        tags=("tests:passed",),
        outcome=Outcome(OutcomeKind.SUCCESS, iterations=3),
        settled_at=AT,
        origin=Origin.TOOL_OUTPUT_INTERNAL,
        channel="telemetry:ralph-events",
    )


def test_a_completed_query_tells_who_answered_and_at_what_cost() -> None:
    told = tell_one(TelemetrySource.AIDB, "query_completion", AIDB)

    assert (told.agent_type, told.model_used) == (AgentType.LOCAL, "Qwen2.5-Coder-7B")
    assert (told.input_tokens, told.output_tokens, told.tokens_used, told.latency_ms) == (450, 280, 730, 360)
    assert (told.response, told.outcome, told.value) == ("", Outcome(OutcomeKind.SUCCESS), None)


def test_a_completion_in_the_editor_tells_something_only_when_it_holds_its_prompt() -> None:
    assert tell(TelemetrySource.VSCODE, "completion", VSCODE) is None

    told = tell_one(TelemetrySource.VSCODE, "completion", {**VSCODE, "prompt": "Sort a list", "modified_response": "x"})

    assert told.query == "Sort a list"
    assert told.outcome == Outcome(OutcomeKind.SUCCESS, user_feedback=1, modified=True)


def test_a_copied_answer_is_told_as_such() -> None:
    told = tell_one(TelemetrySource.AIDB, "completion", {**AIDB, "copied_to_clipboard": True})

    assert told.outcome == Outcome(OutcomeKind.SUCCESS, copied=True)


@pytest.mark.parametrize(
    ("source", "kind", "changes", "outcome"),
    [
        (TelemetrySource.RALPH, "task_failed", {}, OutcomeKind.FAILURE),
        (TelemetrySource.RALPH, "task_completed", {"exit_code": 2}, OutcomeKind.PARTIAL),
        (TelemetrySource.RALPH, "task_completed", {"context": {"tests_passed": False}}, OutcomeKind.PARTIAL),
        (TelemetrySource.RALPH, "task_completed", {"tests_passed": False}, OutcomeKind.PARTIAL),
        (TelemetrySource.RALPH, "task_completed", {"context": {"tests_passed": "yes"}}, OutcomeKind.SUCCESS),
        (TelemetrySource.AIDB, "completion", {"success": None}, OutcomeKind.SUCCESS),
        (TelemetrySource.AIDB, "completion", {"success": False}, OutcomeKind.FAILURE),
        (TelemetrySource.AIDB, "completion", {"success": False, "partial_success": True}, OutcomeKind.PARTIAL),
        (TelemetrySource.AIDB, "error", {"success": True}, OutcomeKind.FAILURE),
    ],
)
def test_claims_of_success_need_what_speaks_for_them(
    source: TelemetrySource, kind: str, changes: dict[str, Any], outcome: OutcomeKind
) -> None:
    told = tell_one(source, kind, {**(RALPH if source is TelemetrySource.RALPH else AIDB), **changes})

    assert told.outcome is not None
    assert told.outcome.kind is outcome


def test_an_error_says_why_there_is_no_answer() -> None:
    assert tell_one(TelemetrySource.AIDB, "error", {**AIDB, "error": "timed out"}).failure == "timed out"
    assert tell_one(TelemetrySource.AIDB, "error", {**AIDB, "error": {"code": 7}}).failure == "error"


@pytest.mark.parametrize(
    ("source", "kind", "fields"),
    [
        (TelemetrySource.RALPH, "task_submitted", RALPH),
        (TelemetrySource.RALPH, "iteration_completed", RALPH),
        (TelemetrySource.RALPH, "task_completed", {**RALPH, "prompt": " \n"}),
        (TelemetrySource.AIDB, "query", AIDB),
        (TelemetrySource.AIDB, "cache_hit", AIDB),
        (TelemetrySource.AIDB, "completion", {**AIDB, "query": None}),
    ],
)
def test_what_is_no_answer_to_a_question_is_an_event_and_nothing_more(
    source: TelemetrySource, kind: str, fields: dict[str, Any]
) -> None:
    assert tell(source, kind, fields) is None


@pytest.mark.parametrize("kind", ["route_decided", "context_augmented", "completion", "task_completed", "error"])
def test_what_a_coordinator_says_of_itself_never_comes_back_as_an_interaction(kind: str) -> None:
    assert tell(TelemetrySource.HYBRID, kind, {**AIDB, **RALPH, "response": "x"}) is None


def test_a_file_cannot_write_itself_into_a_session_held_here() -> None:
    told = tell_one(TelemetrySource.AIDB, "completion", {**AIDB, "session_id": "mine"})

    assert told.session_id == "aidb-events:mine"
