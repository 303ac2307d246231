"""A request of an OpenAI or Anthropic client, as it came."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hybrid_coordinator.domain.query import NO_WISHES, Profile, Wishes

CONTEXT_TAG = "coordinator-context"
"""Around what is added to a client's own prompt, so that it is known for what it is when it comes back."""


def wrap_context(text: str) -> str:
    """The text in its tag. Nothing in it can end the tag early."""
    harmless = text.replace(f"</{CONTEXT_TAG}", f"< /{CONTEXT_TAG}")
    return f"<{CONTEXT_TAG}>\n{harmless}\n</{CONTEXT_TAG}>"


@dataclass(frozen=True, slots=True)
class WireCall:
    """One request in a vendor's own format: `raw` are the bytes of `body`.

    `path` is what follows the API's version, with its query string: `/messages?beta=true`. `headers` are those that
    may go on to the vendor, names in lower case. `asker` is the name of the key that asked.
    """

    format: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    raw: bytes
    model: str
    streaming: bool
    asker: str = ""
    session_id: str | None = None
    profile: Profile = Profile.DEFAULT
    wishes: Wishes = NO_WISHES
