"""What a version is asked when it is examined, and what an answer scores.

Held-out questions are asked as the coordinator asks them (its own system text, `Query: …`, no passages); forms are
asked as clients of the gateway do. Nothing is left to chance: temperature 0, and the same room for every answer.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.domain.query import Completion, Prompt, Query
from hybrid_coordinator.logic.answer_likeness import likeness
from hybrid_coordinator.logic.draws import draw
from hybrid_coordinator.logic.exact_facts import facts_of, recalled
from hybrid_coordinator.logic.format_checks import FormatCheck, check_prompt, score_format
from hybrid_coordinator.logic.grounding import Grounding, GroundingPolicy, question_prompt
from hybrid_coordinator.logic.regression_set import GeneralQuestion, RegressionSet
from hybrid_coordinator.logic.taught_rows import answer_of, question_of, sources_of
from hybrid_coordinator.logic.tokens import estimate_tokens
from hybrid_coordinator.logic.words import words_of

FACTS, LIKENESS, GENERAL, FORMATS = "facts", "likeness", "general", "formats"
"""What an answer scores."""

GENERAL_TOKENS = 32
"""A short answer stands in the first sentence."""

LEAST_TOKENS = 40
"""Room that even the shortest accepted answer gives: small models begin with a phrase."""


class ExamKind(StrEnum):
    """The part of an examination that an item belongs to; its id begins with it."""

    HELD_OUT = "asked"
    GENERAL = "general"
    FORMAT = "format"


@dataclass(frozen=True, slots=True)
class ExamPolicy:
    """Of the held-out rows `most_items` are asked, and of the general questions and the forms `most_general` each; a
    held-out row with room for twice the accepted answer, but `most_tokens` at most. A batch is over after `batch`
    answers or `batch_s` seconds; `at_once` are asked side by side, which an engine answers sooner. A candidate that
    breaks off `most_failures` times is rejected."""

    most_items: int = 200
    most_general: int = 64
    most_tokens: int = 200
    batch: int = 16
    batch_s: float = 10.0
    at_once: int = 2
    most_failures: int = 3


@dataclass(frozen=True, slots=True)
class ExamItem:
    """One thing to ask. Its id is the same as long as what is asked, and what is expected, is the same.

    `group` holds wordings of one question together. `question` and `accepted` are those of a held-out row.
    """

    id: str
    kind: ExamKind
    prompt: Prompt
    group: str
    question: str = ""
    accepted: str = ""
    holds: tuple[str, ...] = ()
    check: FormatCheck | None = None


def exam_items(
    rows: Sequence[Payload], known: frozenset[str], regression: RegressionSet, policy: ExamPolicy
) -> tuple[ExamItem, ...]:
    """Everything a version is asked. `known` are source ids that one of the versions compared was trained on: rows that
    stand for any of them are left out. Of too many rows the same are chosen each time."""
    fresh = [row for row in rows if known.isdisjoint(sources_of([row]))]
    held_out = sorted(_held_out_items(fresh, policy), key=lambda item: draw("exam", item.id))
    return (
        *held_out[: policy.most_items],
        *(_general_item(question) for question in regression.general),
        *(_format_item(check) for check in regression.formats),
    )


def score(item: ExamItem, completion: Completion) -> dict[str, float]:
    """What an answer to an item scores, each in [0, 1]; `facts` only where the accepted answer has some."""
    if item.check is not None:
        return {FORMATS: score_format(item.check, item.prompt, completion)}
    if item.kind is ExamKind.GENERAL:
        return {GENERAL: float(is_right(completion.text, item.holds))}
    scores = {LIKENESS: likeness(item.accepted, completion.text)}
    if facts := facts_of(item.accepted, item.question):
        scores[FACTS] = recalled(completion.text, facts)
    return scores


def is_right(answer: str, holds: Sequence[str]) -> bool:
    """Whether any of these stands in it as a whole word, in any case."""
    text = " ".join(answer.split())
    return any(re.search(rf"(?i)(?<!\w){re.escape(word)}(?!\w)", text) for word in holds)


def _held_out_items(rows: Sequence[Payload], policy: ExamPolicy) -> list[ExamItem]:
    """The same question with the same answer is asked once."""
    items = (_held_out_item(question_of(row), answer_of(row), policy) for row in rows)
    return list({item.id: item for item in items}.values())


def _held_out_item(question: str, accepted: str, policy: ExamPolicy) -> ExamItem:
    room = min(policy.most_tokens, max(LEAST_TOKENS, 2 * estimate_tokens(accepted)))
    return ExamItem(
        id=_name(ExamKind.HELD_OUT, accepted, repr(prompt := _ask(question, room))),
        kind=ExamKind.HELD_OUT,
        prompt=prompt,
        group=" ".join(words_of(accepted)),
        question=question,
        accepted=accepted,
    )


def _general_item(question: GeneralQuestion) -> ExamItem:
    prompt = _ask(question.ask, GENERAL_TOKENS)
    name = _name(ExamKind.GENERAL, repr(prompt), *question.holds)
    return ExamItem(name, ExamKind.GENERAL, prompt, name, holds=question.holds)


def _format_item(check: FormatCheck) -> ExamItem:
    prompt = check_prompt(check)
    name = _name(ExamKind.FORMAT, repr(prompt), repr(check))
    return ExamItem(name, ExamKind.FORMAT, prompt, name, check=check)


def _ask(question: str, room: int) -> Prompt:
    """The `asked` form: what one of our models is sent when nothing is known."""
    query = Query(question, max_tokens=room, temperature=0.0)
    return question_prompt(query, Grounding((), ""), GroundingPolicy())


def _name(kind: ExamKind, *parts: str) -> str:
    digest = blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=12)
    return f"{kind.value}:{digest.hexdigest()}"
