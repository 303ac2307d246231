"""How alike two answers are in their letters: chrF, which needs no model and no word list (Popović, WMT 2015).

P, R    mean over n = 1 … 6 of the character n-grams (without blanks) of one that the other has, as often
chrF    (1 + β²) · P · R / (β² · P + R), β = 2: what is missing weighs more than what is too much
"""

from collections import Counter

LONGEST_GRAM = 6
BETA_SQUARED = 4.0

READ_CHARACTERS = 4_000
"""Of a longer answer the beginning counts."""


def likeness(accepted: str, answer: str) -> float:
    """In [0, 1]: 1 for the same letters whatever their case, 0 where they share none, or one says nothing."""
    wanted, said = _letters(accepted), _letters(answer)
    shares = [_overlap(wanted, said, n) for n in range(1, LONGEST_GRAM + 1) if max(len(wanted), len(said)) >= n]
    if not shares:
        return 0.0
    precision = sum(precise for precise, _ in shares) / len(shares)
    recall = sum(complete for _, complete in shares) / len(shares)
    weighed = BETA_SQUARED * precision + recall
    return (1 + BETA_SQUARED) * precision * recall / weighed if weighed else 0.0


def _overlap(wanted: str, said: str, n: int) -> tuple[float, float]:
    """Which share of what was said was wanted, and which share of what was wanted was said."""
    expected, found = _grams(wanted, n), _grams(said, n)
    shared = (expected & found).total()
    return shared / max(1, found.total()), shared / max(1, expected.total())


def _grams(text: str, n: int) -> Counter[str]:
    return Counter(text[start : start + n] for start in range(len(text) - n + 1))


def _letters(text: str) -> str:
    return "".join(text[:READ_CHARACTERS].casefold().split())
