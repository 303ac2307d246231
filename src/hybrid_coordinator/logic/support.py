"""Whether a step says only what the answer said that it was made of.

A statement is supported when one sentence of the answer says it: every word of it stands there, in the same order, and
what was left out changes nothing. What may be left out are small words and shades of meaning; never a figure, an
identifier, a denial, a condition, a verdict, or a part of a command, nor what the sentence begins with. What may be put
in front is `run`, `use` and their like. It would rather refuse a true paraphrase than let through a false one.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hybrid_coordinator.logic.extraction_segments import (
    Segment,
    SegmentKind,
    command_of,
    segments_of,
    sentences_of,
)
from hybrid_coordinator.logic.words import stem, words_of

LEAST_KEPT = 0.5
"""Share of a sentence's words that a statement made of it must keep."""

_SPAN = re.compile(r"`([^`\n]+)`")
_CONTRACTED = ((re.compile(r"\bcan['’]t\b|\bcannot\b", re.I), "can not"), (re.compile(r"n['’]t\b", re.I), " not"))
_EDGES = ".,;:!?()[]{}\"'*_“”‘’…"
_HARD = re.compile(r".*[\d_./:@=$<>|&\\#%+~\ue000-].*|[A-Z]{2,}\w*|\w*[a-z][A-Z]\w*", re.DOTALL)
_PURPOSE = re.compile(r"^(?:in order to|to|for)\b(?P<purpose>[^,;:.]{0,80}),\s+", re.IGNORECASE)
_IDIOM = re.compile(r"^(?:after that|once done|then|next|finally|first|lastly),?\s+", re.IGNORECASE)
_CUT_OFF = ("\\", "|", "&&", "||", ",", "{", "(")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_GLUE = _words(
    "a an the is are be been was were your you we our its it this that these those please should can will need needs"
    " just simply also would could"
)
_LEADS = _words("run execute enter type following command step now by with using use via")
_SMALL = frozenset(stem(word) for word in _GLUE | _LEADS)
_CONNECTIVES = frozenset(
    stem(word)
    for word in _words("to for with on in at from so and which because as by using via during into of over per through")
)
_GUARDS = _words(
    "not no never without none neither nor if unless only except until otherwise instead avoid before after when"
    " whenever while once but or least most all every each any both hardly rarely"
    " one two three four five six seven eight nine ten eleven twelve twenty thirty hundred"
)
_VERDICTS = frozenset(
    stem(word)
    for word in _words(
        "fails failed failing breaks broken dangerous unsafe useless wrong bad causes caused prevents refuses denies"
        " forbids ignores loses lost risks harms deprecated unsupported obsolete impossible unnecessary optional"
    )
)


@dataclass(frozen=True, slots=True)
class _Token:
    """A word in one spelling. A hard one may not be left out."""

    norm: str
    hard: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """A sentence of the answer, its code in backticks, and the stems of its words."""

    text: str
    stems: frozenset[str]


class Source:
    """An answer, ready to be compared with many statements. What it warns of supports nothing."""

    def __init__(self, answer: str) -> None:
        segments = [segment for segment in segments_of(answer) if not segment.warned]
        self._places = [_Place(text, _stems(text)) for text in _places(segments)]
        self._code = [_plain(segment.text) if segment.kind is SegmentKind.CODE else "" for segment in segments]
        prose = (segment.text for segment in segments if segment.kind is not SegmentKind.CODE)
        self._quoted = {_plain(span) for text in prose for span in _SPAN.findall(text)}

    def supports(self, statement: str) -> bool:
        """Whether the answer says every sentence of it."""
        sentences = sentences_of(statement)
        return bool(sentences) and all(self._says(sentence) for sentence in sentences)

    def _says(self, sentence: str) -> bool:
        telling = _stems(_IDIOM.sub("", sentence)) - _SMALL
        return any(telling <= place.stems and _agree(sentence, place.text) for place in self._places)

    def supports_code(self, code: str) -> bool:
        """Whether it is a run of whole lines of the answer's code that is not cut off, or one command it quotes."""
        lines = [_plain(command_of(line)) for line in code.splitlines() if line.strip()]
        if len(lines) == 1 and lines[0] in self._quoted:
            return True
        starts = range(len(self._code) - len(lines) + 1)
        return bool(lines) and any(self._runs(start, lines) for start in starts)

    def _runs(self, start: int, lines: Sequence[str]) -> bool:
        before = self._code[start - 1] if start else ""
        is_same = self._code[start : start + len(lines)] == lines
        return is_same and not before.endswith(_CUT_OFF) and not lines[-1].endswith(_CUT_OFF)


def commands_in(answer: str) -> frozenset[str]:
    """The lines of code of an answer, and what it quotes as code in more than one word; what it warns of too."""
    segments = segments_of(answer)
    quoted = (_plain(span) for segment in segments for span in _SPAN.findall(segment.text))
    shown = (_plain(segment.text) for segment in segments if segment.kind is SegmentKind.CODE)
    return frozenset((*shown, *(span for span in quoted if " " in span)))


def _places(segments: Sequence[Segment]) -> Iterator[str]:
    """Every sentence and line of code, and each sentence together with the code that follows it."""
    for segment in segments:
        yield from [_quote(segment.text)] if segment.kind is SegmentKind.CODE else sentences_of(segment.text)
    for said, shown in pairwise(segments):
        if said.kind is not SegmentKind.CODE and shown.kind is SegmentKind.CODE:
            yield f"{sentences_of(said.text)[-1]} {_quote(shown.text)}"


def _quote(code: str) -> str:
    return f"`{code.replace('`', chr(39))}`"


def _plain(code: str) -> str:
    return " ".join(code.split())


def _stems(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words_of(_spelled(text)))


def _spelled(text: str) -> str:
    for contraction, whole in _CONTRACTED:
        text = contraction.sub(whole, text)
    return text


def _agree(statement: str, sentence: str) -> bool:
    """Whether the sentence says it, as it stands or without its purpose and its `then`."""
    idiomless = _IDIOM.sub("", sentence)
    purpose = _PURPOSE.match(idiomless)
    bare = idiomless if purpose is None or _words(purpose["purpose"].lower()) & _GUARDS else idiomless[purpose.end() :]
    said = _IDIOM.sub("", statement)
    return any(_follows(*_tokens(said, one)) for one in dict.fromkeys((sentence, idiomless, bare)))


def _follows(said: Sequence[_Token], source: Sequence[_Token]) -> bool:
    """Whether one list is the other, but for soft words left out after its first, and for an end that begins with a
    connective."""
    said, source = _without_leads(said), _without_leads(source)
    if not said or not source or said[0] != source[0]:
        return False
    left_out: list[_Token] = []
    rest = list(said)
    for token in source:
        if rest and token == rest[0]:
            rest, ending = rest[1:], list[_Token]()
        else:
            left_out.append(token)
            ending.append(token)
    return (
        not rest
        and len(said) >= LEAST_KEPT * len(source)
        and not any(token.hard for token in left_out)
        and (not ending or ending[0].norm in _CONNECTIVES)
    )


def _without_leads(tokens: Sequence[_Token]) -> Sequence[_Token]:
    start = next((place for place, token in enumerate(tokens) if token.norm not in _LEADS), len(tokens))
    return tokens[start:]


def _tokens(statement: str, sentence: str) -> tuple[list[_Token], list[_Token]]:
    """Both in words, where what either quotes as code is one word in both."""
    for number, span in enumerate(sorted({*_SPAN.findall(statement), *_SPAN.findall(sentence)}, key=len, reverse=True)):
        whole = re.compile(rf"`{re.escape(span)}`|(?<![\w/.:`-]){re.escape(span)}(?![\w/`-]|[.:]\w)")
        mark = f" \ue000{number} "
        statement, sentence = whole.sub(mark, statement), whole.sub(mark, sentence)
    return _tokenize(statement), _tokenize(sentence)


def _tokenize(text: str) -> list[_Token]:
    words = (word.strip(_EDGES) for word in _spelled(text).split())
    return [_token(word) for word in words if word and word.lower() not in _GLUE]


def _token(word: str) -> _Token:
    lower = word.lower()
    if lower in _GUARDS:
        return _Token(lower, hard=True)
    if _HARD.fullmatch(word):
        return _Token(word, hard=True)
    return _Token(stem(lower), stem(lower) in _VERDICTS)
