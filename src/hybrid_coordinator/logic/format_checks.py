"""Whether a model still keeps to a form: JSON for a schema, the right tool with the right arguments."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hybrid_coordinator.domain.query import Completion, Prompt, Role, Tool, Turn
from hybrid_coordinator.logic.call_checks import find_call_fault, find_json_fault

MOST_TOKENS = 96

_FENCED = re.compile(r"```(?:json)?\s*(.*?)\s*```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FormatCheck:
    """Something to ask in a form. With `tools`, the one named `tool` must be called; else the answer must be JSON for
    `schema`, which the model is held to where `held`, and is only told of by the question where not.

    `values` are fields of the answer, or arguments of the call, as they must be.
    """

    name: str
    ask: str
    schema: Mapping[str, Any] | None = None
    held: bool = True
    tools: tuple[Tool, ...] = ()
    tool: str = ""
    values: Mapping[str, Any] | None = None


def check_prompt(check: FormatCheck) -> Prompt:
    """What a client of the gateway would send."""
    return Prompt(
        turns=(Turn(Role.USER, (check.ask,)),),
        max_tokens=MOST_TOKENS,
        temperature=0.0,
        tools=check.tools,
        schema=check.schema if check.held else None,
    )


def score_format(check: FormatCheck, prompt: Prompt, completion: Completion) -> float:
    """0 for another form than was asked for; half for the form, and half for the share of values that are right."""
    said = _called(check, prompt, completion) if check.tools else _written(check, completion.text)
    if said is None:
        return 0.0
    values = check.values or {}
    right = sum(_same(said.get(name), value) for name, value in values.items())
    return 0.5 + 0.5 * (right / len(values) if values else 1.0)


def _called(check: FormatCheck, prompt: Prompt, completion: Completion) -> Mapping[str, Any] | None:
    """The arguments of the call that was wanted."""
    call = next((call for call in completion.calls if call.name == check.tool), None)
    if call is None or find_call_fault(prompt, completion) is not None:
        return None
    arguments: Mapping[str, Any] = json.loads(call.arguments or "{}")
    return arguments


def _written(check: FormatCheck, text: str) -> Mapping[str, Any] | None:
    """The answer, which may stand in a code block where the model was not held to the schema."""
    fenced = None if check.held else _FENCED.search(text)
    plain = fenced.group(1) if fenced else text
    if find_json_fault(check.schema or {}, plain) is not None:
        return None
    value = json.loads(plain)
    return value if isinstance(value, dict) else {}


def _same(found: object, wanted: object) -> bool:
    """Text may differ in case and blanks around it."""
    if isinstance(found, str) and isinstance(wanted, str):
        return found.strip().casefold() == wanted.strip().casefold()
    return type(found) is type(wanted) and found == wanted
