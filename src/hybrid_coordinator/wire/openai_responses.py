"""OpenAI Responses, as a client speaks it: https://platform.openai.com/docs/api-reference/responses-streaming."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from hybrid_coordinator.domain.query import (
    Completion,
    Delta,
    Finished,
    Prompt,
    Spoken,
    StopReason,
    Tool,
    ToolCall,
    ToolChoice,
    Usage,
    fold,
)
from hybrid_coordinator.wire.json_events import member, objects, parse_object, said, text_of, tokens_of
from hybrid_coordinator.wire.openai_chat import SCHEMA_NAME
from hybrid_coordinator.wire.openai_responses_items import encode_turn, read_item
from hybrid_coordinator.wire.sse import ServerEvent, WireError
from hybrid_coordinator.wire.tally import Tally

END_MARK = "[DONE]"
"""Not OpenAI's own, but some servers send it here too."""

_CUT: Mapping[str, StopReason] = {
    "max_output_tokens": StopReason.LENGTH,
    "content_filter": StopReason.REFUSED,
}


def encode_prompt(prompt: Prompt, model: str, *, reasoning: bool = False) -> dict[str, Any]:
    """The body of a streaming request that leaves nothing at the server. The API has no words to stop at.

    A reasoning model takes no temperature, and gives its thoughts so that they can be sent back.
    """
    return {
        "model": model,
        "input": [item for turn in prompt.turns for item in encode_turn(turn)],
        "max_output_tokens": prompt.max_tokens,
        "stream": True,
        "store": False,
        **({"instructions": prompt.system} if prompt.system else {}),
        **({"include": ["reasoning.encrypted_content"]} if reasoning else _encode_sampling(prompt)),
        **_encode_tools(prompt),
        **_encode_schema(prompt.schema),
    }


def _encode_sampling(prompt: Prompt) -> dict[str, Any]:
    wanted = {"temperature": prompt.temperature, "top_p": prompt.top_p}
    return {key: value for key, value in wanted.items() if value is not None}


def _encode_tools(prompt: Prompt) -> dict[str, Any]:
    if not prompt.tools:
        return {}
    groups = groupby(prompt.tools, key=lambda tool: tool.namespace)
    tools = {"tools": [entry for name, group in groups for entry in _encode_group(name, list(group))]}
    if prompt.forced_tool:
        return tools | {"tool_choice": {"type": "function", "name": prompt.forced_tool}}
    return tools if prompt.tool_choice is ToolChoice.AUTO else tools | {"tool_choice": prompt.tool_choice.value}


def _encode_group(namespace: str, tools: list[Tool]) -> list[dict[str, Any]]:
    functions = [_encode_tool(tool) for tool in tools]
    if not namespace:
        return functions
    return [{"type": "namespace", "name": namespace, "description": namespace, "tools": functions}]


def _encode_tool(tool: Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
        "strict": False,
    }


def _encode_schema(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    if schema is None:
        return {}
    if not schema:
        return {"text": {"format": {"type": "json_object"}}}
    return {"text": {"format": {"type": "json_schema", "name": SCHEMA_NAME, "schema": dict(schema)}}}


def read_whole(body: Mapping[str, Any], model: str) -> Completion:
    """An answer that came in one piece. Raises WireError when it is none."""
    if body.get("error") or not isinstance(body.get("output"), list):
        raise WireError(f"the server gave no answer: {text_of(body.get('error') or body)[:200]}")
    reader = ResponseReader(model)
    spoken = [piece for item in objects(body, "output") for piece in reader.read_item(item)]
    return fold([*spoken, reader.finish(body)])


class ResponseReader:
    """Reads the events of one streamed answer. The server's own name for the model wins over the one asked for."""

    def __init__(self, model: str) -> None:
        self.tally = Tally(model)
        self._spoke = False

    def read(self, event: ServerEvent) -> list[Spoken]:
        """What an event says. A thought or a call comes when its item ends.

        Raises WireError for an error event and for garbage.
        """
        if event.data == END_MARK:
            return []
        body = parse_object(event.data)
        match body.get("type"):
            case "response.output_text.delta" | "response.refusal.delta" as kind:
                return self._read_delta(body, kind)
            case "response.output_item.done":
                return self.read_item(member(body, "item"))
            case "response.created" | "response.in_progress":
                self.tally.name(member(body, "response").get("model"))
            case "response.completed" | "response.incomplete":
                return [self.finish(member(body, "response"))]
            case "response.failed":
                raise WireError(f"the server broke off: {text_of(member(body, 'response').get('error'))}")
            case "error":
                raise WireError(f"the server broke off: {text_of(body.get('error') or body)}")
            case str():  # beginnings, repetitions, and kinds that a newer API may add
                pass
            case _:
                raise WireError(f"an event has no type: {event.data[:200]!r}")
        return []

    def end(self) -> Finished:
        """What the end of the stream says. Raises WireError when the answer was cut short."""
        return self.tally.finished()

    def read_item(self, item: Mapping[str, Any]) -> list[Spoken]:
        """What a whole item says that no delta said before."""
        if item.get("type") == "message":
            heard, self._spoke = self._spoke, False
            return [] if heard else self._read_message(item)
        part = read_item(item)
        self.tally.called |= isinstance(part, ToolCall)
        return [part] if part else []

    def finish(self, response: Mapping[str, Any]) -> Finished:
        """Note what the whole response says at its end."""
        self.tally.name(response.get("model"))
        self.tally.usage = _read_usage(member(response, "usage"))
        why = member(response, "incomplete_details").get("reason")
        cut = response.get("status") == "incomplete"
        self.tally.stop = _CUT.get(str(why), StopReason.OTHER) if cut else StopReason.END
        return self.end()

    def _read_delta(self, body: Mapping[str, Any], kind: str) -> list[Spoken]:
        self._spoke = True
        self.tally.refused |= kind == "response.refusal.delta"
        text = said(body, "delta")
        return [Delta(text)] if text else []

    def _read_message(self, item: Mapping[str, Any]) -> list[Spoken]:
        pieces = objects(item, "content")
        self.tally.refused |= any(piece.get("type") == "refusal" for piece in pieces)
        return [Delta(text) for piece in pieces if (text := said(piece, "text", "refusal"))]


def _read_usage(usage: Mapping[str, Any]) -> Usage:
    details = member(usage, "input_tokens_details")
    return Usage(
        tokens_of(usage, "input_tokens"),
        tokens_of(usage, "output_tokens"),
        tokens_of(details, "cached_tokens"),
        tokens_of(details, "cache_write_tokens"),
    )
