"""Fixes of errors: one for each way out of an error, however often it was found, with how often it worked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hybrid_coordinator.domain.interaction import Interaction, OutcomeKind
from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.domain.learning import Learned, Stage
from hybrid_coordinator.domain.trust import TRUST
from hybrid_coordinator.logic.error_signatures import find_error, sign
from hybrid_coordinator.logic.patterns import LONGEST_QUESTION, extract_pattern, find_tags
from hybrid_coordinator.logic.statements import names_in, numbers_in
from hybrid_coordinator.logic.support import commands_in
from hybrid_coordinator.logic.topics import name_topic
from hybrid_coordinator.logic.words import STOPWORDS, stem, words_of

ERROR_FIX = "error_fix"
"""The strategy that makes a fix of an answer."""

LONGEST_SOLUTION = 1_800
MOST_WITNESSES = 60
"""Interactions a fix keeps by name, so that it stays under 10 KB; further ones change nothing."""

SAME = 0.6
"""Share of the telling words of both that two solutions without differing facts must have in common."""

WORKED, FAILED = "worked_in", "failed_in"
"""Payload fields: the interactions in which the solution worked, and those in which it did not."""


@dataclass(frozen=True, slots=True)
class Fix:
    """An error as it was quoted, its signature, and the solution that an answer gave."""

    error: str
    signature: str
    solution: str


def extract_fix(query: str, response: str) -> Fix | None:
    """The fix that an answer gives to an error which the question quotes, or None."""
    error = find_error(query)
    signature = sign(error)
    solution = solution_of(query, response)
    return Fix(error[:LONGEST_QUESTION], signature, solution) if signature and solution else None


def solution_of(query: str, response: str) -> str:
    """The whole answer; of a long one its steps and its code; "" when it has none."""
    if len(response) <= LONGEST_SOLUTION:
        return response.strip()
    pattern = extract_pattern(query, response)
    if pattern is None:
        return ""
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(pattern.steps, 1))
    return "\n".join(part for part in (steps, pattern.example) if part)


def is_same_solution(one: str, other: str) -> bool:
    """Whether two solutions come to the same: the same figures, identifiers and commands, in much the same words."""
    if _facts(one) != _facts(other) or commands_in(one) != commands_in(other):
        return False
    mine, theirs = _telling(one), _telling(other)
    return mine == theirs or len(mine & theirs) >= SAME * len(mine | theirs)


def matching_fix(known: Sequence[Learned], solution: str) -> Learned | None:
    """The known fix that has this solution: one that is served before others, then the oldest."""
    ordered = sorted(known, key=lambda fix: not fix.served)
    same = (fix for fix in ordered if is_same_solution(str(fix.draft.payload.get("solution", "")), solution))
    return next(same, None)


def choose_fix(error: str, known: Sequence[Learned]) -> Learned | None:
    """The served fix to offer for an error of their signature: whose own error shares most of what is masked; of equal
    ones a proven one, then the most trusted, then the one that worked most often."""
    return max(
        (fix for fix in known if fix.served), key=lambda fix: (_likeness(error, fix), *_standing(fix)), default=None
    )


def _standing(fix: Learned) -> tuple[bool, int, float]:
    confidence = float(fix.draft.payload.get("confidence_score", 0.5))
    return fix.stage is Stage.PROVEN, TRUST[fix.origin], confidence


def fix_draft(draft_id: str, fix: Fix, interaction: Interaction) -> Draft:
    """The fix as a passage of `error-solutions`, found by the question that was asked; it worked once."""
    asked = interaction.query.strip()[:LONGEST_QUESTION]
    return Draft(
        id=draft_id,
        collection=Collection.ERRORS,
        key=asked,
        text=f"{asked}\n\n{fix.solution}",
        payload={
            "error_message": fix.error,
            "error_type": name_topic(fix.error, interaction.query, fix.solution),
            "context": asked,
            "solution": fix.solution,
            "tags": list(find_tags(interaction.query)),
            "agent_type": interaction.agent_type.value,
            "model_used": interaction.model_used,
            "created_at": interaction.created_at.isoformat(),
            **witness_fields((interaction.id,), ()),
        },
        source=f"interaction:{interaction.id}",
    )


def witnesses(payload: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The interactions in which a fix worked, and those in which it failed."""
    return tuple(payload.get(WORKED, ())), tuple(payload.get(FAILED, ()))


def testify(payload: Mapping[str, Any], interaction_id: str, outcome: OutcomeKind | None) -> dict[str, Any]:
    """The payload after an interaction that came to this; what it said before is taken back. None says nothing."""
    worked, failed = (tuple(id for id in ids if id != interaction_id) for ids in witnesses(payload))
    if outcome is OutcomeKind.SUCCESS:
        worked = (*worked, interaction_id)[:MOST_WITNESSES]
    elif outcome is OutcomeKind.FAILURE:
        failed = (*failed, interaction_id)[:MOST_WITNESSES]
    return {**payload, **witness_fields(worked, failed)}


def witness_fields(worked: Sequence[str], failed: Sequence[str]) -> dict[str, Any]:
    """The documented counts, and what they count. Confidence is the mean of a Beta(1, 1) prior after them."""
    return {
        WORKED: list(worked),
        FAILED: list(failed),
        "success_count": len(worked),
        "failure_count": len(failed),
        "solution_verified": len(worked) > len(failed),
        "confidence_score": (len(worked) + 1) / (len(worked) + len(failed) + 2),
    }


def _likeness(error: str, fix: Learned) -> float:
    mine, theirs = _telling(error), _telling(str(fix.draft.payload.get("error_message", "")))
    return len(mine & theirs) / len(mine | theirs) if mine | theirs else 0.0


def _facts(text: str) -> frozenset[str]:
    return names_in(text) | numbers_in(text)


def _telling(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words_of(text) if word not in STOPWORDS)
