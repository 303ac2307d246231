"""When two texts must not share an answer, however near they are: each guard names what differs.

A guard that cannot judge refuses. What the guards let through is not yet the same question.
"""

import re
from collections.abc import Callable, Collection, Generator, Mapping

from hybrid_coordinator.logic.cache_reading import Reading
from hybrid_coordinator.logic.cache_terms import FUNCTION_WORDS, KINSHIPS, NEGATING_PREFIXES, stem, words_of

DIRECTIONS = frozenset(
    words_of("to from into onto than over under before after by with without against for of in instead")
)
SHORTEST_ROOT = 4
"""Letters that two words must share from the start to count as one name: India, Indian."""

SYMMETRIC = frozenset(words_of("and or vs versus between"))

Guard = Callable[[Reading, Reading], bool]
"""True when the two may share an answer as far as this guard sees."""


def refuse(asked: Reading, stored: Reading) -> str | None:
    """The name of the first guard that keeps these two apart, or None."""
    return next((name for name, agrees in GUARDS.items() if not agrees(asked, stored)), None)


def _same_numbers(one: Reading, other: Reading) -> bool:
    """A count in words may be left out: `the two methods`, `the methods`."""
    return one.numbers == other.numbers or _one_counts(one, other) or _one_counts(other, one)


def _one_counts(one: Reading, other: Reading) -> bool:
    return not other.numbers and one.numbers == one.counted


def _same_symbols(one: Reading, other: Reading) -> bool:
    return one.symbols == other.symbols


def _same_negations(one: Reading, other: Reading) -> bool:
    return one.negations == other.negations and not _prefix_negated(one, other) and not _prefix_negated(other, one)


def _prefix_negated(one: Reading, other: Reading) -> bool:
    """A word of one is a word of the other with a negating prefix: likely, unlikely."""
    lone = {word for word in other.stems - one.stems if len(word) > 2}
    return any(prefix + word in one.stems for word in lone for prefix in NEGATING_PREFIXES)


def _no_opposites(one: Reading, other: Reading) -> bool:
    return not any(
        members - other.members[group] and other.members[group] - members
        for group, members in one.members.items()
        if group in other.members
    )


def _same_names(one: Reading, other: Reading) -> bool:
    return _names_occur(one, other) and _names_occur(other, one)


def _names_occur(one: Reading, other: Reading) -> bool:
    return all(_name_occurs(name, other) for name in one.names)


def _name_occurs(name: str, other: Reading) -> bool:
    """In any case unless both are written with care, and with or without the names before its last dot."""
    bare = _bare(name)
    twins = [twin for twin in other.names if _bare(twin) == bare]
    if twins:
        return any(twin == name or not (_cared_for(twin) and _cared_for(name)) for twin in twins)
    if any(_bare(twin).endswith("." + bare) or bare.endswith("." + _bare(twin)) for twin in other.names):
        return True
    return bare in other.words or stem(bare) in other.stems


def _bare(name: str) -> str:
    return name.casefold().removesuffix("()")


def _cared_for(name: str) -> bool:
    return not name.islower() and not name.isupper()


def _same_entities(one: Reading, other: Reading) -> bool:
    return _entities_occur(one, other) and _entities_occur(other, one)


def _entities_occur(one: Reading, other: Reading) -> bool:
    """`Python` occurs in `pythonic`, and the other way round."""
    lone = one.entities - other.stems
    return all(any(_begins(name, known) or _begins(known, name) for known in other.stems) for name in lone)


def _begins(long: str, short: str) -> bool:
    return len(short) >= SHORTEST_ROOT and long.startswith(short)


def _same_quotes(one: Reading, other: Reading) -> bool:
    return _all_occur(one.quoted, other.text) and _all_occur(other.quoted, one.text)


def _same_code(one: Reading, other: Reading) -> bool:
    return _all_occur(one.code, other.text) and _all_occur(other.code, one.text)


def _all_occur(pieces: Collection[str], text: str) -> bool:
    return all(re.search(rf"(?<!\w){re.escape(piece)}(?!\w)", text) for piece in pieces)


def _same_language(one: Reading, other: Reading) -> bool:
    return one.scripts == other.scripts and one.language == other.language


def _no_exchange(one: Reading, other: Reading) -> bool:
    """Not the same words but for a single one, unless that one is a known synonym or nearly the same word."""
    if len(one.words) != len(other.words):
        return True
    unlike = [
        place for place, stems in enumerate(zip(one.all_stems, other.all_stems, strict=True)) if len({*stems}) > 1
    ]
    if len(unlike) != 1 or {one.words[unlike[0]], other.words[unlike[0]]} & FUNCTION_WORDS:
        return True
    return _interchangeable(one.all_stems[unlike[0]], other.all_stems[unlike[0]])


def _interchangeable(one: str, other: str) -> bool:
    alike = min(len(one), len(other)) >= SHORTEST_ROOT and one[:SHORTEST_ROOT] == other[:SHORTEST_ROOT]
    return alike or bool(KINSHIPS.get(one, {}).keys() & KINSHIPS.get(other, {}).keys())


def _same_direction(one: Reading, other: Reading) -> bool:
    """No two arguments have changed places: around a word that gives a direction, or in otherwise the same words."""
    if _turned(one) & _courses(other):
        return False
    return sorted(one.all_stems) != sorted(other.all_stems) or _order(one) == _order(other)


def _courses(reading: Reading) -> set[tuple[str, str, str]]:
    """What stands before and after each directing word: ("java", "to", "python")."""
    return {(before, middle, after) for before, middle, after in _triples(reading)}


def _turned(reading: Reading) -> set[tuple[str, str, str]]:
    return {(after, middle, before) for before, middle, after in _triples(reading) if before != after}


def _triples(reading: Reading) -> Generator[tuple[str, str, str]]:
    """Each directing word between the nearest words of content."""
    before, middle = "", ""
    for word, one in zip(reading.words, reading.all_stems, strict=True):
        if word in DIRECTIONS:
            middle = word
        elif word not in FUNCTION_WORDS:
            if before and middle:
                yield before, middle, one
            before, middle = one, ""


def _order(reading: Reading) -> list[str]:
    """The words of content in order, those that `and` joins in one order."""
    return [" ".join(sorted(joined)) for joined in _joined(reading)]


def _joined(reading: Reading) -> Generator[list[str]]:
    held: list[str] = []
    joining = False
    for word, one in zip(reading.words, reading.all_stems, strict=True):
        if word in SYMMETRIC:
            joining = True
        elif word not in FUNCTION_WORDS:
            if held and not joining:
                yield held
                held = []
            held, joining = [*held, one], False
    if held:
        yield held


GUARDS: Mapping[str, Guard] = {
    "numbers": _same_numbers,
    "code": _same_code,
    "quotes": _same_quotes,
    "names": _same_names,
    "symbols": _same_symbols,
    "negation": _same_negations,
    "opposites": _no_opposites,
    "entities": _same_entities,
    "language": _same_language,
    "direction": _same_direction,
    "word": _no_exchange,
}
"""In the order of trial, by the name that a refusal gives."""
