"""Answers that say something else than the passages they were grounded in.

Only what can be told from the words: a sentence that speaks of the same thing as a sentence of a passage, and names
another number or identifier, or denies what that affirms. It would rather miss one than accuse a right answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hybrid_coordinator.logic.statements import Statement, names_in, numbers_in, statements_in

ALIKE = 0.6
"""Share of the shorter sentence's content words that both have, for two sentences to speak of the same thing."""

SAME = 0.75
"""Share of the longer one's: a denial or a name is one word, so nearly all others must agree."""

LEAST_SHARED = 2


@dataclass(frozen=True, slots=True)
class _Known:
    """Everything that may be said without contradicting anybody: what passages and question name."""

    numbers: frozenset[str]
    names: frozenset[str]


def find_contradiction(answer: str, passages: Sequence[str], asked: str) -> str | None:
    """The first sentence that contradicts a passage, and the sentence it contradicts; None when there is none."""
    sources = [statement for passage in passages for statement in statements_in(passage)]
    known = _Known(
        numbers_in("\n".join([*passages, asked])),
        names_in("\n".join([*passages, asked])),
    )
    for said, source in _pairs(statements_in(answer), sources):
        if _says_otherwise(said, source, known) or _denies(said, source):
            return f"it says {said.text[:80]!r} where a passage says {source.text[:80]!r}"
    return None


def _pairs(said: Sequence[Statement], sources: Sequence[Statement]) -> Iterator[tuple[Statement, Statement]]:
    """Each sentence with those of the passages that speak of the same thing, unless one of them says the same."""
    for statement in said:
        about = [source for source in sources if _alike(statement, source)]
        if not any(_agrees(statement, source) for source in about):
            yield from ((statement, source) for source in about)


def _alike(said: Statement, source: Statement) -> bool:
    shared = len(said.content & source.content)
    shorter = min(len(said.content), len(source.content))
    return shared >= LEAST_SHARED and shared >= ALIKE * shorter


def _agrees(said: Statement, source: Statement) -> bool:
    """It repeats a figure or a name of a sentence like it, gives no figure another value, and denies nothing."""
    shared = {unit for unit in said.numbers if unit in source.numbers}
    if any(said.numbers[unit] != source.numbers[unit] for unit in shared) or _is_opposed(said, source):
        return False
    figures = set(said.numbers.values()) & set(source.numbers.values())
    return bool(figures or said.names & source.names)


def _is_opposed(said: Statement, source: Statement) -> bool:
    """One denies or turns round what the other affirms; both at once is agreement."""
    turned = sum(source.poles.get(word, side) != side for word, side in said.poles.items())
    return (turned + (said.denied != source.denied)) % 2 == 1


def _says_otherwise(said: Statement, source: Statement, known: _Known) -> bool:
    return _other_number(said, source, known) or _other_name(said, source, known)


def _other_number(said: Statement, source: Statement, known: _Known) -> bool:
    """Another number of the same unit, that stands neither in a passage nor in the question."""
    return any(
        number not in known.numbers and source.numbers.get(unit, number) != number
        for unit, number in said.numbers.items()
    )


def _other_name(said: Statement, source: Statement, known: _Known) -> bool:
    """Every identifier of its own, of a shape that the passage uses too, and known from nowhere."""
    return _is_same(said, source) and any(
        said.names_like(shape) and source.names_like(shape) and not said.names_like(shape) & known.names
        for shape in said.shapes
    )


def _denies(said: Statement, source: Statement) -> bool:
    return _is_same(said, source) and _is_opposed(said, source)


def _is_same(said: Statement, source: Statement) -> bool:
    """But for names, figures and denial."""
    shared = len(said.content & source.content)
    longer = max(len(said.content), len(source.content))
    return shared >= LEAST_SHARED and shared >= SAME * longer
