"""How useful a passage has proved: what it earns from an answer, and what that does to its place in a search.

Relevance comes first, then utility (MemRL, arXiv:2601.03192): what is known of a passage's use moves it by no more than
a margin. What failed falls. Whether what helped before rises or falls is learned and not assumed: where the same is
asked again and again it helps again, and where each question is about something new it does not. `repetition` reads
that off the outcomes.

What was learned from a question is found by its likeness to that question, which is always greater than a question's
likeness to a document: taken at face value it would crowd out the documents (docs/lab.md). It counts in full for the
same question, and the less the more the question differs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.knowledge import Passage
from hybrid_coordinator.domain.learning import Stage
from hybrid_coordinator.logic.words import STOPWORDS, stem, words_of

NEUTRAL = 0.5
"""The credit that is neither praise nor blame."""

LEAST_SUPPORT = 0.1
"""An answer owes nothing to a passage that accounts for less than this share of its telling words."""


@dataclass(frozen=True, slots=True)
class UsefulnessPolicy:
    """How far use may move a passage in a search.

    `spare` more passages than are wanted are looked at. `margin` is the most that use can add to a score or take from
    it; each doubling of (1 + times failed) takes `blame`, each of (1 + times helped) adds what `repetition` says, of
    which `pull` is the scale. Something learned, and proven, counts in full for a question of similarity 1 to its own;
    from `unlike` down, and while it is on trial, it counts `least_worth`. The traffic is half believed after `patience`
    telling outcomes; means run over about `lately` of them, and after `memory` an outcome is mostly forgotten. From
    `near` on, what was learned of the most alike question is shown, if not first then second.
    """

    spare: int = 10
    margin: float = 0.3
    blame: float = 0.06
    pull: float = 0.3
    unlike: float = 0.9
    least_worth: float = 0.5
    patience: float = 3.0
    lately: float = 20.0
    memory: float = 100.0
    near: float = 0.5


@dataclass(frozen=True, slots=True)
class Served:
    """The credit in [0, 1] of the passage that came first, and how often it had helped before."""

    helped: float
    credit: float


def times_helped(passage: Passage) -> float:
    """How often a passage helped, as its payload says."""
    return float(passage.payload.get("helped", 0))


def times_failed(passage: Passage) -> float:
    """How often a passage was used and did not help, as its payload says."""
    return float(passage.payload.get("failed", 0))


def is_learned(passage: Passage) -> bool:
    """Whether a passage was learned from interactions, and is not of a file."""
    return "strategy" in passage.payload


def rank(passages: Sequence[Passage], pull: float, policy: UsefulnessPolicy) -> list[Passage]:
    """The same passages, best first. `pull` is what `repetition` says of the traffic.

    Of equals the proven go first, then the fresher, then those that the search had first.
    """
    scale = _scale(passages)
    merits = {passage.id: _merit(passage, scale, pull, policy) for passage in passages}
    return sorted(passages, key=lambda passage: merits[passage.id], reverse=True)


def choose(passages: Sequence[Passage], pull: float, wanted: int, policy: UsefulnessPolicy) -> list[Passage]:
    """So many of the passages, best first.

    One of them is what was learned of the nearest question: it seldom deserves the first place over a document that
    fits, but who was told something once expects it to be known when asked in other words.
    """
    ranked = rank(passages, pull, policy)
    shown = ranked[:wanted]
    near = [one for one in ranked if is_learned(one) and one.similarity >= policy.near]
    nearest = max(near, key=lambda one: one.similarity, default=None)
    if nearest is None or nearest in shown[:2] or wanted < 2:
        return shown
    return [shown[0], nearest, *(one for one in shown[1:] if one is not nearest)][:wanted]


def _scale(passages: Sequence[Passage]) -> float:
    """What a search divided its scores by to keep them within 1: before that, none is below its similarity."""
    return max((one.similarity / one.score for one in passages if one.score > 0.0), default=1.0)


def _merit(passage: Passage, scale: float, pull: float, policy: UsefulnessPolicy) -> tuple[float, bool, float]:
    moved = pull * math.log2(1 + times_helped(passage)) - policy.blame * math.log2(1 + times_failed(passage))
    bounded = max(-policy.margin, min(policy.margin, moved))
    return (
        _relevance(passage, scale, policy) + bounded,
        _is_proven(passage),
        float(passage.payload.get("freshness", 1.0)),
    )


def _relevance(passage: Passage, scale: float, policy: UsefulnessPolicy) -> float:
    """Of something learned only the likeness of the questions counts: few words in common, in a collection that holds
    little as yet, say little."""
    if not is_learned(passage):
        return passage.score * scale
    return passage.similarity * (policy.least_worth + (1.0 - policy.least_worth) * _promise(passage, policy))


def _promise(passage: Passage, policy: UsefulnessPolicy) -> float:
    """How far the question at hand is the one that something learned answers, and how far it did so far, in [0, 1]."""
    if not _is_proven(passage):
        return 0.0
    alike = max(0.0, (passage.similarity - policy.unlike) / (1.0 - policy.unlike))
    helped, failed = times_helped(passage), times_failed(passage)
    return alike * (1 + helped) / (1 + helped + failed)


def _is_proven(passage: Passage) -> bool:
    return passage.payload.get("stage") == Stage.PROVEN


def repetition(outcomes: Sequence[Served], policy: UsefulnessPolicy) -> float:
    """What having helped counts in a search: score for each doubling of (1 + times helped); oldest outcome first.

    The slope of credit over doublings, both against their running means, since both drift.
    """
    if not outcomes:
        return 0.0
    usual, expected = math.log2(1 + outcomes[0].helped), outcomes[0].credit
    together, spread = 0.0, policy.patience
    for one in outcomes:
        off, surprise = math.log2(1 + one.helped) - usual, one.credit - expected
        together += off * surprise - together / policy.memory
        spread += off * off - (spread - policy.patience) / policy.memory
        usual += off / policy.lately
        expected += surprise / policy.lately
    return policy.pull * together / spread


def passage_credits(
    response: str, passages: Sequence[Passage], credit: float, *, question: str = ""
) -> Mapping[str, float]:
    """What an outcome's credit means for each passage, in [0, 1]; passages come in the order in which they were shown.

    The passage that accounts for most of the answer has all of the credit or blame; the less another accounts for
    beside it, the nearer it stays to neutral. One that the answer made no use of is left out. What was learned is
    different: it is compared with going without it, so it takes every outcome as it is, used or not.
    """
    shares = _shares(response, question, passages)
    most = max(shares.values(), default=0.0)
    used = {name: share / most for name, share in shares.items() if share >= LEAST_SUPPORT}
    owed = {name: NEUTRAL + (credit - NEUTRAL) * part for name, part in used.items()}
    return owed | {passage.id: credit for passage in passages if is_learned(passage)}


def corrected_credits(
    response: str, correction: str, passages: Sequence[Passage], *, question: str = ""
) -> Mapping[str, float]:
    """What passages earn when a person put something in an answer's place: blame for what was said, praise for what
    should have been. A passage that says both, or neither, is left out, unless it was learned: it is blamed."""
    blamed = passage_credits(response, passages, 0.0, question=question)
    praised = passage_credits(correction, [one for one in passages if not is_learned(one)], 1.0, question=question)
    least = {name: credit for name, credit in praised.items() if credit > 1.0 - blamed.get(name, NEUTRAL)}
    drawn = {name for name in praised if praised[name] == 1.0 - blamed.get(name, NEUTRAL)}
    return {name: credit for name, credit in blamed.items() if name not in drawn} | least


def _shares(response: str, question: str, passages: Sequence[Passage]) -> dict[str, float]:
    """The share of the answer's telling words, in [0, 1], that each passage accounts for.

    Passages on one subject have most words in common, so the one that accounts for most of the answer takes its words,
    and each further one gets what those before it leave unexplained; of equals the one that was shown first.
    """
    telling = _telling(response) - _telling(question) or _telling(response)
    held = {passage.id: telling & _telling(passage.text) for passage in passages}
    shares: dict[str, float] = {}
    left = telling
    while held:
        best = max(held, key=lambda name: len(held[name] & left))
        words = held.pop(best)
        shares[best] = len(words & left) / max(len(telling), 1)
        left = left - words
    return shares


def _telling(text: str) -> set[str]:
    return {stem(word) for word in words_of(text) if word not in STOPWORDS}
