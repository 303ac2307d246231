"""How hard a question is, and what kind of model it needs, from its words alone."""

import re

from hybrid_coordinator.domain.query import Speciality

COMPLEX, MEDIUM, SIMPLE = 8, 5, 2
"""The three steps of the users' "Hybrid Workflow" document, on its scale of 1 to 10."""

LONGEST = 20_000
"""Characters that are looked at: what is asked stands in front of what is pasted, and megabytes would take seconds."""

_COMPLEX = re.compile(r"\b(design|architect|implement|refactor|optimi[sz]e)", re.IGNORECASE)
_MEDIUM = re.compile(r"\b(explain|why|compare|debug)", re.IGNORECASE)
_ANALYSIS = re.compile(
    r"\b(analy[sz]e|analysis|review|audit|explain|compare|summari[sz]e|investigate|why)\b", re.IGNORECASE
)
_CODE = re.compile(
    r"```|\b(code|function|class|method|script|snippet|implement|refactor|compile|regex|unit test)\b"
    r"|\b(stack ?trace|traceback)\b"
    r"|\w\(\)|\b\w+\.(py|js|ts|tsx|go|rs|nix|sh|c|cpp|java)\b",
    re.IGNORECASE,
)


def estimate_complexity(text: str) -> int:
    """1..10: 8 for work that designs or rebuilds, 5 for work that explains or compares, 2 for the rest.

    The keywords are those of the users' document, matched at the start of a word, so that "implementation" counts and
    "somewhy" does not.
    """
    text = text[:LONGEST]
    if _COMPLEX.search(text):
        return COMPLEX
    return MEDIUM if _MEDIUM.search(text) else SIMPLE


def name_complexity(complexity: int) -> str:
    """The word a reason uses for a complexity."""
    if complexity >= COMPLEX:
        return "complex"
    return "moderately complex" if complexity >= MEDIUM else "simple"


def find_speciality(text: str) -> Speciality:
    """Analysis when something is to be judged or explained, code when code is to be written or found, else general."""
    text = text[:LONGEST]
    if _ANALYSIS.search(text):
        return Speciality.ANALYSIS
    return Speciality.CODE if _CODE.search(text) else Speciality.GENERAL
