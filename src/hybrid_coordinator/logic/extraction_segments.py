"""An answer taken apart into what can be applied: sentences, points of lists, lines of code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from hybrid_coordinator.logic.sections import fenced

MOST_LINES, MOST_CHARACTERS = 2_000, 60_000
"""Of one answer; what comes after them is not read, nor is a line that they cut."""

_HEADING = re.compile(r"^ {0,3}#{1,6}\s+")
_POINT = re.compile(r"^\s*(?:\d{1,3}[.)]|[-*•+])\s+(?P<said>\S.*)$")
_PROMPT = re.compile(r"^\s*(?:\$|>|#(?=\s*(?:sudo|kubectl|systemctl|apt|docker)\b))\s+")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')*]*\s+(?=[\"'`(*A-Z0-9])|(?<=[;])\s+")
_WARNING = re.compile(
    r"(?<!if )\b(?:never|do not|don['’]t|avoid|must not|mustn['’]t|should not|shouldn['’]t|wrong|bad|incorrect(?:ly)?"
    r"|anti-?patterns?|not to do|mistakes?|pitfalls?)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w")
_CONDITION = re.compile(r"\b(?:if|when|whenever|in case|unless|because|since)\b", re.IGNORECASE)
_COMMENT = re.compile(r"^\s*(?:#|//|--|;)\s*(?P<said>.*)$")


_UNFINISHED = re.compile(r"[^.!?:;`|]$")
_DENIAL = re.compile(r"\b(?:not|no|never|without|cannot|avoid|unless|only)\b|n['’]t\b", re.IGNORECASE)


class SegmentKind(StrEnum):
    """What a segment is written as."""

    SENTENCE = "sentence"
    POINT = "point"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Segment:
    """One thing that is said. `warned` marks what stands under words that warn of it."""

    text: str
    kind: SegmentKind
    warned: bool = False


def segments_of(answer: str) -> list[Segment]:
    """The segments in order. Headings are none; they only warn."""
    reading = _Reading()
    return [segment for line in _logical_lines(answer) for segment in reading.read(line)]


def sentences_of(text: str) -> list[str]:
    """The sentences of a line of prose; a semicolon ends one too."""
    return [sentence.strip() for sentence in _SENTENCE_END.split(text.strip()) if sentence.strip()]


def command_of(line: str) -> str:
    """A line of code without the prompt of a shell."""
    return _PROMPT.sub("", line).strip()


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of code, or of prose with the lines that carry on its last sentence."""

    text: str
    is_code: bool


def _logical_lines(answer: str) -> Iterator[_Line]:
    whole = answer if len(answer) <= MOST_CHARACTERS else answer[:MOST_CHARACTERS].rpartition("\n")[0]
    lines = whole.splitlines()[:MOST_LINES]
    held = ""
    for line, is_code in zip(lines, fenced(lines), strict=True):
        if held and not is_code and _carries_on(held, line):
            held = f"{held} {line.strip()}"
            continue
        if held:
            yield _Line(held, is_code=False)
        held = "" if is_code else line
        if is_code:
            yield _Line(line, is_code=True)
    if held:
        yield _Line(held, is_code=False)


def _carries_on(held: str, line: str) -> bool:
    """Whether a line is the rest of the sentence before it; of a denial it is, however it begins."""
    if not line.strip() or _POINT.match(line) or _HEADING.match(line) or _HEADING.match(held):
        return False
    return _UNFINISHED.search(held) is not None and (not line.strip()[0].isupper() or bool(_DENIAL.search(held)))


class _Reading:
    """Which warnings the lines to come stand under."""

    def __init__(self) -> None:
        self._heading_warns = False
        self._intro_warns = False
        self._in_code = False
        self._code_warns = False

    def read(self, line: _Line) -> Iterator[Segment]:
        """The segments of the next line."""
        if line.is_code:
            yield from self._read_code(line.text)
        else:
            self._in_code = False
            yield from self._read_prose(line.text)

    def _read_code(self, line: str) -> Iterator[Segment]:
        if not self._in_code:  # the fence itself
            self._in_code, self._code_warns = True, False
            return
        comment = _COMMENT.match(line)
        if comment:
            self._code_warns = _warns(comment["said"])
        text = command_of(line)
        if text and not text.startswith(("```", "~~~")):
            yield Segment(text, SegmentKind.CODE, self._warned or self._code_warns)

    def _read_prose(self, line: str) -> Iterator[Segment]:
        point = _POINT.match(line)
        if _HEADING.match(line):
            self._heading_warns, self._intro_warns = _warns(line), False
        elif point:
            yield Segment(point["said"].strip(), SegmentKind.POINT, self._warned)
        elif _WORD.search(line):
            within = line[:1].isspace() and self._intro_warns
            self._intro_warns = within or (line.rstrip().endswith(":") and _warns(sentences_of(line)[-1]))
            for sentence in sentences_of(line):
                yield Segment(sentence, SegmentKind.SENTENCE, self._heading_warns or within)

    @property
    def _warned(self) -> bool:
        return self._heading_warns or self._intro_warns


def _warns(text: str) -> bool:
    """Whether it tells what not to do, rather than what to do in a bad case."""
    found = _WARNING.search(text)
    return found is not None and not _CONDITION.search(text[: found.start()])
