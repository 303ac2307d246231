"""Questions that ask something else than a real one by a single mark: a digit, a name, a negation, a word."""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.cache_made_pairs import made_pairs
from hybrid_coordinator.logic.cache_reading import read

MOST = 250
"""Of each kind."""

_AUXILIARY = re.compile(r"\b(is|are|can|could|should|would|does|do|did|will|was|were|has|have)\b", re.IGNORECASE)
_DENIED = re.compile(r"\b(?:not|never|no|without|\w+n['’]t)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Trap:
    """A real question, and one that must not be merged with it."""

    kind: str
    question: str
    other: str


Change = Callable[[str, random.Random], str | None]
"""The question changed, or None where that cannot be."""


def make_traps(questions: Sequence[str], seed: int) -> list[Trap]:
    """The same traps for the same questions and seed."""
    chance = random.Random(seed)
    names = sorted({name for question in questions for name in read(question).names})
    kinds: Sequence[tuple[str, Change]] = (
        ("digit", _other_digit),
        ("name", lambda question, chance: _other_name(question, names, chance)),
        ("negation", _denied),
    )
    changed = [trap for kind, change in kinds for trap in _first(kind, change, questions, chance)]
    exchanged = [Trap("word", pair.stored, pair.asked) for pair in made_pairs(questions, seed) if not pair.alike]
    return [*changed, *exchanged]


def _first(kind: str, change: Change, questions: Sequence[str], chance: random.Random) -> list[Trap]:
    changed = ((question, change(question, chance)) for question in questions)
    traps = (Trap(kind, question, other) for question, other in changed if other is not None and other != question)
    return [trap for trap, _ in zip(traps, range(MOST), strict=False)]


def _other_digit(question: str, chance: random.Random) -> str | None:
    places = [place for place, letter in enumerate(question) if letter in "0123456789"]
    if not places:
        return None
    place = chance.choice(places)
    digit = chance.choice([digit for digit in "123456789" if digit != question[place]])
    return question[:place] + digit + question[place + 1 :]


def _other_name(question: str, names: Sequence[str], chance: random.Random) -> str | None:
    own = sorted(read(question).names)
    if not own:
        return None
    name = chance.choice(own)
    other = chance.choice([one for one in names if one.casefold() != name.casefold()])
    return question.replace(name, other, 1)


def _denied(question: str, chance: random.Random) -> str | None:
    """With `not` behind a verb, unless something is denied already."""
    places = [] if _DENIED.search(question) else list(_AUXILIARY.finditer(question))
    if not places:
        return None
    end = chance.choice(places).end()
    return f"{question[:end]} not{question[end:]}"
