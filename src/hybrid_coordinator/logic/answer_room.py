"""How long an answer may become, so that it fits a model's context together with its prompt."""

import json
from dataclasses import replace

from hybrid_coordinator.domain.query import Image, Part, Prompt, Thought, ToolCall, ToolResult
from hybrid_coordinator.logic.tokens import estimate_tokens

IMAGE_TOKENS = 1000
"""About what a picture costs in current models."""


def cap_answer(prompt: Prompt, context_tokens: int) -> Prompt:
    """Ask for no longer an answer than there is room for. A prompt that leaves none is sent as it is: the model
    refuses it with the right figures."""
    room = context_tokens - estimate_prompt(prompt)
    return replace(prompt, max_tokens=room) if 0 < room < prompt.max_tokens else prompt


def estimate_prompt(prompt: Prompt) -> int:
    """Tokens that a prompt is likely to cost, with its tools. The schema of an answer is no part of what is read."""
    tools = sum(
        estimate_tokens(tool.name + tool.description + json.dumps(dict(tool.parameters))) for tool in prompt.tools
    )
    said = sum(_estimate_part(part) for turn in prompt.turns for part in turn.parts)
    return tools + said + estimate_tokens(prompt.system)


def _estimate_part(part: Part) -> int:
    match part:
        case str():
            return estimate_tokens(part)
        case Image():
            return IMAGE_TOKENS
        case ToolCall():
            return estimate_tokens(part.name + part.arguments)
        case ToolResult():
            return estimate_tokens(part.text) + IMAGE_TOKENS * len(part.images)
        case Thought():
            return estimate_tokens(part.text + part.sealed)
