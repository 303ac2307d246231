"""The events of an answer as JSON objects, one a line, for those who watch it come."""

from typing import Any

from hybrid_coordinator.domain.answer import (
    Answered,
    AnswerEvent,
    Attempted,
    Digested,
    FellThrough,
    Recalled,
    Rejected,
    Routed,
)
from hybrid_coordinator.domain.query import Delta, Thought, ToolCall, Verbatim
from hybrid_coordinator.faces.shapes import InteractionResult, PassageResult, RouteResult


def encode_event(event: AnswerEvent) -> dict[str, Any]:
    """An event with its kind under `event`."""
    match event:
        case Delta(text):
            return {"event": "delta", "text": text}
        case Routed(interaction_id, route, passages):
            return {
                "event": "routed",
                "interaction_id": interaction_id,
                "route": RouteResult.of(route).model_dump(mode="json"),
                "passages": [PassageResult.of(passage).model_dump(mode="json") for passage in passages],
            }
        case Attempted(model, grounded_on, location):
            return {
                "event": "attempted",
                "model": model,
                "location": location.value,
                "grounded_on": list(grounded_on),
            }
        case Digested(model, done, total):
            return {"event": "digested", "model": model, "done": done, "total": total}
        case FellThrough(model, why):
            return {"event": "fell_through", "model": model, "why": why}
        case Rejected(model, why):
            return {"event": "rejected", "model": model, "why": why}
        case Recalled(origin_id, cache, model):
            return {"event": "recalled", "origin_id": origin_id, "cache": cache.value, "model": model}
        case Thought(text):
            return {"event": "thought", "text": text}
        case ToolCall(id, name, arguments):
            return {"event": "tool_call", "id": id, "name": name, "arguments": arguments}
        case Verbatim(data):
            return {"event": "verbatim", "bytes": len(data)}
        case Answered(interaction):
            return {"event": "answered", "interaction": InteractionResult.of(interaction).model_dump(mode="json")}
