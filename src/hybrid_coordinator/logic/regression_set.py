"""What every version is measured on besides its own held-out rows: general questions, plain texts, forms.

The set comes with the package. None of it is about anything that a machine could have learned from its user, so
whatever changes here was forgotten, or disturbed.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.domain.query import Prompt, Role, Tool, Turn
from hybrid_coordinator.logic.format_checks import FormatCheck
from hybrid_coordinator.logic.tool_grammar import tool_prompt

CONTEXT_TOKENS = 4096
"""More than any conversation of the set takes."""


@dataclass(frozen=True, slots=True)
class GeneralQuestion:
    """A question with a short answer; any of `holds` in an answer, as a whole word in any case, makes it right."""

    ask: str
    holds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RegressionSet:
    """`replay` are questions, and `keep` conversations with a tool call, to train against forgetting with: the model
    stays on them what it is. A conversation is a row as a dataset's, `{"messages": [...]}`. Nothing else of the set is
    ever trained on."""

    replay: tuple[str, ...]
    keep: tuple[Payload, ...]
    general: tuple[GeneralQuestion, ...]
    documents: tuple[str, ...]
    formats: tuple[FormatCheck, ...]

    def cut(self, most: int) -> "RegressionSet":
        """With so many questions, texts and forms at most, the first of each."""
        return replace(self, general=self.general[:most], documents=self.documents[:most], formats=self.formats[:most])

    @property
    def questions(self) -> tuple[str, ...]:
        """The general questions, as a run's material takes them."""
        return tuple(one.ask for one in self.general)


def read_regression_set(text: str) -> RegressionSet:
    """The set from its TOML. Raises ValueError or KeyError for anything else: the file is our own."""
    table = tomllib.loads(text)
    tools = {name: Tool(name, one["description"], json.loads(one["parameters"])) for name, one in table["tool"].items()}
    return RegressionSet(
        replay=tuple(table["replay"]),
        keep=tuple(_conversation(one, tools) for one in table["keep"]),
        general=tuple(GeneralQuestion(one["ask"], tuple(one["holds"])) for one in table["general"]),
        documents=tuple(one["text"].strip() for one in table["document"]),
        formats=(*map(_json_check, table["json"]), *(_tool_check(one, tools) for one in table["call"])),
    )


def _conversation(table: Mapping[str, Any], tools: Mapping[str, Tool]) -> Payload:
    """As one of our models is asked that has to be told of tools in words, and with what it would have to say."""
    prompt = Prompt((Turn(Role.USER, (table["ask"],)),), tools=tuple(tools[name] for name in table["offered"]))
    told = tool_prompt(prompt, CONTEXT_TOKENS)
    call = {"tool": table["tool"], "arguments": json.loads(table["arguments"])}
    said = {"system": told.system, "user": table["ask"], "assistant": json.dumps(call, ensure_ascii=False)}
    return {"messages": [{"role": role, "content": content} for role, content in said.items()]}


def _json_check(table: Mapping[str, Any]) -> FormatCheck:
    return FormatCheck(
        name=table["name"],
        ask=table["ask"],
        schema=json.loads(table["schema"]),
        held=table.get("held", True),
        values=table.get("values", {}),
    )


def _tool_check(table: Mapping[str, Any], tools: Mapping[str, Tool]) -> FormatCheck:
    return FormatCheck(
        name=table["name"],
        ask=table["ask"],
        tools=tuple(tools[name] for name in table["offered"]),
        tool=table["tool"],
        values=table.get("values", {}),
    )
