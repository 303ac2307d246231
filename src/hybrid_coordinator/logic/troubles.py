"""Errors and their solutions, and questions and their answers, as documents write them down."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.logic.errors_in_text import looks_like_error
from hybrid_coordinator.logic.excerpts import Excerpt, cut
from hybrid_coordinator.logic.pieces import Run
from hybrid_coordinator.logic.purposes import first_sentence
from hybrid_coordinator.logic.sections import Section, fenced
from hybrid_coordinator.logic.topics import name_topic

_TROUBLE = re.compile(
    r"\b(?:troubleshoot\w*|faqs?|frequently asked|q ?& ?a|questions and answers|known (?:issues|problems|errors)"
    r"|common (?:issues|problems|errors|pitfalls)|error (?:solutions|messages|reference))\b",
    re.IGNORECASE,
)
_SYMPTOM = re.compile(r"(?:symptoms?|problems?|errors?|error messages?|issues?|meaning|what you see)\b", re.IGNORECASE)
_CAUSE = re.compile(
    r"(?:(?:possible |root |likely )?causes?|why|reasons?|context|impact|diagnosis|background)\b", re.IGNORECASE
)
_SOLUTION = re.compile(
    r"(?:solutions?|fix(?:es)?|resolutions?|workarounds?|remed(?:y|ies|iation)|mitigations?|how to fix|what to do)\b",
    re.IGNORECASE,
)
_LABEL = re.compile(r"\s*(?:[-*+] +)?[*_]{0,2}(?P<name>[A-Za-z][A-Za-z ]{2,24}?)[*_]{0,2}:[*_]{0,2}[ \t]*(?P<rest>.*)$")
_QUESTION = re.compile(
    r"\s*(?:[-*+] +)?(?:\*\*|__)?Q(?:uestion)? ?\d{0,3}[:.)](?:\*\*|__)?\s*(?P<asked>.+?)(?:\*\*|__)?\s*$"
    r"|\s*(?:[-*+] +|\d{1,3}[.)] +)?(?:\*\*|__)(?P<bold>[^*_]{3,300}\?)(?:\*\*|__)\s*$"
)
_ANSWER_MARK = re.compile(r"\s*(?:[-*+] +)?(?:\*\*|__)?A(?:nswer)? ?\d{0,3}[:.)](?:\*\*|__)?\s*")


def is_about_trouble(section: Section) -> bool:
    """Whether what stands under this heading are errors or questions, each with its answer."""
    return _TROUBLE.search(section.title) is not None


def is_case(section: Section) -> bool:
    """Whether the sections within are the parts of one case: its symptom, its cause, its solution."""
    parts = [child.title for child in section.children]
    told = any(_SYMPTOM.match(title) or _CAUSE.match(title) for title in parts)
    return told and any(_SOLUTION.match(title) for title in parts)


def holds_pairs(section: Section) -> bool:
    """Whether the text directly under the heading is questions with answers."""
    return any(True for _ in _pairs(section.body))


@dataclass(frozen=True, slots=True)
class _Case:
    message: str
    context: str
    solution: str


def read_case(section: Section) -> Iterator[Excerpt]:
    """One case told under headings of its own."""
    told = {kind: _under(section, pattern) for kind, pattern in _PARTS.items()}
    symptom = first_sentence(told["symptom"])
    message = symptom if is_about_trouble(section) and symptom else _joined(section.title, symptom)
    case = _Case(message, _joined(" > ".join(section.path), told["cause"], between="\n"), told["solution"])
    yield from _excerpts(section, case, list(section.runs()))


def read_trouble(section: Section) -> Iterator[Excerpt]:
    """The cases in the text directly under a heading: pairs of question and answer, or the one the heading names."""
    pairs = list(_pairs(section.body))
    for question, answer in pairs:
        case = _Case(question, " > ".join(section.path), _answer_text(answer))
        yield from _excerpts(section, case, [answer])
    if not pairs:
        yield from _excerpts(section, _labelled(section), [section.run])


_PARTS = {"symptom": _SYMPTOM, "cause": _CAUSE, "solution": _SOLUTION}


def _under(section: Section, pattern: re.Pattern[str]) -> str:
    return "\n\n".join(child.everything() for child in section.children if pattern.match(child.title))


def _joined(*parts: str, between: str = ": ") -> str:
    return between.join(part for part in parts if part)


def _labelled(section: Section) -> _Case:
    """`**Problem**: …`, `**Cause**: …`, `**Solutions**: …`; without labels all of the text is the solution."""
    told: dict[str, list[str]] = {"symptom": [], "cause": [], "solution": [], "": []}
    part = ""
    lines = section.body.lines
    for line, is_code in zip(lines, fenced(lines), strict=True):
        label = None if is_code else _LABEL.match(line)
        named = _part_of(label["name"]) if label else None
        if label and named:
            part, line = named, label["rest"]
        told[part].append(line)
    texts = {name: "\n".join(lines).strip() for name, lines in told.items()}
    return _Case(
        _joined(section.title, first_sentence(texts["symptom"])),
        _joined(" > ".join(section.path), texts["cause"], between="\n"),
        texts["solution"] or texts[""] or section.text,
    )


def _part_of(label: str) -> str | None:
    return next((name for name, pattern in _PARTS.items() if pattern.match(label)), None)


def _pairs(body: Run) -> Iterator[tuple[str, Run]]:
    """Questions with the lines from each to the next."""
    asked = [
        (index, match["asked"] or match["bold"])
        for index, (line, is_code) in enumerate(zip(body.lines, fenced(body.lines), strict=True))
        if not is_code and (match := _QUESTION.match(line))
    ]
    for (index, question), (end, _) in pairwise([*asked, (len(body.lines), "")]):
        answer = Run(body.start + index, body.lines[index:end])
        if _answer_text(answer):
            yield question, answer


def _answer_text(pair: Run) -> str:
    return _ANSWER_MARK.sub("", "\n".join(pair.lines[1:]).strip(), count=1)


def _excerpts(section: Section, case: _Case, runs: list[Run]) -> Iterator[Excerpt]:
    pieces = cut(section, runs)
    for piece in pieces:
        yield Excerpt(
            replace(piece, purpose=case.message),
            Collection.ERRORS,
            {
                "error_message": case.message,
                "error_type": name_topic(case.message, case.context, case.solution),
                "context": case.context,
                "solution": case.solution if len(pieces) == 1 else piece.text,  # a long one is told in parts
            },
            _key(section, case.message),
        )


def _key(section: Section, message: str) -> str:
    """The message as it is: who meets the error asks with it. A very short one needs the words around it."""
    tells_enough = len(message.split()) > 2 or looks_like_error(message) or len(section.path) < 2
    return message if tells_enough else f"{section.path[0]}: {message}"
