"""Question/answer pairs of real documents, and steps falsified by hand-made rules, to measure extraction on."""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.retrieval_sets import read_set
from hybrid_coordinator.logic.extraction_segments import SegmentKind, segments_of, sentences_of
from hybrid_coordinator.logic.sections import Section, read_markdown
from hybrid_coordinator.logic.statements import names_in

SHORTEST, LONGEST = 250, 900
"""Characters of an answer that a model is asked about."""

SEED = 11
_OPPOSITES = {
    "enable": "disable", "start": "stop", "add": "remove", "increase": "decrease", "before": "after", "more": "less",
    "create": "delete", "open": "close", "allow": "deny", "first": "last", "high": "low", "up": "down", "all": "no",
    "can": "cannot", "is": "is not", "are": "are not", "should": "should not", "will": "will never", "and": "or",
    "from": "to", "with": "without",
}  # fmt: skip
_BOTH_WAYS = {**{value: key for key, value in _OPPOSITES.items()}, **_OPPOSITES}
_DENIAL = re.compile(r"\b(?:do not|does not|is not|are not|not|never|cannot|without|no)\b ?", re.IGNORECASE)
_CONDITION = re.compile(r"^(?:if|when|unless|before|after|once)\b[^,]{4,80}, ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class QuestionAnswer:
    """One pair, and where it comes from."""

    source: str
    question: str
    answer: str


def read_pairs(runbooks: Path, documents: Path, count: int) -> list[QuestionAnswer]:
    """So many pairs that are short enough, from both sources in turn, in an order that never changes."""
    from_runbooks = sorted(_runbook_pairs(runbooks), key=lambda pair: pair.question)
    from_documents = sorted(_document_pairs(documents), key=lambda pair: pair.question)
    dice = random.Random(SEED)
    dice.shuffle(from_runbooks)
    dice.shuffle(from_documents)
    turns = zip(from_runbooks, from_runbooks[len(from_documents) :] + from_documents, strict=False)
    return [pair for turn in turns for pair in turn][:count]


def all_answers(runbooks: Path, documents: Path) -> list[str]:
    """Every answer of both sources, however long."""
    return [*read_set(runbooks).corpus.values(), *(pair.answer for pair in _document_pairs(documents, any_length=True))]


def _runbook_pairs(folder: Path) -> Iterator[QuestionAnswer]:
    """The text of an alert, and the page of its runbook; of several alerts of a page the first."""
    seen: set[str] = set()
    known = read_set(folder)
    for query_id, gains in known.gains.items():
        page = max(gains, key=lambda id: gains[id])
        if page not in seen and SHORTEST <= len(known.corpus[page]) <= LONGEST:
            seen.add(page)
            yield QuestionAnswer("runbook", known.queries[query_id], known.corpus[page])


def _document_pairs(folder: Path, *, any_length: bool = False) -> Iterator[QuestionAnswer]:
    for path in sorted(folder.glob("*.md")):
        for section in _sections(read_markdown(path.read_text())):
            if section.title and (any_length or SHORTEST <= len(section.text) <= LONGEST):
                yield QuestionAnswer("document", f"How does this work: {' > '.join(section.path)}?", section.text)


def _sections(section: Section) -> Iterator[Section]:
    yield section
    for child in section.children:
        yield from _sections(child)


def true_steps(answer: str) -> list[str]:
    """What an answer says: its sentences, points and lines of code."""
    good = [segment for segment in segments_of(answer) if not segment.warned]
    return [
        sentence
        for segment in good
        for sentence in ([segment.text] if segment.kind is SegmentKind.CODE else sentences_of(segment.text))
    ]


def falsified(answer: str, foreign: Sequence[str]) -> Iterator[tuple[str, str]]:
    """False steps by the way they were made, none of which is a sentence or a line of the answer; `foreign` are others'
    steps."""
    steps = true_steps(answer)
    said = {_plain(step) for step in steps}
    for number, step in enumerate(steps):
        for kind, falsify in FALSIFIERS.items():
            made = falsify(step)
            if made and _plain(made) not in said:
                yield kind, made
        stranger = foreign[number % len(foreign)]
        if _plain(stranger) not in said:
            yield "foreign", stranger


def _plain(step: str) -> str:
    return " ".join(step.lower().replace("`", "").strip(" .:;,*").split())


def _other_number(step: str) -> str:
    return re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), step, count=1)


def _deny(step: str) -> str:
    return f"Do not {step[:1].lower()}{step[1:]}"


def _affirm(step: str) -> str:
    return _DENIAL.sub("", step, count=1)


def _invent_flag(step: str) -> str:
    return f"{step.rstrip('.`')} --force" if len(step.split()) > 1 else ""


def _other_host(step: str) -> str:
    names = sorted(names_in(step), key=len)
    return step.replace(names[-1], "db-7.example.com") if names and names[-1] else ""


def _swap_names(step: str) -> str:
    """Two names, where there are two, each in the other's place."""
    names = [name for name in sorted(names_in(step)) if name and step.count(name) == 1]
    apart = [(a, b) for a in names for b in names if a < b and a not in b and b not in a]
    if not apart:
        return ""
    one, other = apart[0]
    return step.replace(one, "\0").replace(other, one).replace("\0", other)


def _oppose(step: str) -> str:
    found = next((word for word in _BOTH_WAYS if re.search(rf"\b{word}\b", step, re.IGNORECASE)), "")
    return re.sub(rf"\b{found}\b", _BOTH_WAYS[found], step, count=1, flags=re.IGNORECASE) if found else ""


def _cut_command(step: str) -> str:
    """A command without its last word."""
    words = step.split()
    return " ".join(words[:-1]) if len(words) > 3 and any(word.startswith("-") for word in words) else ""


def _drop_condition(step: str) -> str:
    return _CONDITION.sub("", step)


def _cut_middle_flag(step: str) -> str:
    words = step.split()
    flags = [word for word in words if word.startswith("-") and len(word) > 1]
    return " ".join(word for word in words if word != flags[0]) if flags else ""


FALSIFIERS: Mapping[str, Callable[[str], str]] = {
    "other number": _other_number,
    "denied": _deny,
    "denial dropped": _affirm,
    "flag invented": _invent_flag,
    "other host or name": _other_host,
    "names swapped": _swap_names,
    "opposite": _oppose,
    "command cut short": _cut_command,
    "flag dropped": _cut_middle_flag,
    "condition dropped": _drop_condition,
}
