"""What is left of a pattern that a model extracted, once everything that the answer did not say is gone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hybrid_coordinator.logic.extraction_prompts import WORDINGS
from hybrid_coordinator.logic.patterns import LONGEST_QUESTION, Pattern, extract_pattern, find_tags, fitting_steps
from hybrid_coordinator.logic.statements import names_in, numbers_in
from hybrid_coordinator.logic.support import Source
from hybrid_coordinator.logic.words import STOPWORDS, stem, words_of

EXTRACTIVE = "extractive"
"""The strategy that copies and needs no model."""

STRATEGIES = (EXTRACTIVE, *WORDINGS)

LEAST_ABOUT = 0.5
"""Share of the telling words of name and description that question or answer must use."""

_GENERIC = frozenset((
    "skill", "pattern", "fix", "solv", "issu", "problem", "step", "guid", "way", "resolv", "handl", "solution", "help",
    "us", "using",
))  # fmt: skip
_DENIALS = frozenset(("not", "no", "never", "without", "cannot", "none"))


@dataclass(frozen=True, slots=True)
class Extracted:
    """A pattern, the strategy that made it and the one that was tried first. `support` is the share of the latter's
    steps that the answer says; `dropped` are the steps that it does not."""

    pattern: Pattern
    strategy: str
    tried: str
    support: float
    dropped: tuple[str, ...] = ()


def copy_pattern(query: str, response: str, *, tried: str = EXTRACTIVE, support: float = 1.0) -> Extracted | None:
    """The extractive way; None when the answer holds nothing to apply."""
    pattern = extract_pattern(query, response)
    return None if pattern is None else Extracted(pattern, EXTRACTIVE, tried, support)


def check_pattern(
    spoken: Pattern, query: str, response: str, *, strategy: str, least_support: float
) -> Extracted | None:
    """The pattern without what is not supported; the extractive one when too little is left, or when its name and
    description are about something else."""
    source = Source(response)
    steps = tuple(step for step in spoken.steps if _stands(source, step))
    support = len(steps) / len(spoken.steps) if spoken.steps else 0.0
    if not steps or support < least_support or not is_about(spoken, query, response):
        return copy_pattern(query, response, tried=strategy, support=support)
    known = _telling(f"{query}\n{response}")
    tags = tuple(tag for tag in spoken.tags if _telling(tag) and _telling(tag) <= known)[:5] or find_tags(query)
    pattern = replace(
        spoken,
        name=_name(spoken.name, known) or "_".join(tags),
        description=spoken.description if _describes(spoken.description, query, source) else query[:LONGEST_QUESTION],
        steps=fitting_steps(steps),
        tags=tags,
        example=spoken.example if source.supports_code(spoken.example) else "",
        prerequisites=tuple(need for need in spoken.prerequisites if _stands(source, need)),
    )
    return Extracted(pattern, strategy, strategy, support, tuple(step for step in spoken.steps if step not in steps))


def is_about(pattern: Pattern, query: str, response: str) -> bool:
    """Whether its name and description share a telling word with the question, and half of theirs with question and
    answer."""
    telling = _telling(f"{pattern.name.replace('_', ' ')} {pattern.description}") - _GENERIC
    known = _telling(f"{query}\n{response}")
    return bool(telling & _telling(query)) and len(telling & known) >= LEAST_ABOUT * len(telling)


def is_echo(pattern: Pattern, known: Sequence[str]) -> bool:
    """Whether texts that were learned before say all of it: an answer that repeats what it was told teaches nothing."""
    source = Source("\n\n".join(known))
    codes = (pattern.example,) if pattern.example else ()
    return bool(known) and all(_stands(source, said) for said in (*pattern.steps, *codes))


def _describes(description: str, query: str, source: Source) -> bool:
    """Whether it says nothing that the answer does not say, or uses the question's own words."""
    named = names_in(description) | numbers_in(description)
    asks = (
        _telling(description) - _GENERIC <= _telling(query)
        and named <= names_in(query) | numbers_in(query)
        and _denials(description) == _denials(query)
    )
    return bool(description) and (asks or source.supports(description))


def _name(spoken: str, known: frozenset[str]) -> str:
    """In the form of an identifier; "" when it uses a word that nobody said."""
    words = words_of(spoken.replace("_", " "))
    return "_".join(words)[:60] if _telling(" ".join(words)) - _GENERIC <= known else ""


def _stands(source: Source, said: str) -> bool:
    return source.supports(said) or source.supports_code(said)


def _telling(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words_of(text) if word not in STOPWORDS)


def _denials(text: str) -> frozenset[str]:
    words = words_of(text.replace("’", "'"))
    return frozenset(words) & _DENIALS | {"not" for word in words if word.endswith("n't")}
