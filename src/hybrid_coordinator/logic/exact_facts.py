"""The exact facts of an accepted answer, and how many of them another answer repeats.

A fact is what is right or wrong to the letter: a number, a version, a time, an identifier, a path, an option, a command
in backticks, a quoted string, an address, a name. What the question says already is none: repeating it shows nothing.
"""

import re
from collections.abc import Sequence

from hybrid_coordinator.logic.statements import numbers_in

READ_CHARACTERS = 8_000
"""Of a longer text the beginning counts."""

MOST_FACTS = 40
"""Of one answer, in its order: a long listing does not outweigh everything else."""

_FENCE = re.compile(r"```[\w+-]*")
_LIST_MARK = re.compile(r"(?m)^\s*\d{1,2}[.)]\s")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_HOUR = re.compile(r"(?<![\d:.])0(?=\d:\d)")
_QUOTES = str.maketrans("“”‘’", "\"\"''")

_KINDS = (
    r"https?://[^\s<>\"'`)\]]+",
    r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+",
    r"`[^`\n]{1,120}`",
    r"\"[^\"\n]{2,80}\"",
    r"(?<![\w/.~-])(?:~|\.{1,2}|[A-Za-z]:)?[/\\](?:[\w.@+-]+[/\\]?)+",
    r"(?<![\w/.-])--?[A-Za-z][\w-]*",
    r"(?<!\w)\w*[^\W_]_\w+",
    r"(?<![\w.])[A-Za-z]\w+(?:\.[A-Za-z]\w+)+(?:\(\))?",
    r"(?<!\w)(?:(?=\w{0,40}?[a-z]\w{0,40}?[A-Z])\w+|[A-Z]{2,}[a-z]\w*)",
    r"(?<!\w)[A-Z][A-Z0-9]+(?:-[A-Z0-9]+)*(?!\w)|(?<!\w)[A-Z]-?\d+(?!\w)",
    r"(?<!\w)0x[0-9A-Fa-f]+(?!\w)",
    r"(?<![\w.-])[vV]?\d+(?:[.,:/-]\d+)*(?:(?:rc|alpha|beta)\d+)?",
    r"(?<=[a-z0-9,;:)\0] )[A-Z][^\W\d_]{2,}",
)
"""From the most special on: what one has found, the later ones do not see."""

_PATTERNS = tuple(re.compile(kind) for kind in _KINDS)
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_CASELESS = re.compile(r"https?://\S+|\S+@\S+|[^\W\d_]+(?: [^\W\d_]+)+")


def facts_of(answer: str, question: str) -> tuple[str, ...]:
    """The facts of an answer that its question does not give away, each once, in one spelling."""
    found = dict.fromkeys(_find(_normal(_LIST_MARK.sub(" ", _FENCE.sub(" ", answer[:READ_CHARACTERS])))))
    return tuple(fact for fact in found if not holds_fact(question, fact))[:MOST_FACTS]


def recalled(answer: str, facts: Sequence[str]) -> float:
    """The share of the facts that an answer holds; `facts` is not empty."""
    return sum(holds_fact(answer, fact) for fact in facts) / len(facts)


def holds_fact(text: str, fact: str) -> bool:
    """Whether a text holds a fact as a whole: `80` is not in `8080`, nor `--force` in `--force-with-lease`.

    Upper and lower case differ, but in addresses and in words between quotes. Small numbers may be spelt out.
    """
    text, fact = _normal(text), _normal(fact)
    if _NUMBER.fullmatch(fact):
        digits = rf"(?<!\d[.,:/-])(?<![\w.])[vV]?{re.escape(fact)}(?!\d|[.,:/-]\d)"
        return _search(text, digits) or fact in numbers_in(text)
    if _CASELESS.fullmatch(fact):
        text, fact = text.casefold(), fact.casefold()
    closed = r"(?![\w/\\]|[.-]\w)" if re.search(r"[/\\]", fact) else r"(?!\w|[.-]\w)"
    return _search(text, rf"(?<![\w-])(?<!\w\.){re.escape(fact)}{closed}")


def _find(text: str) -> list[str]:
    """The facts of a text in their order."""
    found: list[tuple[int, str]] = []
    for pattern in _PATTERNS:
        found += [(match.start(), _bare(match.group())) for match in pattern.finditer(text)]
        text = pattern.sub(lambda match: "\0" * len(match.group()), text)
    return [fact for _, fact in sorted(found) if fact]


def _bare(fact: str) -> str:
    """Without quotation marks, the end of its sentence, and the `v` of a version."""
    plain = fact.strip('`"').strip().rstrip(".,;:/\\")
    return plain[1:] if re.match(r"[vV]\d", plain) else plain.removesuffix("()")


def _normal(text: str) -> str:
    """One spelling for quotation marks, blanks, `1,000` and `02:30`."""
    plain = " ".join(text[:READ_CHARACTERS].translate(_QUOTES).split())
    return _HOUR.sub("", _THOUSANDS.sub("", plain))


def _search(text: str, pattern: str) -> bool:
    return re.search(pattern, text) is not None
