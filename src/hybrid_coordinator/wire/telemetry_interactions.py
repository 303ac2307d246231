"""What an event says was asked and answered.

The coordinator's own events, and those of other coordinators, say nothing here: what was learned from an answer must
not come back as another one.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind
from hybrid_coordinator.domain.telemetry import Event, TelemetrySource
from hybrid_coordinator.domain.trust import Origin

_ANSWERING: Mapping[TelemetrySource, frozenset[str]] = {
    TelemetrySource.RALPH: frozenset(("task_completed", "task_failed")),
    TelemetrySource.AIDB: frozenset(("completion", "query_completion", "error")),
    TelemetrySource.VSCODE: frozenset(("completion",)),
    TelemetrySource.HYBRID: frozenset(),
}
"""The kinds of events that may hold a question and what became of it."""

_FAILURES = frozenset(("task_failed", "error"))
_LOCAL_WORDS = ("local", "llama.cpp", "llama-cpp", "ollama", "lemonade")
_LONGEST_FAILURE = 500
_LONGEST_NAME = 200


def told_interaction(event: Event) -> Interaction | None:
    """The interaction that an event tells of, with its outcome and without a value; None when it holds no question."""
    fields = event.fields
    question = _text(fields, "query", "prompt")
    if event.kind not in _ANSWERING[event.source] or not question.strip():
        return None
    read, written = (
        _count(fields, "tokens_input", "prompt_tokens"),
        _count(fields, "tokens_output", "completion_tokens"),
    )
    return Interaction(
        id=str(UUID(hex=event.id)),
        created_at=event.at,
        query=question,
        response=_text(fields, "response", "output", "completion"),
        agent_type=AgentType.LOCAL if _is_local(fields) else AgentType.REMOTE,
        model_used=_text(fields, "model", "model_used", "backend", "llm_used")[:_LONGEST_NAME],
        session_id=_session(event),
        input_tokens=read,
        output_tokens=written,
        tokens_used=read + written or _count(fields, "tokens"),
        latency_ms=int(fields.get("latency_ms") or 0),
        tags=_tags(event),
        failure=_failure(event),
        outcome=_outcome(event),
        settled_at=event.at,
        origin=Origin.TOOL_OUTPUT_INTERNAL,
        channel=f"telemetry:{event.source}",
    )


def _text(fields: Mapping[str, Any], *names: str) -> str:
    """The first text under these names that is not empty."""
    return next((value for name in names if isinstance(value := fields.get(name), str) and value), "")


def _count(fields: Mapping[str, Any], *names: str) -> int:
    return next((value for name in names if isinstance(value := fields.get(name), int)), 0)


def _told(fields: Mapping[str, Any], name: str) -> Any:
    """A field of the event or of its `context`."""
    context = fields.get("context")
    value = fields.get(name)
    return context.get(name) if value is None and isinstance(context, dict) else value


def _is_local(fields: Mapping[str, Any]) -> bool:
    if isinstance(said := fields.get("is_local"), bool):
        return said
    where = _text(fields, "llm_used", "backend").lower()
    return any(word in where for word in _LOCAL_WORDS)


def _session(event: Event) -> str | None:
    """A name of its own for each source, so that no file can write itself into a conversation held here."""
    name = event.fields.get("session_id") or event.fields.get("task_id")
    return f"{event.source}:{name}"[:_LONGEST_NAME] if name is not None else None


def _tags(event: Event) -> tuple[str, ...]:
    """What speaks for the outcome and has no field: whether tests passed."""
    tests = _told(event.fields, "tests_passed")
    return (f"tests:{'passed' if tests else 'failed'}",) if isinstance(tests, bool) else ()


def _failure(event: Event) -> str | None:
    if event.kind != "error":
        return None
    return _text(event.fields, "error", "error_message", "message")[:_LONGEST_FAILURE] or "error"


def _outcome(event: Event) -> Outcome:
    fields = event.fields
    return Outcome(
        _outcome_kind(event),
        user_feedback=fields.get("user_feedback"),
        iterations=max(1, _count(fields, "iterations", "iteration")),
        copied=fields.get("copied_to_clipboard") is True,
        modified=bool(fields.get("modified_response")),
    )


def _outcome_kind(event: Event) -> OutcomeKind:
    """Failed tests and an exit code make half a success of one that was claimed."""
    fields = event.fields
    partial = _told(fields, "partial_success") is True
    if event.kind in _FAILURES or fields.get("success") is False:
        return OutcomeKind.PARTIAL if partial else OutcomeKind.FAILURE
    unproven = _told(fields, "tests_passed") is False or bool(fields.get("exit_code"))
    return OutcomeKind.PARTIAL if partial or unproven else OutcomeKind.SUCCESS
