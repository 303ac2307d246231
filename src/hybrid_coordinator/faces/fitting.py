"""Making a result small enough for an agent's context."""

import json
from bisect import bisect_right
from typing import Any

MOST_BYTES = 8_000
"""About 2,000 tokens: what one result may take of an agent's context before texts in it are cut."""

LEAST_TEXT = 80
"""Characters that every text keeps, however many results there are."""


def fit(content: dict[str, Any], most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """The result with the texts inside its lists cut to one length, the longest at which its JSON is small enough.

    Nothing is dropped: who asks for a hundred passages gets a hundred, each with its first `LEAST_TEXT` characters,
    however long that makes the whole. Texts outside lists are what was asked for, and stay.
    """
    if _size(content) <= most_bytes:
        return content
    content = _written_out_once(content)
    lengths = range(LEAST_TEXT, most_bytes)
    fitting = bisect_right(lengths, most_bytes, key=lambda length: _size(_cut_lists(content, length)))
    return _cut_lists(content, lengths[max(fitting - 1, 0)])


def _size(content: Any) -> int:
    return len(json.dumps(content, ensure_ascii=False).encode())


def _written_out_once(content: dict[str, Any]) -> dict[str, Any]:
    """A passage that stands in several lists keeps its text in the last; the others say where it is."""
    lists = {name: value for name, value in content.items() if isinstance(value, list)}
    last = {item["id"]: name for name, items in lists.items() for item in items if _is_passage(item)}

    def refer(name: str, item: Any) -> Any:
        if not _is_passage(item) or last[item["id"]] == name:
            return item
        return {**item, "text": f"[written out in {last[item['id']]}]", "payload": {}}

    return {**content, **{name: [refer(name, item) for item in items] for name, items in lists.items()}}


def _is_passage(item: Any) -> bool:
    return isinstance(item, dict) and {"id", "text", "payload"} <= item.keys()


def _cut_lists(content: dict[str, Any], length: int) -> dict[str, Any]:
    return {name: _cut(value, length) if isinstance(value, list) else value for name, value in content.items()}


def _cut(value: Any, length: int) -> Any:
    if isinstance(value, str):
        gone = len(value) - length
        return f"{value[:length]}… [{gone} characters cut]" if gone > 0 else value
    if isinstance(value, list):
        return [_cut(item, length) for item in value]
    if isinstance(value, dict):
        return {name: _cut(item, length) for name, item in value.items()}
    return value
