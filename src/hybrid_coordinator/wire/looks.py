"""Looks into a raw request, for the record: cheap, and content with whatever they find."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from hybrid_coordinator.wire.injected import BILLING_MARK, strip_injected
from hybrid_coordinator.wire.json_events import member, objects, parse_object, said
from hybrid_coordinator.wire.sse import WireError

SYSTEM_ROLES = ("system", "developer")

_RESULTS = ("tool_result", "function_call_output", "custom_tool_call_output")


@dataclass(frozen=True, slots=True)
class Entry:
    """A message or item: who speaks, the plain text, and whether the result of a tool is in it."""

    role: str
    text: str
    result: bool = False


def read_messages(body: Mapping[str, Any]) -> Iterator[Entry]:
    """The messages of a Chat or an Anthropic request, the last first."""
    for message in reversed(objects(body, "messages")):
        blocks = objects(message, "content")
        result = said(message, "role") == "tool" or any(block.get("type") in _RESULTS for block in blocks)
        yield Entry(said(message, "role"), "\n".join(texts_in(message, "content")), result)


def read_items(body: Mapping[str, Any]) -> Iterator[Entry]:
    """The items of a Responses request, the last first."""
    if text := said(body, "input"):
        yield Entry("user", text)
    for item in reversed(objects(body, "input")):
        yield Entry(said(item, "role"), "\n".join(texts_in(item, "content")), item.get("type") in _RESULTS)


def texts_in(message: Mapping[str, Any], key: str) -> list[str]:
    """What is a text, or the texts in a list of blocks."""
    whole = said(message, key)
    return [whole] if whole else [text for block in objects(message, key) if (text := said(block, "text"))]


def find_question(entries: Iterable[Entry]) -> str:
    """The user's last words, without what programs put among them; "" when there are none."""
    asked = (strip_injected(entry.text) for entry in entries if _is_asked(entry))
    return next((text for text in asked if text), "")


def count_earlier(entries: Iterable[Entry]) -> int:
    """How many messages of the user and the assistant come before the question."""
    spoken = [entry for entry in entries if entry.role in ("user", "assistant")]
    at = next((index for index, entry in enumerate(spoken) if _is_asked(entry) and strip_injected(entry.text)), None)
    return 0 if at is None else len(spoken) - at - 1


def ends_with_result(entries: Iterable[Entry]) -> bool:
    """Whether the last to speak, apart from the system, was a tool."""
    return next((entry.result for entry in entries if entry.role not in SYSTEM_ROLES), False)


def join_system(front: Iterable[str], entries: Iterable[Entry]) -> str:
    """`front`, and what the system says before anybody else, with blank lines between."""
    said_first = takewhile(lambda entry: entry.role in SYSTEM_ROLES, reversed(list(entries)))
    texts = [*front, *(entry.text for entry in said_first)]
    return "\n\n".join(text for text in texts if text and not text.startswith(BILLING_MARK))


def claude_session(body: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
    """Claude Code's session: a header's, or a part of the user's id. Names of headers are in lower case."""
    if header := headers.get("x-claude-code-session-id"):
        return header
    user = said(member(body, "metadata"), "user_id")
    return _session_in(user) or None


def codex_session(body: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
    """Codex's session: a header's, or the key of the prompt cache. Names of headers are in lower case."""
    return said(headers, "session-id", "session_id") or said(body, "prompt_cache_key") or None


def _is_asked(entry: Entry) -> bool:
    return entry.role == "user"


def _session_in(user: str) -> str:
    """The id is a JSON object today; it was `user_…_account_…_session_…` before."""
    try:
        return said(parse_object(user), "session_id")
    except WireError:
        return user.rpartition("_session_")[2] if "_session_" in user else ""
