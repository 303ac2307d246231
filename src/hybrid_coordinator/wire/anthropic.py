"""Anthropic Messages, as a client speaks it: https://docs.anthropic.com/en/docs/build-with-claude/streaming."""

from collections.abc import Mapping
from typing import Any

from hybrid_coordinator.domain.query import Delta, Finished, Prompt, Spoken, StopReason, Usage
from hybrid_coordinator.wire.json_events import member, parse_object, text_of, tokens_of
from hybrid_coordinator.wire.sse import ServerEvent, WireError

VERSION = "2023-06-01"
"""What the `anthropic-version` header says."""

MAX_TEMPERATURE = 1.0
"""The API refuses more; the domain's scale goes on to 2."""

_STOPS: Mapping[str, StopReason] = {
    "end_turn": StopReason.END,
    "stop_sequence": StopReason.END,
    "max_tokens": StopReason.LENGTH,
    "model_context_window_exceeded": StopReason.LENGTH,
}

_INPUT_COUNTS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
"""The API counts a prompt in three parts that do not overlap."""


def encode_prompt(prompt: Prompt, model: str, *, takes_temperature: bool = True) -> dict[str, Any]:
    """The body of a streaming request."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": turn.role.value, "content": turn.text} for turn in prompt.turns],
        "max_tokens": prompt.max_tokens,
        "stream": True,
    }
    if takes_temperature and prompt.temperature is not None:
        body["temperature"] = min(prompt.temperature, MAX_TEMPERATURE)
    if prompt.system:
        body["system"] = prompt.system
    return body


class MessageReader:
    """Reads the events of one streamed answer. The server's own name for the model wins over the one asked for."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._counts: dict[str, int] = {}
        self._stop: StopReason | None = None

    def read(self, event: ServerEvent) -> Spoken | None:
        """What an event says, if it says anything. Raises WireError for an error event and for garbage."""
        body = parse_object(event.data)
        match body.get("type"):
            case "content_block_delta":
                return _read_delta(member(body, "delta"))
            case "message_start":
                self._note_start(member(body, "message"))
            case "message_delta":
                self._note_stop(body)
            case "message_stop":
                return self.end()
            case "error":
                raise WireError(f"the server broke off: {text_of(body.get('error'))}")
            case str():  # pings, block borders, and kinds that a newer API may add
                pass
            case _:
                raise WireError(f"an event has no type: {event.data[:200]!r}")
        return None

    def end(self) -> Finished:
        """What the end of the stream says. Raises WireError when the answer was cut short."""
        if self._stop is None:
            raise WireError("the stream ended before the answer did")
        read = sum(self._counts.get(key, 0) for key in _INPUT_COUNTS)
        return Finished(self._model, Usage(read, self._counts.get("output_tokens", 0)), self._stop)

    def _note_start(self, message: Mapping[str, Any]) -> None:
        if isinstance(message.get("model"), str) and message["model"]:
            self._model = message["model"]
        self._note_usage(member(message, "usage"))

    def _note_stop(self, body: Mapping[str, Any]) -> None:
        if reason := member(body, "delta").get("stop_reason"):
            self._stop = _STOPS.get(str(reason), StopReason.OTHER)
        self._note_usage(member(body, "usage"))

    def _note_usage(self, usage: Mapping[str, Any]) -> None:
        """Counts are totals so far: what a later event says replaces what an earlier one said."""
        self._counts |= {key: tokens_of(usage, key) for key in (*_INPUT_COUNTS, "output_tokens") if usage.get(key)}


def _read_delta(delta: Mapping[str, Any]) -> Delta | None:
    text = delta.get("text") if delta.get("type") == "text_delta" else None
    return Delta(text) if isinstance(text, str) and text else None
