"""Turns in the order in which models take them."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby, takewhile

from hybrid_coordinator.domain.query import Part, Prompt, Role, ToolResult, Turn

UNSAID_MAX_TOKENS = 4096
"""How long an answer may be to an asker who did not say."""


def merge_turns(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """Neighbours of one role become one turn; a turn without parts falls out."""
    told = (turn for turn in turns if turn.parts)
    return tuple(Turn(role, _parts(side)) for role, side in groupby(told, key=lambda turn: turn.role))


def split_system(turns: Iterable[Turn]) -> tuple[str, tuple[Turn, ...]]:
    """The system's words before anybody spoke, with blank lines between them, and the merged turns after them."""
    told = list(turns)
    front = list(takewhile(lambda turn: turn.role is Role.SYSTEM, told))
    system = "\n\n".join(text for turn in front for text in turn.parts if isinstance(text, str))
    return system, merge_turns(told[len(front) :])


def without_system_turns(prompt: Prompt) -> Prompt:
    """The same, with what the system said later put into the user's mouth."""
    turns = (replace(turn, role=Role.USER) if turn.role is Role.SYSTEM else turn for turn in prompt.turns)
    return replace(prompt, turns=merge_turns(turns))


def results_first(parts: Iterable[Part]) -> list[Part]:
    """Vendors want the results of tools before anything else that the user says."""
    return sorted(parts, key=lambda part: not isinstance(part, ToolResult))


def _parts(side: Iterable[Turn]) -> tuple[Part, ...]:
    return tuple(part for turn in side for part in turn.parts)
