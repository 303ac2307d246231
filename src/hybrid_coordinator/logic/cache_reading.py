"""What a text holds that two texts must share before one answer may fit both."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from hybrid_coordinator.logic.cache_terms import (
    FOREIGN,
    FUNCTION_WORDS,
    MEMBERSHIPS,
    NEGATIONS,
    NUMBER_WORDS,
    UNITS,
    stem,
)

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*(?:\+\+|#)?")
_NUMBER = re.compile(r"(?P<sign>(?<![\w)\]])[-−])?(?P<digits>\d+(?:[.,:]\d+)*)(?:\s?(?P<unit>[^\W\d_]+|[%°]))?")
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)
_QUOTED = re.compile(r"[\"“”]([^\"“”\n]+)[\"“”]")
_NAME = re.compile(
    r"""https?://\S+
    | [\w.+-]+@[\w-]+\.[\w.]+                      # an address
    | (?<![\w/])(?:~|\.{1,2})?/[\w.@~-][\w.@/~-]*  # a path
    | \b[\w.-]+(?:/[\w.-]+)+\.\w+
    | \b[A-Za-z]:\\\S+
    | (?<!\S)--?[A-Za-z][\w-]*                     # a flag
    | \b\w*[^\W_]_\w+ | \b_\w+                     # snake_case
    | \b[A-Za-z_]\w+(?:(?:\.|::)[A-Za-z_]\w+)+     # dotted
    | \b\w+\(\)
    | \b[a-z]+[A-Z]\w* | \b[A-Z][a-z0-9]+[A-Z]\w*  # camelCase
    | \b[A-Z][A-Z0-9]+\b                           # an abbreviation, a constant, a code
    | \b\w*[A-Za-z]\w*\d\w*\b                      # letters and digits
    | \$\w+
    """,
    re.VERBOSE,
)
_SYMBOLS = re.compile(r"[=!<>]==?|&&|\|\|?|(?<=[\w\s)\]])[=<>+*^%~](?=[\w\s(\[])|(?<=\d)\s?[-/]\s?(?=\d)|[$€£¥₹]")
_CAPITAL = re.compile(r"(?<![.!?:\"“]\s)(?<=\s)[A-Z][a-z'’]+\b")
_OPENING_NO = re.compile(r"\s*no[,.]", re.IGNORECASE)
_OR_NOT = re.compile(r"\b(?:or|why) not\b|\bnot only\b", re.IGNORECASE)
_TRAILING = ".,;:!?)]}'\""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text taken apart.

    `content` are the stems of what is no function word, in order. `names` are identifiers, paths, flags, versions and
    the like, as written; `entities` are lower-case words that were capitalised inside a sentence. `members` says for
    each group of exclusive terms which of them occur. `numbers` come with sign and unit, in order; `counted` are those
    that were written as words without a unit.
    """

    text: str
    words: tuple[str, ...]
    content: tuple[str, ...]
    all_stems: tuple[str, ...]
    stems: frozenset[str]
    numbers: tuple[str, ...]
    counted: tuple[str, ...]
    names: frozenset[str]
    entities: frozenset[str]
    quoted: tuple[str, ...]
    code: tuple[str, ...]
    symbols: Counter[str]
    negations: int
    members: dict[int, frozenset[str]]
    scripts: frozenset[str]
    language: str


def read(text: str) -> Reading:
    """Take a text apart; the same text always gives the same reading."""
    text = unicodedata.normalize("NFKC", text)
    words = tuple(word.lower().replace("’", "'") for word in _WORD.findall(text))
    stems = tuple(stem(word.removesuffix("'s")) for word in words)
    content = tuple(one for word, one in zip(words, stems, strict=True) if word not in FUNCTION_WORDS)
    return Reading(
        text=text,
        words=words,
        content=content,
        all_stems=stems,
        stems=frozenset(stems),
        numbers=_numbers(text),
        counted=tuple(number for _, number in _spelled(text) if number.isdigit()),
        names=_names(text),
        entities=_entities(text),
        quoted=tuple(found.strip() for found in _QUOTED.findall(text)),
        code=tuple(found.strip("`").strip() for found in _CODE.findall(text)),
        symbols=Counter(found.strip() for found in _SYMBOLS.findall(text)),
        negations=_negations(text, words),
        members=_members(stems),
        scripts=_scripts(text),
        language=_language(words),
    )


def _numbers(text: str) -> tuple[str, ...]:
    """All numbers in order, those in digits and those in words."""
    in_digits = [(match.start(), _number(match)) for match in _NUMBER.finditer(text)]
    return tuple(number for _, number in sorted(in_digits + _spelled(text)))


def _number(match: re.Match[str]) -> str:
    return (match["sign"] or "") + match["digits"].replace(",", "") + UNITS.get((match["unit"] or "").lower(), "")


def _spelled(text: str) -> list[tuple[int, str]]:
    """Numbers written as words, with their unit, by where they stand."""
    found = [(match, NUMBER_WORDS.get(match.group().lower())) for match in _WORD.finditer(text)]
    return [(match.start(), number + _unit_at(text, match.end() + 1)) for match, number in found if number]


def _unit_at(text: str, place: int) -> str:
    unit = _WORD.match(text, place)
    return UNITS.get(unit.group().lower(), "") if unit else ""


def _names(text: str) -> frozenset[str]:
    found = {match.group().rstrip(_TRAILING).removesuffix("(") for match in _NAME.finditer(text)}
    if not any(letter.islower() for letter in text):  # who shouts names nothing
        found = {name for name in found if not name.isalpha()}
    return frozenset(name for name in found if name)


def _entities(text: str) -> frozenset[str]:
    """Empty for a text in title case, where a capital says nothing."""
    capital = [word.lower() for word in _CAPITAL.findall(text)]
    small = sum(word[0].islower() and word not in FUNCTION_WORDS for word in _WORD.findall(text))
    if len(capital) > 2 * small:
        return frozenset()
    return frozenset(stem(word.removesuffix("'s")) for word in capital if word not in FUNCTION_WORDS)


def _negations(text: str, words: tuple[str, ...]) -> int:
    """How often something is denied: "or not" denies nothing, and a `no` that opens an answer repeats the rest."""
    denied = sum(word.replace("'", "") in NEGATIONS or word.endswith("n't") for word in words)
    denied -= len(_OR_NOT.findall(text))
    return denied - bool(denied > 1 and _OPENING_NO.match(text))


def _members(stems: tuple[str, ...]) -> dict[int, frozenset[str]]:
    found: dict[int, set[str]] = {}
    for one in stems:
        for group, member in MEMBERSHIPS.get(one, {}).items():
            found.setdefault(group, set()).add(member)
    return {group: frozenset(members) for group, members in found.items()}


def _scripts(text: str) -> frozenset[str]:
    """The scripts that the letters are of, Latin ones aside."""
    foreign = {letter for letter in text if letter.isalpha() and not letter.isascii()}
    return frozenset(unicodedata.name(letter, "?").split()[0] for letter in foreign) - {"LATIN"}


def _language(words: tuple[str, ...]) -> str:
    """The language whose small words are more frequent than the English ones; English when none are."""
    counts = {name: sum(word in small for word in words) for name, small in FOREIGN.items()}
    likely = max(counts, key=lambda name: counts[name])
    english = sum(word in FUNCTION_WORDS for word in words)
    return likely if counts[likely] > english else "en"
