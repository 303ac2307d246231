"""What a piece of code is for, in words."""

import re
from collections.abc import Sequence

_MARKS = re.compile(r"^\s*(?:/\*+!?|\*+/?|//+!?|#+!?|--+|;+|\"\"\"|''')\s?|\s*\*+/\s*$")
_NO_PURPOSE = re.compile(
    r"^(?:!|-\*-|SPDX|copyright|\(c\)|licen[sc]ed?\b|eslint|shellcheck|noqa|type:|pylint|flake8|mypy|prettier|@ts-|#?\[)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n\s*\n")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_MAX_SENTENCE = 240


def first_sentence(text: str) -> str:
    """The first sentence on one line, cut at a word when it is very long; "" for text without a word."""
    stripped = text.strip()
    end = _SENTENCE_END.search(stripped)
    sentence = " ".join((stripped[: end.end()] if end else stripped).split())
    if not re.search(r"\w", sentence):
        return ""
    if len(sentence) <= _MAX_SENTENCE:
        return sentence
    return sentence[:_MAX_SENTENCE].rsplit(" ", 1)[0] + " …"


def comment_text(lines: Sequence[str]) -> str:
    """What comment lines say: without their marks, and without shebangs, licences and words to tools."""
    told = [
        _MARKS.sub("", _MARKS.sub("", line)).strip()
        for line in lines
        if not line.lstrip().startswith(("#!", "@", "#["))
    ]
    if any(_NO_PURPOSE.match(line) for line in told[:3]):
        told = [line for line in told if not _NO_PURPOSE.match(line)][3:]
    return "\n".join(told).strip()


def say_symbol(symbol: str) -> str:
    """`HttpClient.parse_url` as "http client parse url"."""
    words = re.split(r"[\W_]+", _CAMEL.sub(" ", symbol))
    return " ".join(word.lower() for word in words if word)
