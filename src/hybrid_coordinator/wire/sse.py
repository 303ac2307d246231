"""Server-sent events, from bytes to events and back: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""No answer piece comes near this; a peer that never ends an event must not eat the memory."""

_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n|\r\n\n")
_LINE_END = re.compile(r"\r\n|\n|\r")


class WireError(ValueError):
    """What came over the wire is no answer: garbled, cut short, or the peer's own report of a failure."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event; the lines of its data are joined with newlines."""

    data: str
    name: str = "message"


class SseDecoder:
    """Takes bytes as they come, however they are cut, and gives back the events they complete."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._pending = bytearray()
        self._seen = 0

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """The events that are now whole, in order. Raises WireError for bytes that cannot be events."""
        self._pending += chunk
        while block := self._take_block():
            event = _parse_block(block)
            if event is not None:
                yield event

    def _take_block(self) -> bytearray | None:
        """The next bytes up to a blank line; a `\\r` at the end of what came may be half of a line end, and waits."""
        readable = len(self._pending) - self._pending.endswith(b"\r")
        end = _EVENT_END.search(self._pending, self._seen, readable)
        if end is None:
            self._seen = max(0, readable - len(b"\r\n\r\n"))
            self._check_size()
            return None
        block = self._pending[: end.end()]
        del self._pending[: end.end()]
        self._seen = 0
        return block

    def _check_size(self) -> None:
        if len(self._pending) > self._max_event_bytes:
            raise WireError(f"an event of the stream is longer than {self._max_event_bytes:,} bytes")


def _parse_block(block: bytearray) -> ServerEvent | None:
    """One event, or None for a block of comments only."""
    try:
        text = block.decode()
    except UnicodeDecodeError as error:
        raise WireError(f"the stream is not UTF-8: {error.reason}") from error
    data: list[str] = []
    name = "message"
    for line in _lines(text.removeprefix("\ufeff")):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            name = value
    return ServerEvent("\n".join(data), name) if data else None


def _lines(text: str) -> list[str]:
    """Most streams end their lines in one way, and are split in a third of the time."""
    return _LINE_END.split(text) if "\r" in text else text.split("\n")


def event_bytes(data: bytes, name: str = "") -> bytes:
    """One event of one line of data. Without a name there is no line for it."""
    return (b"event: " + name.encode() + b"\n" if name else b"") + b"data: " + data + b"\n\n"


def comment_bytes(text: str) -> bytes:
    """A line that says nothing but keeps a connection alive."""
    return f": {text}\n\n".encode()
