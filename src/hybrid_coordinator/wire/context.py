"""A request's body with something of ours in it, and nothing else touched."""

from collections.abc import Mapping
from typing import Any

from hybrid_coordinator.domain.gateway import wrap_context
from hybrid_coordinator.wire.json_events import objects
from hybrid_coordinator.wire.looks import SYSTEM_ROLES


def with_model(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The same request for another model."""
    return {**body, "model": name}


def with_context(body: Mapping[str, Any], text: str, *, key: str, part: str) -> dict[str, Any]:
    """The same request with the text at the end of the user's last words, behind what a prompt cache depends on.

    Unchanged when the last to speak was not the user: a tool, or the assistant. `key` holds the messages, `part` is
    the type of a text among them.
    """
    messages = body.get(key)
    wrapped = wrap_context(text)
    if isinstance(messages, str):
        return {**body, key: f"{messages}\n\n{wrapped}"}
    if not isinstance(messages, list):
        return dict(body)
    at = _last_words(messages)
    if at is None:
        return dict(body)
    changed = {**messages[at], "content": _append(messages[at].get("content"), wrapped, part)}
    return {**body, key: [*messages[:at], changed, *messages[at + 1 :]]}


def _last_words(messages: list[Any]) -> int | None:
    """Where the user speaks last, if nobody but the system spoke after."""
    for at in range(len(messages) - 1, -1, -1):
        message = messages[at]
        role = message.get("role") if isinstance(message, dict) else None
        if role not in SYSTEM_ROLES:
            return at if role == "user" and _is_plain(message) else None
    return None


def _is_plain(message: Mapping[str, Any]) -> bool:
    results = any(block.get("type") == "tool_result" for block in objects(message, "content"))
    return isinstance(message.get("content"), str | list) and not results


def _append(content: str | list[Any], wrapped: str, part: str) -> str | list[Any]:
    if isinstance(content, str):
        return f"{content}\n\n{wrapped}"
    return [*content, {"type": part, "text": wrapped}]
