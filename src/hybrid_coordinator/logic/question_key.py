"""Which questions are the same but for order, inflection and small words: a cheap stand-in for their meaning."""

from hashlib import blake2b

from hybrid_coordinator.logic.words import STOPWORDS, stem, words_of

READ_CHARACTERS = 4_000
"""Of a longer question the beginning counts."""


def question_key(question: str) -> int:
    """63 bits of a hash over the question's telling words, stemmed and sorted; 0 for a question without any."""
    telling = sorted({stem(word) for word in words_of(question[:READ_CHARACTERS]) if word not in STOPWORDS})
    if not telling:
        return 0
    digest = blake2b(" ".join(telling).encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest) >> 1
