"""The rows of a dataset in the form that OpenAI trains on: what was said, and nothing of where it was said."""

import json
from collections.abc import Sequence

from hybrid_coordinator.domain.knowledge import Payload

ROLES = ("system", "user", "assistant")


def chat_lines(rows: Sequence[Payload]) -> bytes:
    """One line a row, with the role and the text of each message; every other field stays here."""
    return b"".join(json.dumps({"messages": _messages(row)}).encode() + b"\n" for row in rows)


def _messages(row: Payload) -> list[dict[str, str]]:
    return [
        {"role": message["role"], "content": message["content"]}
        for message in row["messages"]
        if message["role"] in ROLES
    ]
