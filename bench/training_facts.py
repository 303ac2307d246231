"""Facts of platforms that do not exist, in three sets, and eleven ways to ask for each: no model can know them."""

from collections.abc import Sequence
from dataclasses import dataclass

from hybrid_coordinator.logic.exam_items import is_right as holds_word

TAUGHT_PHRASINGS = 8
"""So many of a fact's phrasings are there to be taught with; the last three are asked in the end and never before."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is asked of several subjects in the same words: `{s}` is the subject, `{v}` what is so of it."""

    name: str
    answer: str
    questions: tuple[str, ...]
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """What is so: `value` must stand in a right answer, and none of its `rivals`, which are true of its neighbours."""

    name: str
    value: str
    rivals: tuple[str, ...]
    answer: str
    questions: tuple[str, ...]

    @property
    def taught(self) -> tuple[str, ...]:
        return self.questions[:TAUGHT_PHRASINGS]

    @property
    def unseen(self) -> tuple[str, ...]:
        return self.questions[TAUGHT_PHRASINGS:]


def facts_of(kinds: Sequence[Kind]) -> Sequence[Fact]:
    """All of them, kinds one after another."""
    return [
        Fact(
            name=f"{kind.name} of {subject}",
            value=value,
            rivals=tuple(other for _, other in kind.values if other != value),
            answer=_first_upper(kind.answer.format(s=subject, v=value)),
            questions=tuple(_first_upper(question.format(s=subject)) for question in kind.questions),
        )
        for kind in kinds
        for subject, value in kind.values
    ]


def is_right(fact: Fact, answer: str) -> bool:
    """Whether the value stands in the answer as words of its own, and none of another fact of its kind does."""
    return holds_word(answer, [fact.value]) and not holds_word(answer, fact.rivals)


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]
