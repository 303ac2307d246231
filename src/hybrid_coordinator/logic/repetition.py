"""Texts that run in circles, as small models do."""

import re
import zlib
from collections import Counter
from collections.abc import Sequence

from hybrid_coordinator.logic.fences import split_code
from hybrid_coordinator.logic.words import words_of

LONGEST_PERIOD = 60
"""Words. Longer circles show in the compression."""

PROSE_TURNS, PROSE_WORDS = 4, 16
CODE_TURNS, CODE_WORDS = 8, 60
"""How often, and over how many words, something must be said again at once. Tables in code repeat by right."""

WORST_COMPRESSION = 0.11
COMPRESSIBLE = 600
"""Share of its bytes that a long text is packed into: prose 0.4, code 0.25, dull tables 0.15, circles under 0.1."""

_CHARACTER_RUN = re.compile(r"(\S{1,8}?)\1{99,}")
_RULE = re.compile(r"[-=_*#~.+|:─━═\s]+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


def find_loop(text: str) -> str | None:
    """What is repeated without end or sense, or None."""
    return _find_character_run(text) or _find_word_loop(text) or _find_stale_sentences(text) or _find_dull_bytes(text)


def _find_character_run(text: str) -> str | None:
    for run in _CHARACTER_RUN.finditer(text):
        if not _RULE.fullmatch(run.group(1)) or len(run.group()) > 400:
            return f"it repeats {run.group(1)!r} {len(run.group()) // len(run.group(1))} times"
    return None


def _find_word_loop(text: str) -> str | None:
    prose, code = split_code(text)
    return _find_cycle(words_of(prose), PROSE_TURNS, PROSE_WORDS) or _find_cycle(code.split(), CODE_TURNS, CODE_WORDS)


def _find_cycle(words: Sequence[str], turns: int, least_words: int) -> str | None:
    """The same words at least `turns` times in a row, at least `least_words` together."""
    for period in range(1, min(LONGEST_PERIOD, len(words) // turns) + 1):
        run = 0
        for place in range(period, len(words)):
            run = run + 1 if words[place] == words[place - period] else 0
            if run >= max(period * (turns - 1), least_words - period):
                return f"it repeats {' '.join(words[place - period + 1 : place + 1])[:60]!r} again and again"
    return None


def _find_stale_sentences(text: str) -> str | None:
    """Sentences said before make up half of the prose; short ones and lines of tables do not count."""
    prose, _ = split_code(text)
    sentences = [" ".join(words) for part in _SENTENCE_END.split(prose) if len(words := words_of(part)) >= 5]
    again = len(sentences) - len(set(sentences))
    if again >= 3 and again * 2 >= len(sentences):
        return f"it says {Counter(sentences).most_common(1)[0][0][:60]!r} over and over"
    return None


def _find_dull_bytes(text: str) -> str | None:
    raw = text.encode("utf-8", "replace")
    if len(raw) < COMPRESSIBLE:
        return None
    share = len(zlib.compress(raw, 6)) / len(raw)
    return f"it says little in many words (packed to {share:.0%})" if share < WORST_COMPRESSION else None
