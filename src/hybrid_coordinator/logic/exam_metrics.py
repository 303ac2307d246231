"""The figures of an examination: each metric of a version against another over the same items."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.versions import ExamAnswer, Measured
from hybrid_coordinator.logic.exam_items import FACTS, FORMATS, GENERAL, LIKENESS, ExamItem, ExamKind
from hybrid_coordinator.logic.likelihoods import Likelihood
from hybrid_coordinator.logic.paired_bootstrap import Pair, compare

MEANING = "meaning"
"""Cosine to the accepted answer, by the house's embedder."""

JUDGE = "judge"
"""The share of held-out answers that a judge prefers; an even half is a draw."""

LIKELIHOOD, FORGETTING, DOCUMENTS = "likelihood", "forgetting", "documents"
"""Nats a token: of accepted answers, of the base's own answers to general questions, of plain texts."""

_SETS: Mapping[str, tuple[str, ...]] = {
    LIKELIHOOD: ("test", "recall"),
    FORGETTING: ("regression",),
    DOCUMENTS: ("document",),
}

SEED = 20_251

Answers = Mapping[str, ExamAnswer]


@dataclass(frozen=True, slots=True)
class Sheets:
    """Everyone's answers, by item: the candidate's, those of the version it is to replace, and those of the base.

    Forgetting is measured against the base, so that small losses do not add up from version to version.
    """

    candidate: Answers
    replaced: Answers
    base: Answers


def measure(items: Sequence[ExamItem], sheets: Sheets, likelihoods: Sequence[Likelihood]) -> tuple[Measured, ...]:
    """Every metric of which anything can be said, in a fixed order. An answer that is missing leaves its item out."""
    held_out = [item for item in items if item.kind is ExamKind.HELD_OUT]
    others = [item for item in items if item.kind is not ExamKind.HELD_OUT]
    scored = (
        measure_pairs(metric, score_pairs(metric, asked, before, sheets.candidate))
        for metric, asked, before in (
            (FACTS, held_out, sheets.replaced),
            (LIKENESS, held_out, sheets.replaced),
            (GENERAL, others, sheets.base),
            (FORMATS, others, sheets.base),
        )
    )
    likely = (_measure_likelihood(metric, likelihoods) for metric in _SETS)
    return tuple(one for one in (*scored, *likely) if one is not None)


def score_pairs(metric: str, items: Iterable[ExamItem], before: Answers, after: Answers) -> list[Pair]:
    """Both scores of every item that has them. What one before would not take is left out; what one after would not
    take, and one before answered, is not answered."""
    asked = [(before[item.id], after[item.id], item.group) for item in items if item.id in before and item.id in after]
    return [
        Pair(one.scores[metric], other.scores.get(metric, 0.0), group)
        for one, other, group in asked
        if metric in one.scores
    ]


def measure_pairs(
    metric: str, pairs: Sequence[Pair], *, better: str = "higher", relative: bool = False
) -> Measured | None:
    """The metric over these pairs; None where they are too few to say anything."""
    found = compare(pairs, seed=SEED, relative=relative)
    if found is None:
        return None
    groups = len({pair.group for pair in pairs})
    return Measured(metric, len(pairs), found.before, found.after, found.low, found.high, better, relative, groups)


def _measure_likelihood(metric: str, likelihoods: Sequence[Likelihood]) -> Measured | None:
    """Each token counts the same."""
    pairs = [
        Pair(one.before, one.after, f"{one.set}:{one.item}", one.tokens)
        for one in likelihoods
        if one.set in _SETS[metric]
    ]
    return measure_pairs(metric, pairs, better="lower", relative=True)
