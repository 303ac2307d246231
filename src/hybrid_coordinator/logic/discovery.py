"""What people ask again and again and nobody made a skill of: the steps that the answers have in common."""

from collections.abc import Collection as Ids
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import fmean

from hybrid_coordinator.domain.interaction import Interaction, OutcomeKind
from hybrid_coordinator.domain.knowledge import Vector
from hybrid_coordinator.domain.learning import Learned, Stage
from hybrid_coordinator.domain.query import Speciality
from hybrid_coordinator.domain.trust import lowest, may_teach
from hybrid_coordinator.logic.agreement import AgreementPolicy, Candidate, Verdict, choose_by_agreement
from hybrid_coordinator.logic.gaps import SYNTHETIC
from hybrid_coordinator.logic.merging import MergePolicy, say_the_same
from hybrid_coordinator.logic.patterns import Pattern, extract_pattern, pattern_draft
from hybrid_coordinator.logic.screening import screen
from hybrid_coordinator.logic.support import Source

STRATEGY = "discovered"

_SAME_STEP = MergePolicy(min_shared_words=0.6)
"""Two wordings of one step share so many of their words, and no figure, name or denial tells them apart."""


@dataclass(frozen=True, slots=True)
class DiscoveryPolicy:
    """What makes a skill of questions that come again.

    Questions are of one kind from `same_question` similarity on. There must be `least_answers` good ones from
    `least_sessions` sessions, that agree at `min_agreement`; a step is kept when a share of `min_shared` of them says
    it. Successes of the last `days` are looked at, the newest `window` of them, `batch` at a time, each with its
    `neighbours` nearest.
    """

    same_question: float = 0.8
    least_answers: int = 3
    least_sessions: int = 2
    min_agreement: float = 0.6
    min_shared: float = 0.5
    days: int = 30
    window: int = 2_000
    batch: int = 16
    neighbours: int = 16


def is_telling(interaction: Interaction, excluded: Ids[str]) -> bool:
    """Whether a skill may be made of it: people asked, the answer was whole and good, and nobody took it out."""
    outcome = interaction.outcome
    return (
        outcome is not None
        and outcome.kind is OutcomeKind.SUCCESS
        and outcome.user_feedback != -1
        and interaction.failure is None
        and interaction.parent_id is None
        and bool(interaction.response.strip())
        and SYNTHETIC not in interaction.tags
        and interaction.id not in excluded
    )


def recurs(family: Sequence[Interaction], policy: DiscoveryPolicy) -> bool:
    """Whether a question came often enough, from sessions enough; one without a session is its own."""
    sessions = {one.session_id or one.id for one in family}
    return len(family) >= policy.least_answers and len(sessions) >= policy.least_sessions


def compare_answers(family: Sequence[Interaction], vectors: Sequence[Vector], policy: DiscoveryPolicy) -> Verdict:
    """How far the answers agree; `vectors` are those of their texts, and the winner is named by its id."""
    candidates = [
        Candidate(one.id, Speciality.GENERAL, one.response, vector) for one, vector in zip(family, vectors, strict=True)
    ]
    return choose_by_agreement(candidates, Speciality.GENERAL, AgreementPolicy(policy.min_agreement))


def find_shared(family: Sequence[Interaction], policy: DiscoveryPolicy) -> tuple[Interaction, Pattern] | None:
    """The answer that tells most of what they share, of equal ones the first, with only that; None when it is nothing.

    Every step stands in that answer, in its order.
    """
    patterns = [extract_pattern(one.query, one.response) for one in family]
    sources = [Source(one.response) for one in family]
    needed = policy.min_shared * len(family)
    steps = dict.fromkeys(step for pattern in patterns if pattern for step in pattern.steps)
    shared = {step for step in steps if _count_saying(step, patterns, sources) >= needed}
    reduced = [pattern and _reduce(pattern, shared, sources, needed) for pattern in patterns]
    told = [(len(one.steps) + bool(one.example) if one else 0) for one in reduced]
    best = max(range(len(family)), key=lambda place: (told[place], -place))
    pattern = reduced[best]
    return (family[best], pattern) if pattern and told[best] else None


def _count_saying(step: str, patterns: Sequence[Pattern | None], sources: Sequence[Source]) -> int:
    """How many answers say a step, in its words or in nearly the same."""
    return sum(
        source.supports(step)
        or any(say_the_same(step, other, _SAME_STEP) for other in (pattern.steps if pattern else ()))
        for pattern, source in zip(patterns, sources, strict=True)
    )


def _reduce(pattern: Pattern, shared: Ids[str], sources: Sequence[Source], needed: float) -> Pattern:
    showing = sum(source.supports_code(pattern.example) for source in sources) if pattern.example else 0
    return replace(
        pattern,
        steps=tuple(step for step in pattern.steps if step in shared),
        example=pattern.example if showing >= needed else "",
    )


def make_skill(
    item_id: str, family: Sequence[Interaction], told: tuple[Interaction, Pattern], verdict: Verdict, at: datetime
) -> Learned:
    """The skill, trusted as far as the least trusted answer; one that may not teach, or looks planted, waits for a
    person."""
    interaction, pattern = told
    values = [one.value.total for one in family if one.value is not None]
    draft = pattern_draft(item_id, pattern, interaction, fmean(values) if values else 0.0)
    draft = replace(draft, payload={**draft.payload, "occurrences": len(family)})
    origin = lowest(one.origin for one in family)
    doubts = screen(draft.text) if may_teach(origin) else (f"comes from {origin.value}",)
    asked = f"asked {len(family)} times; the answers agree at {verdict.agreement:.2f}"
    return Learned(
        id=item_id,
        stage=Stage.QUARANTINED if doubts else Stage.CANDIDATE,
        draft=draft,
        origin=origin,
        learned_from=tuple(sorted(one.id for one in family)),
        strategy=STRATEGY,
        created_at=at,
        changed_at=at,
        rests_on=tuple(dict.fromkeys(id for one in family for id in one.context_provided)),
        why="; ".join((*doubts, asked)),
    )
