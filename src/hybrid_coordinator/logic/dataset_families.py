"""Which questions ask for the same, by their words: rows of one family stay together, and near repeats are one row.

Questions are of one family when they share 95 % of their telling words (Dice). They say the same only when they share
all of those and 95 % of all words in their order, and neither a guard nor a sign tells them apart: a repeat is dropped,
so this is the stricter of the two (docs/lab.md says what one telling word more does).

Short sets must share all their words, so one look into a table finds their like. Of a long one some may differ: any two
that are alike share one of their first few words in a fixed order (prefix filtering: Chaudhuri, Ganti and Kaushik, ICDE
2006), so that only those are compared, and none is missed.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from sys import intern

from hybrid_coordinator.logic.cache_guards import refuse
from hybrid_coordinator.logic.cache_likeness import common_subsequence
from hybrid_coordinator.logic.cache_reading import Reading, read
from hybrid_coordinator.logic.words import STOPWORDS, stem, words_of

READ_CHARACTERS = 1_000
"""Of a longer question these are compared by words; what stands behind them must be the same."""

_SIGN = re.compile(r"[^\w\s.,;:!?'\"’‘“”`…]")

MOST_COMPARED = 200
"""Families that a question is compared with under one word. There are more only in questions made from one form."""

Words = frozenset[str]


def telling_words(question: str) -> Words:
    """Stems of all but the small words; of a question of nothing else all of them."""
    words = words_of(question[:READ_CHARACTERS])
    return frozenset(stem(word) for word in words if word not in STOPWORDS) or frozenset(map(stem, words))


def without_figures(words: Words) -> Words:
    """Words with digits are alike: two questions about two ports are of one family."""
    return frozenset("0" if any(letter.isdigit() for letter in word) else word for word in words)


def likeness(one: Words, other: Words) -> float:
    """The share of words in both (Dice): 1 for the same, and for two without any."""
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 1.0


def say_the_same(one: str, other: str, least_likeness: float) -> bool:
    """Whether one answer fits both: the same telling words, nearly all words in the same order, and no guard sees a
    number, a negation or a name that differs."""
    if one[READ_CHARACTERS:] != other[READ_CHARACTERS:]:
        return False
    if one[:READ_CHARACTERS] == other[:READ_CHARACTERS]:
        return True
    alike = telling_words(one) == telling_words(other) and _signs(one) == _signs(other)
    if not alike or _sequence(_stems(one), _stems(other)) < least_likeness:
        return False
    return refuse(_read(one[:READ_CHARACTERS]), _read(other[:READ_CHARACTERS])) is None


def _stems(question: str) -> list[str]:
    return [stem(word) for word in words_of(question[:READ_CHARACTERS])]


def _sequence(one: Sequence[str], other: Sequence[str]) -> float:
    """The share of words that stand in both in the same order."""
    return 2 * common_subsequence(one, other) / (len(one) + len(other)) if one or other else 0.0


def _signs(question: str) -> Counter[str]:
    """What is neither letter nor figure nor punctuation: in `() or []` it is all there is to tell."""
    return Counter(_SIGN.findall(question[:READ_CHARACTERS]))


@lru_cache(maxsize=1_024)
def _read(text: str) -> Reading:
    return read(text)


@dataclass(slots=True)
class LikeWords:
    """Sets of words by number, and which of them are alike to another."""

    least_likeness: float
    _whole: dict[int, list[int]] = field(default_factory=dict)
    _leading: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    _sets: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def find(self, words: Words) -> list[int]:
        """The numbers of the sets that are alike to this one, in order."""
        found = set(self._whole.get(_digest(words), [])[-MOST_COMPARED:])
        for leader in self._leaders(words):
            for size in self._sizes(len(words)):
                found.update(self._alike(words, self._leading.get((leader, size), [])))
        return sorted(found)

    def add(self, words: Words, number: int) -> None:
        """Enter a set under a number."""
        self._whole.setdefault(_digest(words), []).append(number)
        leaders = self._leaders(words)
        for leader in leaders:
            self._leading.setdefault((leader, len(words)), []).append(number)
        if leaders:
            self._sets[number] = tuple(map(intern, words))

    def _alike(self, words: Words, numbers: Sequence[int]) -> Iterator[int]:
        for number in numbers[-MOST_COMPARED:]:
            if likeness(words, frozenset(self._sets[number])) >= self.least_likeness:
                yield number

    def _sizes(self, size: int) -> range:
        """How large a set can be that is alike to one of this size."""
        shrink = self.least_likeness / (2 - self.least_likeness)
        return range(math.ceil(round(size * shrink, 9)), math.floor(round(size / shrink, 9)) + 1)

    def _leaders(self, words: Words) -> list[str]:
        """The words of which every set that is alike, and not the same, has one among its own."""
        sizes = self._sizes(len(words))
        if len(sizes) == 1:
            return []
        return sorted(words, key=lambda word: (-len(word), word))[: len(words) - sizes.start + 1]


def _digest(words: Words) -> int:
    return int.from_bytes(blake2b(" ".join(sorted(words)).encode("utf-8", "replace"), digest_size=8).digest())
