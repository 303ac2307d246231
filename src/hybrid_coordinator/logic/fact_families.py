"""Which rows say the same fact in other words: nearly the same answer to questions about the same thing."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hybrid_coordinator.logic.cache_guards import refuse
from hybrid_coordinator.logic.cache_reading import read
from hybrid_coordinator.logic.dataset_families import READ_CHARACTERS, LikeWords, Words, telling_words
from hybrid_coordinator.logic.words import STOPWORDS, stem, words_of


@dataclass(frozen=True, slots=True)
class Statement:
    """A question with its answer, and the words that tell."""

    question: str
    answer: str

    @property
    def asked(self) -> Words:
        """Of a question of small words alone none."""
        words = words_of(self.question[:READ_CHARACTERS])
        return frozenset(stem(word) for word in words if word not in STOPWORDS)

    @property
    def said(self) -> Words:
        return telling_words(self.answer)


@dataclass(slots=True)
class _Family:
    """The first of a family, and whoever came after."""

    first: Statement
    members: list[int] = field(default_factory=list)


def families(statements: Sequence[Statement], least_likeness: float) -> list[list[int]]:
    """Places of statements that belong together, each once, in order; a family may be of one.

    Whoever comes belongs to the first family whose first member says the same.
    """
    found: list[_Family] = []
    alike = LikeWords(least_likeness)
    for place, statement in enumerate(statements):
        said = statement.said
        fitting = (found[number] for number in alike.find(said) if said)
        family = next((one for one in fitting if say_the_same_fact(one.first, statement)), None)
        if family is None:
            alike.add(said, len(found))
            found.append(family := _Family(statement))
        family.members.append(place)
    return [family.members for family in found]


def say_the_same_fact(one: Statement, other: Statement) -> bool:
    """Whether two answers that are alike say one thing: they are asked for with a common word, no guard sees a number,
    a negation or a name that differs, and neither names what only its own question is about."""
    if not one.asked & other.asked:
        return False
    mine, theirs = one.said - other.said, other.said - one.said
    if mine & one.asked and theirs & other.asked:
        return False
    return refuse(read(one.answer[:READ_CHARACTERS]), read(other.answer[:READ_CHARACTERS])) is None
