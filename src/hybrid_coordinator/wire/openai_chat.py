"""OpenAI Chat Completions, as a client speaks it: https://platform.openai.com/docs/api-reference/chat-streaming."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hybrid_coordinator.domain.query import Delta, Finished, Prompt, Spoken, StopReason, Usage
from hybrid_coordinator.wire.json_events import member, parse_object, text_of, tokens_of
from hybrid_coordinator.wire.sse import ServerEvent, WireError

END_MARK = "[DONE]"

_STOPS: Mapping[str, StopReason] = {"stop": StopReason.END, "length": StopReason.LENGTH}


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where compatible servers differ: the key of the answer's limit, and whether a temperature may be set."""

    limit_key: str = "max_tokens"
    takes_temperature: bool = True


COMMON = Dialect()
"""Spoken by llama.cpp, Ollama, DeepSeek, OpenRouter and OpenAI's chat models."""

REASONING = Dialect(limit_key="max_completion_tokens", takes_temperature=False)
"""Demanded by OpenAI's own reasoning models."""


def encode_prompt(prompt: Prompt, model: str, dialect: Dialect = COMMON) -> dict[str, Any]:
    """The body of a streaming request that also asks for the token counts."""
    system = [{"role": "system", "content": prompt.system}] if prompt.system else []
    body: dict[str, Any] = {
        "model": model,
        "messages": system + [{"role": turn.role.value, "content": turn.text} for turn in prompt.turns],
        dialect.limit_key: prompt.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if dialect.takes_temperature and prompt.temperature is not None:
        body["temperature"] = prompt.temperature
    return body


class ChatReader:
    """Reads the events of one streamed answer. The server's own name for the model wins over the one asked for."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._usage = Usage()
        self._stop: StopReason | None = None

    def read(self, event: ServerEvent) -> Spoken | None:
        """What an event says, if it says anything. Raises WireError for an error event and for garbage."""
        if event.data == END_MARK:
            return self.end()
        chunk = parse_object(event.data)
        if chunk.get("error"):
            raise WireError(f"the server broke off: {text_of(chunk['error'])}")
        if not isinstance(chunk.get("choices"), list):
            raise WireError(f"an event has no list of choices: {event.data[:200]!r}")
        self._note(chunk)
        return self._read_choice(chunk["choices"])

    def end(self) -> Finished:
        """What the end of the stream says. Raises WireError when the answer was cut short."""
        if self._stop is None:
            raise WireError("the stream ended before the answer did")
        return Finished(self._model, self._usage, self._stop)

    def _note(self, chunk: Mapping[str, Any]) -> None:
        if isinstance(chunk.get("model"), str) and chunk["model"]:
            self._model = chunk["model"]
        if usage := member(chunk, "usage"):
            self._usage = Usage(tokens_of(usage, "prompt_tokens"), tokens_of(usage, "completion_tokens"))

    def _read_choice(self, choices: list[Any]) -> Delta | None:
        choice = choices[0] if choices else {}
        if not isinstance(choice, dict):
            raise WireError(f"a choice is not an object: {choice!r:.200}")
        if reason := choice.get("finish_reason"):
            self._stop = _STOPS.get(str(reason), StopReason.OTHER)
        text = member(choice, "delta").get("content")
        return Delta(text) if isinstance(text, str) and text else None
