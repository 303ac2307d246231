"""Looks into a raw request, for the record: cheap, and content with whatever they find."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hybrid_coordinator.wire.injected import strip_injected
from hybrid_coordinator.wire.json_events import member, objects, parse_object, said
from hybrid_coordinator.wire.sse import WireError

SYSTEM_ROLES = ("system", "developer")


@dataclass(frozen=True, slots=True)
class Entry:
    """A message or item: who speaks, and the plain text."""

    role: str
    text: str


def read_messages(body: Mapping[str, Any]) -> Iterator[Entry]:
    """The messages of a Chat or an Anthropic request, the last first."""
    for message in reversed(objects(body, "messages")):
        yield Entry(said(message, "role"), "\n".join(texts_in(message, "content")))


def read_items(body: Mapping[str, Any]) -> Iterator[Entry]:
    """The items of a Responses request, the last first."""
    if text := said(body, "input"):
        yield Entry("user", text)
    for item in reversed(objects(body, "input")):
        yield Entry(said(item, "role"), "\n".join(texts_in(item, "content")))


def texts_in(message: Mapping[str, Any], key: str) -> list[str]:
    """What is a text, or the texts in a list of blocks."""
    whole = said(message, key)
    return [whole] if whole else [text for block in objects(message, key) if (text := said(block, "text"))]


def find_question(entries: Iterable[Entry]) -> str:
    """The user's last words, without what programs put among them; "" when there are none."""
    asked = (strip_injected(entry.text) for entry in entries if _is_asked(entry))
    return next((text for text in asked if text), "")


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
