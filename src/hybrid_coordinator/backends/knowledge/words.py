"""Texts as BM25 sparse vectors: the half of a search that matches words.

BM25 has k1 = 1.2 and b = 0.75 with English stemming and stop words (Robertson & Zaragoza, "The Probabilistic Relevance
Framework: BM25 and Beyond", 2009). The inverse document frequency is the store's to apply, when it is asked.
"""

import re

from qdrant_edge import Bm25, Bm25Config, SparseVector

from hybrid_coordinator.backends.knowledge.payloads import writable

TERM_SATURATION = 1.2
LENGTH_NORMALISATION = 0.75
TYPICAL_WORDS = 40.0
"""The document length that is neither rewarded nor punished: a function, a section, an error with its fix."""

QUERY_CHARACTERS = 4_000
"""A search takes longer with every word. A question longer than this is a pasted log, and says it all at the start."""

_WORD = re.compile(r"\w+")
_SEAM = re.compile(r"_+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_MODEL = Bm25(Bm25Config(k=TERM_SATURATION, b=LENGTH_NORMALISATION, avg_len=TYPICAL_WORDS, language="english"))


def document_words(key: str, text: str) -> SparseVector:
    """The words of a passage. A key that its text already says is not counted twice."""
    whole = text if key in text else f"{key}\n{text}"
    return _MODEL.embed_document(spell_out(writable(whole)))


def query_words(text: str) -> SparseVector:
    """The words of a question, once each; empty when there is none to match. Of a huge one, those it begins with."""
    return _MODEL.embed_query(spell_out(writable(text[:QUERY_CHARACTERS])))


def presence(words: SparseVector) -> SparseVector:
    """The same words, each as good as another: searched with, it gives the idf of what matched."""
    return SparseVector(words.indices, [1.0] * len(words.indices))


def spell_out(text: str) -> str:
    """Follow every `snake_case` or `camelCase` name by its parts, and write it as one word in both spellings."""
    return _WORD.sub(_with_parts, text)


def _with_parts(match: re.Match[str]) -> str:
    parts = [part for part in _SEAM.split(match[0]) if part]
    return match[0] if len(parts) == 1 else " ".join([*parts, "".join(parts)])
