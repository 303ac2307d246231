"""Instructions told in numbered steps."""

import re
from collections.abc import Iterator
from dataclasses import replace

from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.logic.excerpts import Excerpt, cut
from hybrid_coordinator.logic.pieces import Piece
from hybrid_coordinator.logic.purposes import first_sentence
from hybrid_coordinator.logic.sections import Section, fenced, plain_title, prose

_HOW_TO = re.compile(
    r"^(?:how (?:to|do)|install\w*|configur\w*|deploy\w*|build\w*|upgrad\w*|migrat\w*|releas\w*|running|writing"
    r"|creat\w+|adding|enabl\w+|using|publish\w*|setting|debugging)\b"
    r"|\b(?:how[- ]to|set ?up|installation|quick ?start|getting started|usage|tutorial|walk-?through|workflow|procedure"
    r"|instructions|(?<!next )steps)\b",
    re.IGNORECASE,
)
_STEP_TITLE = re.compile(r"(?:step )?\d{1,2}[.):]", re.IGNORECASE)
_STEP_LINE = re.compile(r" {0,3}(?:#{1,6} +)?\d{1,2}[.)] +\S|(?:#{1,6} +)?(?:\*\*)?Step \d{1,2}\b")
_NUMBER = re.compile(r"^(?:step )?\d{1,2}[.):]\s*", re.IGNORECASE)
_PREREQUISITE = re.compile(r"prerequisites?|requirements?|before you (?:begin|start)|you (?:will )?need", re.IGNORECASE)
_BULLET = re.compile(r"\s*[-*+] +(?P<said>.+)$")
_LEAST_STEPS = 2
_MAX_TOLD = 400


def is_stepwise(section: Section) -> bool:
    """Whether the sections within are the numbered steps of one instruction."""
    steps = sum(_STEP_TITLE.match(child.title) is not None for child in section.children)
    return steps >= _LEAST_STEPS and _HOW_TO.search(section.title) is not None


def lists_steps(section: Section) -> bool:
    """Whether the text directly under the heading counts the steps of one instruction."""
    lines = section.body.lines
    steps = sum(
        not code and _STEP_LINE.match(line) is not None for line, code in zip(lines, fenced(lines), strict=True)
    )
    return steps >= _LEAST_STEPS and _HOW_TO.search(section.title) is not None


def read_skill(section: Section, *, within: bool) -> Iterator[Excerpt]:
    """One instruction, in as many passages as its length needs; `within` takes the sections inside along."""
    title = _NUMBER.sub("", section.title)
    intro = first_sentence(prose(section.text)) if within else ""
    needs = _prerequisites(section)
    for piece in cut(section, section.runs() if within else [section.run]):
        told = "; ".join(part for part in (intro, *_step_names(piece)) if part)[:_MAX_TOLD] or piece.header
        yield Excerpt(
            replace(piece, purpose=told),
            Collection.SKILLS,
            {"skill_name": title, "description": told, "usage_pattern": piece.text, "prerequisites": needs},
            f"How to: {title}. {told}",
        )


def _step_names(piece: Piece) -> Iterator[str]:
    """The first sentence of each step in a piece."""
    lines = piece.text.split("\n")
    for line, code in zip(lines, fenced(lines), strict=True):
        if not code and _STEP_LINE.match(line):
            yield plain_title(first_sentence(_NUMBER.sub("", line.lstrip(" #*"))))


def _prerequisites(section: Section) -> list[str]:
    """The points listed under a heading or a line that calls them so."""
    for child in section.children:
        if _PREREQUISITE.match(child.title):
            return [match["said"] for line in child.body.lines if (match := _BULLET.match(line))]
    lines = iter(section.body.lines)
    if not any(_PREREQUISITE.match(line.lstrip(" *_-")) for line in lines):
        return []
    listed: list[str] = []
    for line in lines:  # goes on after the line that was found
        match = _BULLET.match(line)
        if match:
            listed.append(match["said"])
        elif line.strip() or listed:
            break
    return listed
