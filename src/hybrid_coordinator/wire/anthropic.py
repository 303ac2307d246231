"""Anthropic Messages, as a client speaks it: https://docs.anthropic.com/en/docs/build-with-claude/streaming."""

from collections.abc import Mapping
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
from hybrid_coordinator.wire.anthropic_blocks import encode_message, read_part
from hybrid_coordinator.wire.conversation import without_system_turns
from hybrid_coordinator.wire.json_events import member, objects, parse_object, said, text_of, tokens_of
from hybrid_coordinator.wire.sse import ServerEvent, WireError
from hybrid_coordinator.wire.tally import Tally
from hybrid_coordinator.wire.tool_calls import forced_name, full_name

VERSION = "2023-06-01"
"""What the `anthropic-version` header says."""

MAX_TEMPERATURE = 1.0
"""The API refuses more; the domain's scale goes on to 2."""

_STOPS: Mapping[str, StopReason] = {
    "end_turn": StopReason.END,
    "stop_sequence": StopReason.END,
    "max_tokens": StopReason.LENGTH,
    "model_context_window_exceeded": StopReason.LENGTH,
    "tool_use": StopReason.TOOLS,
    "refusal": StopReason.REFUSED,
}

_CHOICES: Mapping[ToolChoice, str] = {ToolChoice.NONE: "none", ToolChoice.REQUIRED: "any"}

_READ = "cache_read_input_tokens"
_WRITTEN = "cache_creation_input_tokens"
_INPUT_COUNTS = ("input_tokens", _READ, _WRITTEN)
"""The API counts a prompt in three parts that do not overlap."""


def encode_prompt(prompt: Prompt, model: str, *, takes_temperature: bool = True) -> dict[str, Any]:
    """The body of a streaming request. The API has no mode for just any JSON object, so that wish is left out."""
    messages = [message for turn in without_system_turns(prompt).turns if (message := encode_message(turn))]
    return {
        "model": model,
        "messages": messages,
        "max_tokens": prompt.max_tokens,
        "stream": True,
        **({"system": prompt.system} if prompt.system else {}),
        **(_encode_sampling(prompt) if takes_temperature else {}),
        **({"stop_sequences": list(prompt.stop)} if prompt.stop else {}),
        **_encode_tools(prompt),
        **_encode_schema(prompt.schema),
    }


def _encode_sampling(prompt: Prompt) -> dict[str, Any]:
    """Newer models refuse a request that sets both."""
    if prompt.temperature is not None:
        return {"temperature": min(prompt.temperature, MAX_TEMPERATURE)}
    return {"top_p": prompt.top_p} if prompt.top_p is not None else {}


def _encode_tools(prompt: Prompt) -> dict[str, Any]:
    if not prompt.tools:
        return {}
    tools = {"tools": [_encode_tool(tool) for tool in prompt.tools]}
    if prompt.forced_tool:
        return tools | {"tool_choice": {"type": "tool", "name": forced_name(prompt.forced_tool, prompt.tools)}}
    choice = _CHOICES.get(prompt.tool_choice)
    return tools | ({"tool_choice": {"type": choice}} if choice else {})


def _encode_tool(tool: Tool) -> dict[str, Any]:
    """The API wants a schema of an object, and an empty one says nothing of its kind."""
    return {
        "name": full_name(tool),
        "description": tool.description,
        "input_schema": dict(tool.parameters) or {"type": "object"},
    }


def _encode_schema(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"output_config": {"format": {"type": "json_schema", "schema": dict(schema)}}} if schema else {}


def read_whole(body: Mapping[str, Any], model: str) -> Completion:
    """An answer that came in one piece. Raises WireError when it is none."""
    if body.get("type") == "error" or not isinstance(body.get("content"), list):
        raise WireError(f"the server gave no answer: {text_of(body.get('error') or body)[:200]}")
    reader = MessageReader(model)
    reader.tally.name(body.get("model"))
    reader.note_stop({"delta": {"stop_reason": body.get("stop_reason") or "end_turn"}, "usage": body.get("usage")})
    blocks = objects(body, "content")
    spoken = (Delta(text) if (text := said(block, "text")) else read_part(block) for block in blocks)
    return fold([*(piece for piece in spoken if piece), reader.end()])


@dataclass(slots=True)
class _Block:
    """A block on its way, as it was opened; `pieces` are its thought or its arguments."""

    opened: Mapping[str, Any]
    pieces: list[str] = field(default_factory=list)
    signature: str = ""

    def whole(self) -> Thought | ToolCall | None:
        part = read_part(self.opened)
        told = "".join(self.pieces)
        match part:
            case ToolCall() if told:
                return ToolCall(part.id, part.name, told)
            case Thought() if not part.sealed:
                return Thought(part.text + told, part.signature + self.signature)
        return part


class MessageReader:
    """Reads the events of one streamed answer. The server's own name for the model wins over the one asked for."""

    def __init__(self, model: str) -> None:
        self.tally = Tally(model)
        self._counts: dict[str, int] = {}
        self._blocks: dict[int, _Block] = {}

    def read(self, event: ServerEvent) -> list[Spoken]:
        """What an event says. A thought or a call comes when its block ends.

        Raises WireError for an error event and for garbage.
        """
        body = parse_object(event.data)
        match body.get("type"):
            case "content_block_delta":
                return self._read_delta(body)
            case "content_block_start":
                return self._open_block(body)
            case "content_block_stop":
                return self._end_blocks([_index(body)])
            case "message_start":
                self._note_start(member(body, "message"))
            case "message_delta":
                self.note_stop(body)
                return self._end_blocks(list(self._blocks))
            case "message_stop":
                return [self.end()]
            case "error":
                raise WireError(f"the server broke off: {text_of(body.get('error'))}")
            case str():  # pings, and kinds that a newer API may add
                pass
            case _:
                raise WireError(f"an event has no type: {event.data[:200]!r}")
        return []

    def end(self) -> Finished:
        """What the end of the stream says. Raises WireError when the answer was cut short."""
        return self.tally.finished()

    def note_stop(self, body: Mapping[str, Any]) -> None:
        """Note what a `message_delta` says, or a whole answer in its shape."""
        if reason := member(body, "delta").get("stop_reason"):
            self.tally.stop = _STOPS.get(str(reason), StopReason.OTHER)
        self._note_usage(member(body, "usage"))

    def _note_start(self, message: Mapping[str, Any]) -> None:
        self.tally.name(message.get("model"))
        self._note_usage(member(message, "usage"))

    def _note_usage(self, usage: Mapping[str, Any]) -> None:
        """Counts are totals so far: what a later event says replaces what an earlier one said."""
        counts = self._counts
        counts |= {key: tokens_of(usage, key) for key in (*_INPUT_COUNTS, "output_tokens") if usage.get(key)}
        read = sum(counts.get(key, 0) for key in _INPUT_COUNTS)
        self.tally.usage = Usage(read, counts.get("output_tokens", 0), counts.get(_READ, 0), counts.get(_WRITTEN, 0))

    def _open_block(self, body: Mapping[str, Any]) -> list[Spoken]:
        opened = member(body, "content_block")
        self._blocks[_index(body)] = _Block(opened)
        text = said(opened, "text")
        return [Delta(text)] if text else []

    def _read_delta(self, body: Mapping[str, Any]) -> list[Spoken]:
        delta = member(body, "delta")
        if text := said(delta, "text"):
            return [Delta(text)]
        block = self._blocks.setdefault(_index(body), _Block({"type": "thinking"}))
        block.pieces.append(said(delta, "thinking", "partial_json"))
        block.signature += said(delta, "signature")
        return []

    def _end_blocks(self, indexes: list[int]) -> list[Spoken]:
        ended = [block.whole() for index in indexes if (block := self._blocks.pop(index, None))]
        told = [part for part in ended if part and part != Thought("")]
        self.tally.called |= any(isinstance(part, ToolCall) for part in told)
        return [*told]


def _index(body: Mapping[str, Any]) -> int:
    index = body.get("index")
    return index if isinstance(index, int) else 0
