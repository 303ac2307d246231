"""Guidelines: what to do, how it looks, and what to avoid."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.logic.excerpts import Excerpt, cut
from hybrid_coordinator.logic.pieces import Piece
from hybrid_coordinator.logic.purposes import first_sentence
from hybrid_coordinator.logic.sections import Section, code_blocks, prose
from hybrid_coordinator.logic.topics import name_topic

_PRACTICE = re.compile(
    r"\b(?:best practices?|good practices?|guidelines?|conventions?|style ?guide|(?:code|coding|our) style"
    r"|do'?s (?:and|&) don'?t'?s|contributing|coding standards|anti-?patterns?|house rules)\b|^style\b",
    re.IGNORECASE,
)
_BAD = re.compile(r"\W*(?:bad|wrong|don'?t|do not|avoid|never|anti-?patterns?|incorrect)\b|.*❌", re.IGNORECASE)
_GOOD = re.compile(r"\W*(?:good|right|do|prefer|always|correct|better)\b|.*✅", re.IGNORECASE)
_COMMENT = re.compile(r"\s*(?:#|//|--|/\*)\s*(?P<said>.*)$")
_BULLET = re.compile(r"\s*(?:[-*+]|\d{1,2}[.)]) +(?P<said>.+)$")
_NUMBER = re.compile(r"^\d{1,2}[.)]\s*")
_LINK = re.compile(r"\]\(([^)\s]{1,500})\)|(?<![(\w])(https?://[^\s)>\]]{1,500})")


def is_about_practice(section: Section) -> bool:
    """Whether what stands under this heading says how things are to be done."""
    return _PRACTICE.search(section.title) is not None


def read_practice(section: Section) -> Iterator[Excerpt]:
    """The guideline directly under a heading, in as many passages as its length needs."""
    title = _NUMBER.sub("", section.title)
    for piece in cut(section, [section.run]):
        text = _without_heading(piece, section)
        description = prose(text) or title
        good, bad = _examples(code_blocks(text))
        yield Excerpt(
            replace(piece, purpose=first_sentence(description)),
            Collection.PRACTICES,
            {
                "category": name_topic(title, " ".join(section.path), text),
                "title": title,
                "description": description,
                "examples": good,
                "anti_patterns": bad + _warned_of(description),
                "references": [found[0] or found[1] for found in _LINK.findall(text)],
            },
            ": ".join(dict.fromkeys((title, first_sentence(description) or title))),
        )


def _without_heading(piece: Piece, section: Section) -> str:
    lines = piece.text.split("\n")
    return "\n".join(lines[section.heading_lines :] if piece.line_start == section.run.start else lines).strip()


def _examples(blocks: Sequence[str]) -> tuple[list[str], list[str]]:
    """Good and bad code, told apart by comments such as `# GOOD` and `# BAD`; what is not marked is good."""
    parted: dict[bool, list[str]] = {True: [], False: []}
    for block in blocks:
        for is_good, lines in _marked_parts(block):
            if "".join(lines).strip():
                parted[is_good].append("\n".join(lines).strip())
    return parted[True], parted[False]


def _marked_parts(block: str) -> Iterator[tuple[bool, list[str]]]:
    is_good, held = True, list[str]()
    for line in block.split("\n"):
        comment = _COMMENT.match(line)
        marked = _verdict(comment["said"]) if comment else None
        if marked is None:
            held.append(line)
        else:
            yield is_good, held
            is_good, held = marked, []
    yield is_good, held


def _verdict(said: str) -> bool | None:
    if _BAD.match(said):
        return False
    return True if _GOOD.match(said) else None


def _warned_of(description: str) -> list[str]:
    """The points of a list that say what not to do."""
    points = (_BULLET.match(line) for line in description.split("\n"))
    return [point["said"] for point in points if point and _BAD.match(point["said"])]
