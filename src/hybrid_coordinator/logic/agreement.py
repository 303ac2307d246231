"""Which of several answers to one question the others agree with most.

    pair(a, b) = cosine(a, b)                                   when either names no figure or identifier
               = (1 - FACTS) · cosine(a, b) + FACTS · shared    else; `shared` is the part of the shorter list
    support(a) = mean of pair(a, b) over all others
    winner     = the greatest support · weight: a model made for such questions weighs a little more

Two answers about the same subject are similar whatever they say of it, which is why figures and identifiers count for
themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from hybrid_coordinator.domain.knowledge import Vector
from hybrid_coordinator.domain.query import Speciality
from hybrid_coordinator.logic.statements import names_in, numbers_in
from hybrid_coordinator.logic.words import words_of

FACTS = 0.4
SPECIALIST = 1.08
GENERALIST = 1.0
STRANGER = 0.96
"""Weights of a model for the question's speciality, of a general one, and of one made for something else."""


@dataclass(frozen=True, slots=True)
class AgreementPolicy:
    """Answers that agree less than `min_agreement` are not trusted (docs/lab.md says how often that is right)."""

    min_agreement: float = 0.85


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model's answer, with the unit vector of its text."""

    model: str
    speciality: Speciality
    text: str
    vector: Vector


@dataclass(frozen=True, slots=True)
class Verdict:
    """The winner's name, how far the others agree with it, in [0, 1], and whether that is enough."""

    winner: str
    agreement: float
    trusted: bool
    reason: str


def choose_by_agreement(candidates: Sequence[Candidate], wanted: Speciality, policy: AgreementPolicy) -> Verdict:
    """The answer in the middle of all; of equal ones the first. A lone answer has nobody to agree with it."""
    if len(candidates) == 1:
        return Verdict(candidates[0].model, 0.0, False, f"only {candidates[0].model} answered, so nothing confirms it")
    supports = {one.model: fmean(_pair(one, other) for other in candidates if other is not one) for one in candidates}
    winner = max(candidates, key=lambda one: supports[one.model] * weigh(one.speciality, wanted))
    agreement = supports[winner.model]
    trusted = agreement >= policy.min_agreement
    return Verdict(winner.model, agreement, trusted, _explain(winner.model, supports, trusted, policy))


def weigh(speciality: Speciality, wanted: Speciality) -> float:
    """What a vote for a model's answer counts."""
    if speciality is wanted:
        return SPECIALIST
    return GENERALIST if speciality is Speciality.GENERAL else STRANGER


def _pair(one: Candidate, other: Candidate) -> float:
    if words_of(one.text) == words_of(other.text):
        return 1.0
    cosine = min(1.0, max(0.0, sum(a * b for a, b in zip(one.vector, other.vector, strict=True))))
    facts, others = _facts(one.text), _facts(other.text)
    if not facts or not others:
        return cosine
    shared = len(facts & others) / min(len(facts), len(others))
    return (1 - FACTS) * cosine + FACTS * shared


def _facts(text: str) -> frozenset[str]:
    return numbers_in(text) | names_in(text)


def _explain(winner: str, supports: Mapping[str, float], trusted: bool, policy: AgreementPolicy) -> str:
    bar = f"{'above' if trusted else 'under'} {policy.min_agreement:.2f}"
    return (
        f"{len(supports)} local models answered and agree at {supports[winner]:.2f}, {bar}; {winner} is in the middle"
    )
