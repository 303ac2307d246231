"""OpenAI Chat Completions, as a client speaks it: https://platform.openai.com/docs/api-reference/chat-streaming."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hybrid_coordinator.domain.query import (
    Completion,
    Delta,
    Finished,
    Prompt,
    Spoken,
    StopReason,
    Thought,
    Tool,
    ToolCall,
    ToolChoice,
    Usage,
    fold,
)
from hybrid_coordinator.wire.conversation import without_system_turns
from hybrid_coordinator.wire.json_events import member, objects, parse_object, said, text_of, tokens_of
from hybrid_coordinator.wire.openai_chat_messages import encode_turn
from hybrid_coordinator.wire.sse import ServerEvent, WireError
from hybrid_coordinator.wire.tally import Tally
from hybrid_coordinator.wire.tool_calls import arguments_text, forced_name, full_name

END_MARK = "[DONE]"

SCHEMA_NAME = "answer"
"""The API wants a name for the schema of an answer and does nothing with it."""

LEAST_LOGPROB = -1e6
"""Servers that know nothing of a token send minus infinity, or a number like it."""

_STOPS: Mapping[str, StopReason] = {
    "stop": StopReason.END,
    "length": StopReason.LENGTH,
    "tool_calls": StopReason.TOOLS,
    "function_call": StopReason.TOOLS,
    "content_filter": StopReason.REFUSED,
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where compatible servers differ: the key of the answer's limit, whether a temperature may be set, whether the
    system may speak after the user did, whether thoughts may be sent back, and whether probabilities are asked for."""

    limit_key: str = "max_tokens"
    takes_temperature: bool = True
    takes_late_system: bool = True
    takes_thoughts: bool = False
    wants_logprobs: bool = False


COMMON = Dialect()
"""Spoken by Ollama, DeepSeek, OpenRouter and OpenAI's chat models."""

LLAMA_CPP = Dialect(takes_late_system=False, takes_thoughts=True, wants_logprobs=True)
"""Most chat templates refuse a system message anywhere but in front. It gives no probabilities to a stream that may
call tools."""

REASONING = Dialect(limit_key="max_completion_tokens", takes_temperature=False)
"""Demanded by OpenAI's own reasoning models."""


def encode_prompt(prompt: Prompt, model: str, dialect: Dialect = COMMON) -> dict[str, Any]:
    """The body of a streaming request that also asks for the token counts."""
    told = prompt if dialect.takes_late_system else without_system_turns(prompt)
    system = [{"role": "system", "content": prompt.system}] if prompt.system else []
    turns = [message for turn in told.turns for message in encode_turn(turn, with_thoughts=dialect.takes_thoughts)]
    return {
        "model": model,
        "messages": system + turns,
        dialect.limit_key: prompt.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
        **_encode_sampling(prompt, dialect),
        **_encode_tools(prompt),
        **_encode_schema(prompt.schema),
        **({"logprobs": True, "top_logprobs": 1} if dialect.wants_logprobs else {}),
    }


def _encode_sampling(prompt: Prompt, dialect: Dialect) -> dict[str, Any]:
    options: dict[str, Any] = {"stop": list(prompt.stop)} if prompt.stop else {}
    if dialect.takes_temperature and prompt.temperature is not None:
        options["temperature"] = prompt.temperature
    if dialect.takes_temperature and prompt.top_p is not None:
        options["top_p"] = prompt.top_p
    return options


def _encode_tools(prompt: Prompt) -> dict[str, Any]:
    if not prompt.tools:
        return {}
    tools = {"tools": [_encode_tool(tool) for tool in prompt.tools]}
    if prompt.forced_tool:
        named = {"name": forced_name(prompt.forced_tool, prompt.tools)}
        return tools | {"tool_choice": {"type": "function", "function": named}}
    return tools if prompt.tool_choice is ToolChoice.AUTO else tools | {"tool_choice": prompt.tool_choice.value}


def _encode_tool(tool: Tool) -> dict[str, Any]:
    described = {"name": full_name(tool), "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": described}


def _encode_schema(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    if schema is None:
        return {}
    if not schema:
        return {"response_format": {"type": "json_object"}}
    named = {"name": SCHEMA_NAME, "schema": dict(schema)}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def read_whole(body: Mapping[str, Any], model: str) -> Completion:
    """An answer that came in one piece. Raises WireError when it is none."""
    if body.get("error") or not objects(body, "choices"):
        raise WireError(f"the server gave no answer: {text_of(body.get('error') or body)[:200]}")
    reader = ChatReader(model)
    choices = [
        {**choice, "delta": member(choice, "message"), "finish_reason": choice.get("finish_reason") or "stop"}
        for choice in objects(body, "choices")
    ]
    pieces = reader.take({**body, "choices": choices})
    return fold([*pieces, reader.end()])


@dataclass(slots=True)
class _Call:
    """A call on its way."""

    index: int
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class ChatReader:
    """Reads the events of one streamed answer. The server's own name for the model wins over the one asked for."""

    def __init__(self, model: str) -> None:
        self.tally = Tally(model)
        self._thought: list[str] = []
        self._calls: list[_Call] = []
        self._logprob_sum = 0.0
        self._logprob_count = 0

    def read(self, event: ServerEvent) -> list[Spoken]:
        """What an event says. A thought comes when it is over, calls come when the answer is.

        Raises WireError for an error event and for garbage.
        """
        return [self.end()] if event.data == END_MARK else self.take(parse_object(event.data))

    def take(self, chunk: Mapping[str, Any]) -> list[Spoken]:
        """The same, for what the event holds."""
        if chunk.get("error"):
            raise WireError(f"the server broke off: {text_of(chunk['error'])}")
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            raise WireError(f"an event has no list of choices: {chunk!r:.200}")
        self._note(chunk)
        choice = choices[0] if choices else {}
        if not isinstance(choice, dict):
            raise WireError(f"a choice is not an object: {choice!r:.200}")
        return self._read_choice(choice, said(chunk, "id"))

    def end(self) -> Finished:
        """What the end of the stream says. Raises WireError when the answer was cut short."""
        count = self._logprob_count
        return self.tally.finished(math.exp(self._logprob_sum / count) if count else None)

    def _note(self, chunk: Mapping[str, Any]) -> None:
        self.tally.name(chunk.get("model"))
        if usage := member(chunk, "usage"):
            self.tally.usage = _read_usage(usage)

    def _read_choice(self, choice: Mapping[str, Any], answer_id: str) -> list[Spoken]:
        delta = member(choice, "delta")
        text = said(delta, "content", "refusal")
        if thought := said(delta, "reasoning_content", "reasoning"):
            self._thought.append(thought)
        self._hear_calls(objects(delta, "tool_calls"))
        self._hear_logprobs(objects(member(choice, "logprobs"), "content"))
        self.tally.refused |= bool(said(delta, "refusal"))
        if reason := choice.get("finish_reason"):
            self.tally.stop = _STOPS.get(str(reason), StopReason.OTHER)
        spoken: list[Spoken] = self._end_thought() if text or self._calls or reason else []
        spoken += [Delta(text)] if text else []
        return spoken + self._end_calls(answer_id) if reason else spoken

    def _end_thought(self) -> list[Spoken]:
        text = "".join(self._thought)
        self._thought.clear()
        return [Thought(text)] if text else []

    def _hear_calls(self, pieces: Sequence[Mapping[str, Any]]) -> None:
        for position, piece in enumerate(pieces):
            index = piece.get("index")
            call = self._call_at(index if isinstance(index, int) else position, said(piece, "id"))
            function = member(piece, "function")
            call.name += said(function, "name")
            if function.get("arguments"):
                call.arguments.append(arguments_text(function["arguments"]))

    def _call_at(self, index: int, id: str) -> _Call:
        """The call that a piece belongs to. Some servers give every call the index 0, and its own id."""
        known = next((call for call in reversed(self._calls) if call.index == index), None)
        if known is None or (id and known.id and id != known.id):
            known = _Call(index)
            self._calls.append(known)
        known.id = known.id or id
        return known

    def _end_calls(self, answer_id: str) -> list[Spoken]:
        named = [call for call in self._calls if call.name]
        self._calls.clear()
        self.tally.called = self.tally.called or bool(named)
        return [
            ToolCall(call.id or f"call_{answer_id}_{position}", call.name, "".join(call.arguments) or "{}")
            for position, call in enumerate(named)
        ]

    def _hear_logprobs(self, tokens: Iterable[Mapping[str, Any]]) -> None:
        for token in tokens:
            logprob = token.get("logprob")
            if isinstance(logprob, int | float) and LEAST_LOGPROB < logprob <= 0:
                self._logprob_sum += logprob
                self._logprob_count += 1


def _read_usage(usage: Mapping[str, Any]) -> Usage:
    details = member(usage, "prompt_tokens_details")
    return Usage(
        tokens_of(usage, "prompt_tokens"),
        tokens_of(usage, "completion_tokens"),
        tokens_of(details, "cached_tokens") or tokens_of(usage, "prompt_cache_hit_tokens"),
        tokens_of(details, "cache_write_tokens"),
    )
