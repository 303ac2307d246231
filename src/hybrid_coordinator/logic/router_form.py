"""What a question looks like, in numbers: size, figures, choices, code, and the words that tell a kind of task."""

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import pstdev

from hybrid_coordinator.logic.complexity import estimate_complexity

READ_CHARACTERS = 8_000
"""No more of a text is read; its length is that of all of it."""

DIGITS_THAT_COUNT = 20

_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CHOICE = re.compile(r"^[ \t]*\(?[A-Ha-h][.)][ \t]*(.*)$", re.MULTILINE)
_SENTENCE_END = re.compile(r"[.!?](?=\s|\Z)")
_NAME = re.compile(r"(?<![.!?]\s)\b[A-Z][a-z]+")
_MARK = re.compile(r"[^\w\s]")
_DIGIT = re.compile(r"\d")
_LONG_WORD = 8

_SIGNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:not|never|no|none|without|except|least|false|incorrect)\b|n't\b",
        r"\b(?:if|when|unless|assuming|suppose|given|then)\b",
        r"\b(?:each|every|per|times|twice|half|third|double|triple|total|(?:more|less) than|percent|left)\b|%",
        r"[$€£]",
        r"[=+*/^<>]|\\[a-z]+",
        r"```|[{}\[\];]|\w\(|\b(?:code|function|class|def|script)\b",
        r"\b(?:why|how|explain|prove|derive|design|compare|implement|refactor|optimi[sz]e|debug)\b",
        r"\b(?:and|or|both|all|any)\b",
        r"\b(?:which|what|who|where|when)\b",
        r"[,:;()]",
        r"\b(?:because|since|so|although|but|however|while|before|after|until)\b",
        r"\b(?:error|exception|failed|failure|warning|traceback|timeout)\b",
    )
)
"""Counted: denial, condition, quantity, money, formula, code, depth, joining, asking, nesting, reason, trouble."""


def describe_form(text: str) -> list[float]:
    """Always as many numbers, in the same order; counts are logarithms, so that a long text is not out of all scale."""
    read = text[:READ_CHARACTERS]
    choices = [choice.group(1) for choice in _CHOICE.finditer(read)]
    first_choice = _CHOICE.search(read)
    stem = read[: first_choice.start()] if first_choice else read
    return [
        math.log1p(len(text)),
        estimate_complexity(read) / 10,
        *_describe_words(read),
        *_describe_numbers(read),
        *_describe_shape(read, stem),
        *_describe_choices(choices),
        *(math.log1p(_count(sign, read)) for sign in _SIGNS),
    ]


def _describe_words(text: str) -> list[float]:
    words = _WORD.findall(text)
    count = max(1, len(words))
    return [
        math.log1p(len(words)),
        sum(map(len, words)) / count,
        len({word.lower() for word in words}) / count,
        sum(len(word) > _LONG_WORD for word in words) / count,
    ]


def _describe_numbers(text: str) -> list[float]:
    numbers = _NUMBER.findall(text)
    longest = max((len(re.split(r"\D", number, maxsplit=1)[0]) for number in numbers), default=0)
    return [
        math.log1p(len(numbers)),
        math.log1p(len(set(numbers))),
        float(min(longest, DIGITS_THAT_COUNT)),
        float(any("." in number for number in numbers)),
        _count(_DIGIT, text) / max(1, len(text)),
    ]


def _describe_shape(text: str, stem: str) -> list[float]:
    marks = _count(_MARK, text)
    return [
        math.log1p(len(stem)),
        math.log1p(_count(_SENTENCE_END, text)),
        math.log1p(_count(_NAME, stem)),
        math.log1p(text.count("\n")),
        math.log1p(text.count("?")),
        marks / max(1, len(text)),
    ]


def _describe_choices(choices: Sequence[str]) -> list[float]:
    lengths = [len(choice) for choice in choices]
    ascending = all(shorter <= longer for shorter, longer in pairwise(lengths)) and len(lengths) > 1
    return [
        math.log1p(len(lengths)),
        math.log1p(sum(lengths) / max(1, len(lengths))),
        math.log1p(pstdev(lengths)) if lengths else 0.0,
        float(ascending),
    ]


def _count(pattern: re.Pattern[str], text: str) -> int:
    return len(pattern.findall(text))
