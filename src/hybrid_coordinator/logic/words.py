"""Words of a text, for comparing what two texts say."""

import re

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")

STOPWORDS = frozenset((
    "a", "an", "and", "are", "as", "at", "be", "been", "being", "but", "by", "can", "could", "did", "do", "does",
    "for", "from", "had", "has", "have", "here", "how", "i", "if", "in", "into", "is", "it", "its", "may", "might",
    "must", "of", "on", "or", "our", "shall", "should", "so", "than", "that", "the", "their", "them", "then",
    "there", "these", "they", "this", "those", "to", "was", "we", "were", "what", "when", "where", "which", "who",
    "will", "with", "would", "you", "your",
))  # fmt: skip


def words_of(text: str) -> list[str]:
    """Lower-case words and numbers in order; punctuation is dropped."""
    return _WORD.findall(text.lower())


def stem(word: str) -> str:
    """Without a plural or a tense: crude, and the same for the same word."""
    for ending in ("ing", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word.removesuffix(ending)
    return word.removesuffix("e") if len(word) > 4 else word
