"""Two sentences that are one but for what stands in one place."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from hybrid_coordinator.logic.cache_terms import FUNCTION_WORDS, KINSHIPS, NEGATIONS
from hybrid_coordinator.logic.cache_terms import stem as root
from hybrid_coordinator.logic.statements import statements_in

LONGEST_EXCHANGE = 4
"""Words on either side that may stand for each other; a quoted command is one."""

LEAST_SHARED = 2
"""Words of content that both must have beside the exchange."""

MOST_SENTENCES = 100

_TOKEN = re.compile(r"`[^`\n]+`|[^\s`]+")
_AROUND = "\"'“”‘’()[]{}.,;:!?*"


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as it stands, and its words: quoted commands whole, everything else by its stem."""

    text: str
    words: tuple[str, ...]
    denied: bool

    @property
    def content(self) -> frozenset[str]:
        """Its words without those that say little."""
        return frozenset(self.words) - _SMALL


def sentences_of(text: str) -> list[Sentence]:
    """The first sentences of a text that assert something."""
    return [_read(statement.text) for statement in statements_in(text)[:MOST_SENTENCES]]


def find_exchange(said: Sequence[Sentence], known: Sequence[Sentence]) -> tuple[Sentence, Sentence] | None:
    """The first two sentences that contradict each other, each of them said only by one side."""
    own = [one for one in said if not any(says_again(one, other) for other in known)]
    others = [other for other in known if not any(says_again(one, other) for one in said)]
    return next(((one, other) for one in own for other in others if contradicts(one, other)), None)


def says_again(one: Sentence, other: Sentence) -> bool:
    """Whether two sentences say the same in the same words, in whatever order."""
    return one.content == other.content and one.denied == other.denied


def contradicts(one: Sentence, other: Sentence) -> bool:
    """Whether the two cannot both be true: the same but for a denial, or but for one exchanged stretch."""
    if len(one.content & other.content) < LEAST_SHARED:
        return False
    here, there = _apart(one.words, other.words)
    if one.denied != other.denied:
        return not (_content(here) or _content(there))
    return _exchanged(here, there)


def _exchanged(here: Sequence[str], there: Sequence[str]) -> bool:
    """Whether both stretches are short, neither is empty or contains the other, and no word is a synonym."""
    mine, theirs = _content(here), _content(there)
    if not mine or not theirs or max(len(here), len(there)) > LONGEST_EXCHANGE:
        return False
    if mine <= theirs or theirs <= mine:
        return False
    return not any(_akin(one, other) for one in mine - theirs for other in theirs - mine)


def _akin(one: str, other: str) -> bool:
    return bool(KINSHIPS.get(one, {}).keys() & KINSHIPS.get(other, {}).keys())


def _apart(one: Sequence[str], other: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """What is left of both without the words that they begin and end with alike."""
    begin = _alike(one, other)
    one, other = one[begin:], other[begin:]
    end = _alike(one[::-1], other[::-1])
    return one[: len(one) - end], other[: len(other) - end]


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _content(words: Sequence[str]) -> frozenset[str]:
    return frozenset(words) - _SMALL


def _read(text: str) -> Sentence:
    tokens = _TOKEN.findall(text)
    words = tuple(word for token in tokens if (word := _word(token)))
    return Sentence(text, words, sum(map(_denies, tokens)) % 2 == 1)


def _word(token: str) -> str:
    """Quoted commands, names and numbers as they are; a plain word without its ending."""
    if token.startswith("`"):
        return token
    bare = token.strip(_AROUND)
    return root(bare.casefold()) if bare.isalpha() else bare


def _denies(token: str) -> bool:
    bare = token.strip(_AROUND).casefold()
    return bare in NEGATIONS or bare.endswith(("n't", "n’t"))


_SMALL = frozenset(map(root, FUNCTION_WORDS | NEGATIONS))
