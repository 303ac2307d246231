"""How near in meaning answers come to the accepted one, by the house's embedder."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.domain.versions import ExamAnswer, Measured
from hybrid_coordinator.flows.vectors import embed_all
from hybrid_coordinator.logic.exam_items import ExamItem, ExamKind
from hybrid_coordinator.logic.exam_metrics import MEANING, Answers, measure_pairs
from hybrid_coordinator.logic.paired_bootstrap import Pair
from hybrid_coordinator.ports import Embedder

NOTHING = "-"
"""Stands for an answer that says nothing: not every embedder takes an empty text."""


async def measure_meaning(
    embedder: Embedder, items: Sequence[ExamItem], replaced: Answers, candidate: Answers
) -> list[Measured]:
    """The cosine to the accepted answer, over the held-out items that the one before has taken and both have answered.

    What the candidate would not take says nothing. Raises ModelUnavailable.
    """
    asked = [
        item
        for item in items
        if item.kind is ExamKind.HELD_OUT and item.id in candidate and item.id in replaced and replaced[item.id].scores
    ]
    wanted = await embed_all(embedder, [item.accepted for item in asked])
    before = _cosines(wanted, await embed_all(embedder, [_said(replaced[item.id]) for item in asked]))
    after = _cosines(wanted, await embed_all(embedder, [_said(candidate[item.id]) for item in asked]))
    pairs = [Pair(float(b), float(a), item.group) for b, a, item in zip(before, after, asked, strict=True)]
    measured = measure_pairs(MEANING, pairs)
    return [] if measured is None else [measured]


def _said(answer: ExamAnswer) -> str:
    return (answer.scores and answer.text.strip()) or NOTHING


def _cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((one * other).sum(axis=1), np.float32)
