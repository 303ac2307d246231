"""The chance that a stored answer fits a new question: a small network over the two texts and their neighbours.

    signals -> (signal - mean) / deviation -> tanh(signals · W + b) -> logistic(hidden · v + c)

Its weights are fixed (`logic/cache_weights.py`); docs/lab.md says on what they were learned. What was seen of the entry
itself (`Observation`) and which of its neighbours have another answer are signals among the others, so that one entry
is trusted at a similarity at which another is not.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from hybrid_coordinator.domain.caching import CacheEntry, Neighbour
from hybrid_coordinator.logic.cache_reading import Reading
from hybrid_coordinator.logic.cache_weights import BIASES, DEVIATIONS, HIDDEN, MEANS, OUTPUT, OUTPUT_BIAS

T = TypeVar("T")

NOBODY = 0.4
"""What is entered as the similarity of a neighbour that does not exist."""

QUESTION_WORDS = ("how", "why", "what", "when", "where", "who", "which")
LEADING_WORDS = 6
"""So many words may stand before a question word that still says what kind of question it is."""


def chance_of_fit(asked: Reading, stored: Reading, candidate: Neighbour, around: Sequence[Neighbour]) -> float:
    """In [0, 1]. `around` are the nearest entries to what is asked, the candidate among them, the nearest first."""
    signals = [*signals_of(asked, stored, candidate, around).values()]
    scaled = [(signal - mean) / deviation for signal, mean, deviation in zip(signals, MEANS, DEVIATIONS, strict=True)]
    hidden = (
        math.tanh(sum(map(float.__mul__, scaled, weights)) + bias) for weights, bias in zip(HIDDEN, BIASES, strict=True)
    )
    return 1.0 / (1.0 + math.exp(-sum(map(float.__mul__, hidden, OUTPUT)) - OUTPUT_BIAS))


def signals_of(
    asked: Reading, stored: Reading, candidate: Neighbour, around: Sequence[Neighbour]
) -> Mapping[str, float]:
    """What the network reads, by name and always in this order."""
    return {
        **_nearness(candidate, around),
        **_experience(candidate.entry, candidate.similarity),
        **_wording(asked, stored),
        **_order(asked, stored),
    }


def _nearness(candidate: Neighbour, around: Sequence[Neighbour]) -> Mapping[str, float]:
    """How near the candidate is, and what stands as near: entries that agree with it, and entries that do not."""
    own, similarity = candidate.entry, candidate.similarity
    others = [near for near in around if near.entry.id != own.id]
    rivals = [near.similarity for near in others if near.entry.group != own.group]
    allies = [near.similarity for near in others if near.entry.group == own.group]
    margin = similarity - max(rivals, default=NOBODY)
    ally = max(allies, default=NOBODY)
    return {
        "similarity": similarity,
        "similarity above .9": max(similarity - 0.9, 0.0),
        "similarity above .95": max(similarity - 0.95, 0.0),
        "margin": margin,
        "margin to .05": min(margin, 0.05),
        "margin to .1": min(margin, 0.1),
        "ally": ally,
        "ally above .85": max(ally - 0.85, 0.0),
        "allies": min(len(allies), 2.0),
        "neighbours as near": math.log1p(sum(near.similarity > similarity - 0.05 for near in others)),
        "neighbours above .85": math.log1p(sum(near.similarity > 0.85 for near in others)),
        "neighbours above .8": math.log1p(sum(near.similarity > 0.8 for near in others)),
    }


def _experience(entry: CacheEntry, similarity: float) -> Mapping[str, float]:
    """What was seen of the entry: the neighbours it had, and the questions its answer did and did not fit."""
    unfit = [seen.similarity for seen in entry.observations if not seen.fitted]
    fit = [seen.similarity for seen in entry.observations if seen.fitted]
    nearest_unfit = max(unfit, default=NOBODY)
    return {
        "rival": max(entry.rival, NOBODY),
        "rival above .8": max(entry.rival - 0.8, 0.0),
        "kin": max(entry.kin, NOBODY),
        "kin above .8": max(entry.kin - 0.8, 0.0),
        "nearest unfit": nearest_unfit,
        "nearest unfit above .85": max(nearest_unfit - 0.85, 0.0),
        "unfit as near": min(sum(seen > similarity - 0.02 for seen in unfit), 2.0),
        "fit as far": min(sum(seen < similarity + 0.02 for seen in fit), 2.0),
        "nearest fit": max(fit, default=NOBODY),
    }


def _wording(asked: Reading, stored: Reading) -> Mapping[str, float]:
    """Which words the two share."""
    here, there = set(asked.content), set(stored.content)
    lone_here, lone_there, shared = here - there, there - here, here & there
    all_here, all_there = set(asked.all_stems), set(stored.all_stems)
    agreement = share(here, there)
    length = math.log1p(len(asked.words))
    common = min(len(shared), 8.0)
    return {
        "agreement": agreement,
        "letters": share(_trigrams(asked), _trigrams(stored)),
        "shared": common,
        "shared and agreeing": common * agreement,
        "length": length,
        "difference of length": min(abs(len(asked.words) - len(stored.words)), 8.0),
        "lone in question": min(len(lone_here), 4.0),
        "lone in entry": min(len(lone_there), 4.0),
        "longest lone in question": float(max(map(len, lone_here), default=0)),
        "longest lone in entry": float(max(map(len, lone_there), default=0)),
        "any lone in question": min(len(all_here - all_there), 8.0),
        "any lone in entry": min(len(all_there - all_here), 8.0),
    }


def _order(asked: Reading, stored: Reading) -> Mapping[str, float]:
    """Whether the shared words stand in the same places."""
    pairs_here = set(zip(asked.all_stems, asked.all_stems[1:], strict=False))
    pairs_there = set(zip(stored.all_stems, stored.all_stems[1:], strict=False))
    total = len(asked.words) + len(stored.words)
    return {
        "pairs": share(pairs_here, pairs_there),
        "sequence": 2 * common_subsequence(asked.all_stems, stored.all_stems) / total if total else 0.0,
        "kind of question": float(_kind(asked) == _kind(stored)),
        "questions": float(_asks(asked)) + float(_asks(stored)),
        "first word": float(asked.words[:1] == stored.words[:1]),
        "last word": float(asked.content[-1:] == stored.content[-1:]),
    }


def share(one: set[T], other: set[T]) -> float:
    """How much of two sets is in both (Jaccard), 1 for two empty ones."""
    return len(one & other) / len(one | other) if one or other else 1.0


def common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest sequence of words that runs through both."""
    row = [0] * (len(other) + 1)
    for word in one:
        before, row = row, [0]
        for place, candidate in enumerate(other):
            row.append(before[place] + 1 if word == candidate else max(before[place + 1], row[-1]))
    return row[-1]


def _trigrams(reading: Reading) -> set[str]:
    text = f" {' '.join(reading.words)} "
    return {text[start : start + 3] for start in range(len(text) - 2)}


def _asks(reading: Reading) -> bool:
    return reading.text.rstrip().endswith("?") or (bool(reading.words) and reading.words[0] in QUESTION_WORDS)


def _kind(reading: Reading) -> str | None:
    return next((word for word in reading.words[:LEADING_WORDS] if word in QUESTION_WORDS), None)
