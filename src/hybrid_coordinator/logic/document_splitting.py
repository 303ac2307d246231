"""Sections of a document into the collection each belongs to."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

from hybrid_coordinator.domain.knowledge import Collection, Payload
from hybrid_coordinator.logic.error_types import guess_error_type
from hybrid_coordinator.logic.pieces import MAX_CHARACTERS, Piece, Run, pack
from hybrid_coordinator.logic.purposes import first_sentence
from hybrid_coordinator.logic.sections import Section, blocks, fenced

_TROUBLE = re.compile(
    r"(?i)\b(?:troubleshoot\w*|faqs?|frequently asked|q ?& ?a|known (?:issues|problems|errors)"
    r"|common (?:issues|problems|errors|pitfalls)|error (?:solutions|messages|reference))\b"
)
_PRACTICE = re.compile(
    r"(?i)\b(?:best practices?|good practices?|guidelines?|conventions?|style ?guide|(?:code|coding|our) style"
    r"|do'?s (?:and|&) don'?t'?s|contributing|coding standards|anti-?patterns?|house rules)\b|^style\b"
)
_HOW_TO = re.compile(
    r"(?i)^(?:how (?:to|do)\b|(?:install|configur|deploy|build|upgrad|migrat|releas|runn?|writ|creat|add|enabl|us|publish"
    r"|test|debugg?|setting|sett?)(?:ing|ation|ment|e|)\b)"
    r"|\b(?:how[- ]to|set ?up|installation|quick ?start|getting started|usage|tutorial|walk-?through|workflow|procedure"
    r"|instructions|(?<!next )steps)\b"
)
_SYMPTOM = re.compile(r"(?i)^(?:symptoms?|problems?|errors?|error messages?|issues?|meaning|what you see)\b")
_CAUSE = re.compile(r"(?i)^(?:(?:possible |root |likely )?causes?|why|reasons?|context|impact|diagnosis|background)\b")
_SOLUTION = re.compile(
    r"(?i)^(?:solutions?|fix(?:es)?|resolutions?|workarounds?|remed(?:y|ies|iation)|mitigations?|how to fix|what to do|answers?)\b"
)
_PREREQUISITE = re.compile(r"(?i)^(?:prerequisites?|requirements?|before you (?:begin|start)|you (?:will )?need)\b")
_LABEL = re.compile(r"^\s*(?:[-*+] +)?(?:\*\*|__)(?P<name>[^*_\n]{1,80}?):?(?:\*\*|__):?[ \t]*(?P<rest>.*)$|^\s*(?P<bare>[A-Z][A-Za-z ]{2,20}):[ \t]*(?P<bare_rest>.*)$")
_ASKED = re.compile(r"^\s*(?:[-*+] +)?(?:\*\*|__)?(?:Q(?:uestion)?\s*\d{0,3}\s*[:.)])(?:\*\*|__)?\s*(?P<question>.+?)(?:\*\*|__)?\s*$")
_BOLD_QUESTION = re.compile(r"^\s*(?:[-*+] +|\d+[.)] +)?(?:\*\*|__)(?P<question>[^*_\n]{3,300}\?)(?:\*\*|__)\s*$")
_ANSWERED = re.compile(r"^\s*(?:[-*+] +)?(?:\*\*|__)?A(?:nswer)?\s*\d{0,3}\s*[:.)](?:\*\*|__)?\s*")
_STEP = re.compile(r"^ {0,3}(?:\d{1,2}[.)]|(?:#{1,6} )?(?:\*\*)?Step \d{1,2}\b)[ \t]*(?=\S)")
_STEP_TITLE = re.compile(r"^(?:Step )?\d{1,2}[.):]", re.IGNORECASE)
_NUMBER = re.compile(r"^(?:Step )?\d{1,2}[.):]\s*", re.IGNORECASE)
_BAD = re.compile(r"(?i)❌|^\W*(?:bad|wrong|don'?t|do not|avoid|never|anti-?pattern|incorrect)\b")
_GOOD = re.compile(r"(?i)✅|^\W*(?:good|right|do|prefer|always|correct)\b(?! not)")
_FENCED = re.compile(r"^ {0,12}(`{3,}|~{3,})[^\n]*\n(.*?)^ {0,12}\1", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Finding:
    """A passage to be: its piece of the document, the collection it belongs to, and that collection's own fields."""

    piece: Piece
    collection: Collection
    payload: Payload


def split_document(document: Section, path: str) -> Iterator[Finding]:
    """Everything in a document once, in its order; what is no error, practice or skill is context."""
    yield from _split(document, path, None)


def _split(section: Section, path: str, inherited: Collection | None) -> Iterator[Finding]:
    kind = _kind(section) or inherited
    if _is_case(section):
        yield from _case(section)
    elif kind is None and _is_stepwise(section):
        yield from _skill(section)
    else:
        yield from _own_text(section, path, kind)
        for child in section.children:
            yield from _split(child, path, kind)


def _kind(section: Section) -> Collection | None:
    if _TROUBLE.search(section.title):
        return Collection.ERRORS
    return Collection.PRACTICES if _PRACTICE.search(section.title) else None


def _own_text(section: Section, path: str, kind: Collection | None) -> Iterator[Finding]:
    if not section.text:
        return
    if kind is Collection.ERRORS:
        yield from _trouble(section)
    elif kind is Collection.PRACTICES:
        yield from _practice(section, path)
    elif _is_listed_steps(section):
        yield from _skill(section)
    else:
        yield from _context(section)
