"""Overhearing an answer that passes by: for the record, and never in its way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hybrid_coordinator.domain.query import Completion, Delta, Finished, Spoken, StopReason, Thought, ToolCall, Usage
from hybrid_coordinator.wire.answers import Reader
from hybrid_coordinator.wire.json_events import parse_object, text_of
from hybrid_coordinator.wire.sse import SseDecoder, WireError

MAX_WHOLE_BYTES = 32 * 1024 * 1024
"""An answer in one piece beyond this is passed on, but not recorded."""

HEARD_OUT = "the answer was too long to be recorded"


@dataclass(frozen=True, slots=True)
class Heard:
    """What an answer came to. `stop` is None when it was cut short, `failure` says what the server complained of."""

    text: str
    model: str
    usage: Usage
    stop: StopReason | None
    thoughts: tuple[Thought, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    failure: str | None = None


class StreamListener:
    """Takes the bytes of a streamed answer as they come. Nothing that comes can make it raise."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._decoder = SseDecoder()
        self._pieces: list[Spoken] = []
        self._failure: str | None = None

    def hear(self, piece: bytes) -> None:
        """Note what the bytes say. After something that is no answer it stops listening."""
        if self._failure is not None:
            return
        try:
            for event in self._decoder.feed(piece):
                self._pieces += self._reader.read(event)
        except (WireError, RecursionError) as error:
            self._failure = str(error)

    def end(self) -> Heard:
        """What was heard until now."""
        tally = self._reader.tally
        finished = next((piece for piece in self._pieces if isinstance(piece, Finished)), None)
        return Heard(
            text="".join(piece.text for piece in self._pieces if isinstance(piece, Delta)),
            model=tally.model,
            usage=tally.usage,
            stop=finished.stop if finished else tally.stop,
            thoughts=tuple(piece for piece in self._pieces if isinstance(piece, Thought)),
            calls=tuple(piece for piece in self._pieces if isinstance(piece, ToolCall)),
            failure=self._failure,
        )


class WholeListener:
    """Takes the bytes of an answer in one piece, or of an error. Nothing that comes can make it raise."""

    def __init__(self, model: str, read_whole: Callable[[Mapping[str, Any], str], Completion]) -> None:
        self._model = model
        self._read_whole = read_whole
        self._body = bytearray()

    def hear(self, piece: bytes) -> None:
        if len(self._body) <= MAX_WHOLE_BYTES:
            self._body += piece

    def end(self) -> Heard:
        """What the body says."""
        if len(self._body) > MAX_WHOLE_BYTES:
            return self._nothing(HEARD_OUT)
        try:
            body = parse_object(self._body.decode(errors="replace"))
            if body.get("error"):
                return self._nothing(text_of(body["error"]))
            said = self._read_whole(body, self._model)
        except (WireError, RecursionError) as error:
            return self._nothing(str(error))
        finished = said.finished
        return Heard(said.text, finished.model, finished.usage, finished.stop, said.thoughts, said.calls)

    def _nothing(self, failure: str) -> Heard:
        return Heard("", self._model, Usage(), None, failure=failure)
