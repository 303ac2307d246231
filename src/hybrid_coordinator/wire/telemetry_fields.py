"""What the users' documents say of the events in their four files: their kinds, and of which type a field is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hybrid_coordinator.domain.telemetry import TelemetrySource

KINDS: Mapping[TelemetrySource, frozenset[str]] = {
    TelemetrySource.RALPH: frozenset((
        "task_submitted", "iteration_started", "iteration_completed", "exit_code_blocked", "task_completed",
        "task_failed", "checkpoint_saved",
    )),
    TelemetrySource.AIDB: frozenset((
        "query", "completion", "query_completion", "error", "cache_hit", "context_augmentation", "tool_invocation",
    )),
    TelemetrySource.HYBRID: frozenset((
        "context_augmented", "route_decided", "learning_triggered", "pattern_stored", "dataset_updated",
        "value_score_computed",
    )),
    TelemetrySource.VSCODE: frozenset(("completion",)),
}  # fmt: skip

MOST = 2**30
"""The greatest count: the sum of two is still one that every ledger takes."""


@dataclass(frozen=True, slots=True)
class _Type:
    """What a field may hold, and how to say so."""

    due: str
    holds: Callable[[Any], bool]


def _is_whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST


_TEXT = _Type("a text", lambda value: isinstance(value, str))
_FLAG = _Type("true or false", lambda value: isinstance(value, bool))
_NUMBER = _Type(f"a number from 0 to {MOST}", _is_number)
_COUNT = _Type(f"a whole number from 0 to {MOST}", lambda value: _is_whole(value, 0, MOST))
_CODE = _Type("a whole number", lambda value: _is_whole(value, -MOST, MOST))
_FEEDBACK = _Type("-1, 0 or 1", lambda value: _is_whole(value, -1, 1))
_NAME = _Type("a text or a whole number", lambda value: isinstance(value, str) or _is_whole(value, -(2**63), 2**64))
_OBJECT = _Type("an object", lambda value: isinstance(value, dict))
_LIST = _Type("a list", lambda value: isinstance(value, list))
_EDIT = _Type("a text or true or false", lambda value: isinstance(value, str | bool))

_TYPES: Mapping[str, _Type] = {
    **dict.fromkeys(
        ("prompt", "output", "backend", "query", "response", "llm_used", "model", "model_used", "route", "reasoning",
         "extension", "session_id"), _TEXT),
    **dict.fromkeys(
        ("cache_hit", "context_retrieved", "success", "partial_success", "is_local", "copied_to_clipboard"), _FLAG),
    **dict.fromkeys(
        ("tokens", "tokens_input", "tokens_output", "prompt_tokens", "completion_tokens", "iteration", "iterations",
         "qdrant_results", "patterns_extracted"), _COUNT),
    **dict.fromkeys(("latency_ms", "confidence_score", "value_score"), _NUMBER),
    "task_id": _NAME,
    "exit_code": _CODE,
    "user_feedback": _FEEDBACK,
    "context": _OBJECT,
    "context_used": _LIST,
    "modified_response": _EDIT,
}  # fmt: skip


def check_fields(source: TelemetrySource, kind: str, fields: Mapping[str, Any]) -> None:
    """Raise ValueError with a reason for a field of a documented event that holds something else than it is due.

    Events and fields that the documents do not know are anybody's; null is nothing.
    """
    if kind not in KINDS[source]:
        return
    for name, value in fields.items():
        wanted = _TYPES.get(name)
        if wanted is not None and value is not None and not wanted.holds(value):
            raise ValueError(f"{name!r} is {value!r:.60}, where {wanted.due} is due")
