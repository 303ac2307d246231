"""The words of a question, and pairs of them, as weights of unit length: rare ones count more (tf-idf)."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.logic.router_form import READ_CHARACTERS

MOST_TERMS = 6_000
LEAST_TEXTS = 2
"""A term that one text alone holds says nothing about another."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """Known terms by number, ascending, and how rare each is."""

    terms: NDArray[np.uint32]
    idf: NDArray[np.float64]

    def weigh(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text, of length 1, or 0 where no term is known."""
        rows = np.zeros((len(texts), len(self.terms)), np.float32)
        for row, text in zip(rows, texts, strict=True):
            columns, weights = self.weigh_one(text)
            row[columns] = weights
        return rows

    def weigh_one(self, text: str) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """The columns of the known terms of a text, and their weights."""
        counted = Counter(_terms(text))
        numbers = np.fromiter(counted, np.uint32, len(counted))
        places = np.searchsorted(self.terms, numbers)
        places[places == len(self.terms)] = 0
        known = self.terms[places] == numbers if len(self.terms) else np.zeros(len(numbers), bool)
        counts = np.fromiter(counted.values(), np.float64, len(counted))[known]
        columns = places[known]
        weights = (1.0 + np.log(counts)) * self.idf[columns]
        length = float(np.linalg.norm(weights))
        return columns, weights / length if length else weights


def learn_vocabulary(texts: Sequence[str]) -> Vocabulary:
    """The terms that most of these texts share, at most `MOST_TERMS`."""
    holding = Counter(term for text in texts for term in set(_terms(text)))
    shared = [(-count, term) for term, count in holding.items() if count >= LEAST_TEXTS]
    chosen = sorted(term for _, term in sorted(shared)[:MOST_TERMS])
    counts = np.array([holding[term] for term in chosen], np.float64)
    return Vocabulary(np.array(chosen, np.uint32), 1.0 + np.log((1 + len(texts)) / (1 + counts)))


def _terms(text: str) -> list[int]:
    """Words and pairs of neighbours, as numbers that are the same on every machine; few of them meet in one."""
    words = _WORD.findall(text[:READ_CHARACTERS].lower())
    pairs = (f"{left} {right}" for left, right in pairwise(words))
    return [crc32(term.encode("utf-8", "replace")) for term in (*words, *pairs)]
