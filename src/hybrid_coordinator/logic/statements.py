"""Sentences taken apart into what can be compared: content words, numbers with their units, identifiers, denial."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from hybrid_coordinator.logic.fences import split_code
from hybrid_coordinator.logic.words import STOPWORDS, stem, words_of

NEAR = 60
"""Characters around a number in which its unit is looked for."""

MOST_STATEMENTS = 400
LONGEST_STATEMENT = 1000
"""Sentences of one text, and characters of one sentence; what comes after them is not compared."""

_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+(?=[\"'`(*A-Z0-9])|\n+")
_NO_STATEMENT = re.compile(
    r"[?{:\\]$|^(?:>>>|\$|#!|:|\.\.|def |assert |import |from )|https?://\S+\W*$|\]\(|<http| [=!]=? |\w=\w|\);?$"
)
_NAMES = (
    r"`[^`\n]{2,80}`",
    r"(?<![\w/.-])/[\w.-]+(?:/[\w.-]+)*/?",
    r"(?<![\w/.-])--?[a-z][\w-]+",
    r"(?<![\w/.:-])[A-Za-z]\w*(?:[._/:-]\w+)*[._/]\w+",
    r"(?<![\w/.-])[A-Z]+(?:_[A-Z0-9]+)+",
    r"(?<![\w/.-])[a-z]+(?:-[a-z0-9]+)+(?=[\s.,;:)]|$)",
)
_NAME = re.compile("|".join(_NAMES))
_NUMBER = re.compile(r"(?<![\w.-])[$€£]?(\d+(?:[.,:]\d+)*)\s?(%|[A-Za-z°]+)?")
_UNTIL_TWELVE = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
_TENS = {"twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "ninety": "90", "hundred": "100"}
_WRITTEN = {word: str(number) for number, word in enumerate(_UNTIL_TWELVE)} | _TENS
_WRITTEN_WORD = re.compile(rf"(?i)\b({'|'.join(word for word in _WRITTEN if word != 'one')})\b")

_DENIALS = frozenset((
    "not", "no", "never", "cannot", "without", "none", "nobody", "nothing", "neither", "nor",
))  # fmt: skip
_CONTRACTED = ("n't", "n’t")
_OPPOSITES: Mapping[str, str] = {
    "disabled": "enabled", "off": "on", "forbidden": "allowed", "denied": "allowed", "optional": "required",
    "false": "true", "invalid": "valid", "unsupported": "supported", "unsafe": "safe", "failure": "success",
    "before": "after", "decrease": "increase", "decreases": "increases", "immutable": "mutable", "stop": "start",
    "stops": "starts", "remove": "add", "removes": "adds", "minimum": "maximum", "private": "public",
    "asynchronous": "synchronous", "unencrypted": "encrypted", "manually": "automatically", "disable": "enable",
    "disables": "enables", "slower": "faster", "smaller": "larger", "oldest": "newest", "last": "first",
    "ascending": "descending",
}  # fmt: skip
_POLES = {word: (positive, False) for word, positive in _OPPOSITES.items()} | {
    positive: (positive, True) for positive in _OPPOSITES.values()
}

_SHAPES: Sequence[tuple[str, re.Pattern[str]]] = (
    ("path", re.compile(r"/")),
    ("option", re.compile(r"-")),
    ("constant", re.compile(r"[A-Z][A-Z0-9_]+$")),
    ("dotted", re.compile(r"[\w-]+(?:\.[\w-]+)+$")),
    ("snake", re.compile(r"\w+$")),
    ("kebab", re.compile(r"[\w-]+$")),
    ("command", re.compile(r"\S+ ")),
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence. `content` are stems of its telling words, `numbers` are by the word that gives them their unit,
    `poles` say by a word whether that or its opposite stands here. Denied twice is not denied."""

    text: str
    content: frozenset[str]
    numbers: Mapping[str, str]
    names: frozenset[str]
    poles: Mapping[str, bool]
    denied: bool

    @property
    def shapes(self) -> frozenset[str]:
        return frozenset(_shape(name) for name in self.names)

    def names_like(self, shape: str) -> frozenset[str]:
        """Its identifiers of one shape: paths, options, constants, commands and so on."""
        return frozenset(name for name in self.names if _shape(name) == shape)


def statements_in(text: str) -> list[Statement]:
    """The first sentences of a text that assert something: questions, code and links do not."""
    prose, _ = split_code(text)
    parts = (part.strip() for part in _SENTENCE_END.split(prose))
    telling = (part for part in parts if part and not _NO_STATEMENT.search(part))
    return [_take_apart(part[:LONGEST_STATEMENT]) for part in islice(telling, MOST_STATEMENTS)]


def numbers_in(text: str) -> frozenset[str]:
    """Every number of a text, however small, in one spelling."""
    return frozenset(_plain(number) for number, _ in _NUMBER.findall(_digits(text)))


def names_in(text: str) -> frozenset[str]:
    """Every identifier of a text: paths, options, constants, dotted and quoted names."""
    return frozenset(name.strip("`").rstrip(".:,") for name in _NAME.findall(text))


def _take_apart(sentence: str) -> Statement:
    rest = _digits(_NAME.sub(" ", sentence))
    words = words_of(rest)
    content = frozenset(stem(_OPPOSITES.get(word, word)) for word in words if _is_telling(word))
    denials = sum(word in _DENIALS or word.endswith(_CONTRACTED) for word in words)
    return Statement(sentence, content, _numbers(rest), names_in(sentence), _poles(words), denials % 2 == 1)


def _poles(words: Sequence[str]) -> dict[str, bool]:
    """A sentence that names both ends tells neither."""
    found = [_POLES[word] for word in words if word in _POLES]
    return {word: side for word, side in found if (word, not side) not in found}


def _is_telling(word: str) -> bool:
    return word not in STOPWORDS and word not in _DENIALS and not word[0].isdigit() and not word.endswith(_CONTRACTED)


def _digits(text: str) -> str:
    return _WRITTEN_WORD.sub(lambda match: _WRITTEN[match.group().lower()], text)


def _numbers(text: str) -> dict[str, str]:
    """By the word after a number, else the one before it; a unit that comes twice tells nothing and is left out."""
    found: dict[str, set[str]] = {}
    for match in _NUMBER.finditer(text):
        after = match.group(2) or next(iter(words_of(text[match.end() : match.end() + NEAR])), "")
        unit = stem(after.lower()) if after and after not in STOPWORDS else _word_before(text, match.start())
        found.setdefault(unit, set()).add(_plain(match.group(1)))
    return {unit: next(iter(numbers)) for unit, numbers in found.items() if len(numbers) == 1}


def _word_before(text: str, end: int) -> str:
    telling = [word for word in words_of(text[max(0, end - NEAR) : end]) if _is_telling(word)]
    return stem(telling[-1]) if telling else ""


def _plain(number: str) -> str:
    """`1,000` and `1000` are one number, and so are `02:30` and `2:30`."""
    return re.sub(r",(?=\d{3}\b)", "", number).lstrip("0") or "0"


def _shape(name: str) -> str:
    return next((shape for shape, pattern in _SHAPES if pattern.match(name)), "other")
