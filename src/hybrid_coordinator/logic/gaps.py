"""What this machine cannot do yet: questions that went badly, grouped by what they ask."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.domain.interaction import Correction, Interaction, OutcomeKind
from hybrid_coordinator.domain.knowledge import Passage
from hybrid_coordinator.logic.clustering import Cluster, cluster, name_clusters

Floats = NDArray[np.float32]

SYNTHETIC = "synthetic"
"""The tag of a question that nobody asked, and the channel by which it comes in."""


class Trouble(StrEnum):
    """How a question went badly, in the words a list shows."""

    FAILED = "failed"
    DISLIKED = "disliked"
    ESCALATED = "escalated"
    LOW_VALUE = "low value"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True)
class GapPolicy:
    """What makes a gap.

    Questions belong together from a mean similarity of `min_similarity` on; `least` of them are a gap. Those of the
    last `days` are looked at, at most `most_questions`, and those worth less than `low_value`. A gap is filled when
    `recoveries` questions of its kind have succeeded since the last that went badly.
    """

    min_similarity: float = 0.6
    least: int = 2
    days: int = 90
    most_questions: int = 2_000
    low_value: float = 0.4
    recoveries: int = 2
    examples: int = 5


@dataclass(frozen=True, slots=True)
class Troubled:
    """A question that went badly. `source_id` is the interaction's id, or the correction's; costs are micro-dollars."""

    source_id: str
    question: str
    trouble: Trouble
    at: datetime
    cost: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Troubled questions of one kind, the newest first; `centre` is the mean of their vectors, `middle` the question
    that stands for them."""

    name: str
    questions: tuple[Troubled, ...]
    centre: Floats
    middle: str


@dataclass(frozen=True, slots=True)
class Known:
    """The nearest that could be served: a passage's id, what it is called, and its similarity in [0, 1]."""

    id: str
    title: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Gap:
    """Questions of one kind that go badly, until it is `filled`.

    `size` counts them, `troubles` by how they went badly. `cost` is what they cost in micro-dollars, `cost_share` the
    part of all that was spent in the time looked at. `examples` are different ones, the newest first. `recovered`
    counts questions of the kind that succeeded since the last that did not.
    """

    name: str
    filled: bool
    size: int
    middle: str
    examples: tuple[Troubled, ...]
    troubles: Mapping[Trouble, int]
    cost: int
    cost_share: float
    first_seen: datetime
    last_seen: datetime
    known: Known | None
    recovered: int

    @property
    def tag(self) -> str:
        """What questions that are asked to fill it are tagged with."""
        return f"gap:{self.name}"


def diagnose(interaction: Interaction, low_value: float) -> Trouble | None:
    """How an interaction that the ledger calls troubled went badly; None when that says nothing about a gap: nobody
    asked it, its answer was cut short, or it is the half that another one replaced."""
    if SYNTHETIC in interaction.tags or interaction.parent_id is not None or not interaction.query.strip():
        return None
    outcome, value = interaction.outcome, interaction.value
    if outcome is not None and outcome.kind is OutcomeKind.FAILURE:
        return Trouble.FAILED
    if outcome is not None and outcome.user_feedback == -1:
        return Trouble.DISLIKED
    if interaction.failure is not None:
        return None
    return Trouble.LOW_VALUE if value is not None and value.total < low_value else Trouble.ESCALATED


def list_troubles(
    interactions: Sequence[Interaction], corrections: Sequence[Correction], low_value: float
) -> list[Troubled]:
    """Every question that went badly, the newest first. One that was also corrected counts once."""
    troubles = [
        Troubled(one.id, one.query, trouble, one.created_at, one.cost)
        for one in interactions
        if (trouble := diagnose(one, low_value)) is not None
    ]
    counted = {trouble.source_id for trouble in troubles}
    troubles += [
        Troubled(one.id, one.query, Trouble.CORRECTED, one.created_at)
        for one in corrections
        if one.interaction_id not in counted
    ]
    return sorted(troubles, key=lambda trouble: (trouble.at, trouble.source_id), reverse=True)


def group_troubles(troubles: Sequence[Troubled], vectors: Floats, policy: GapPolicy) -> list[Group]:
    """Those that ask the same kind of thing, the largest group first; `vectors` are theirs, in their order."""
    oldest_first = np.arange(len(troubles))[::-1]
    clusters = [
        one for one in cluster(vectors[oldest_first], policy.min_similarity) if len(one.members) >= policy.least
    ]
    places = [[int(oldest_first[member]) for member in reversed(one.members)] for one in clusters]
    names = name_clusters([[troubles[place].question for place in members] for members in places])
    return [
        _group(name, one, [troubles[place] for place in members], troubles[oldest_first[one.medoid]])
        for name, one, members in zip(names, clusters, places, strict=True)
    ]


def _group(name: str, found: Cluster, troubles: Sequence[Troubled], middle: Troubled) -> Group:
    return Group(name, tuple(troubles), found.centre, middle.question)


def count_recoveries(group: Group, successes: Sequence[Interaction], vectors: Floats, policy: GapPolicy) -> int:
    """How many people's questions of the group's kind have succeeded since the last that went badly; `vectors` are
    those of the successes."""
    since = group.questions[0].at
    alike = (vectors @ group.centre >= policy.min_similarity).tolist()
    return sum(
        near and one.created_at > since and SYNTHETIC not in one.tags
        for one, near in zip(successes, alike, strict=True)
    )


def describe_gap(group: Group, spent: int, known: Known | None, recovered: int, policy: GapPolicy) -> Gap:
    """All that a list shows of a group; `spent` is all money spent in the time looked at."""
    cost = sum(one.cost for one in group.questions)
    newest = {one.question: one for one in reversed(group.questions)}.values()
    return Gap(
        name=group.name,
        filled=recovered >= policy.recoveries,
        size=len(group.questions),
        middle=group.middle,
        examples=tuple(sorted(newest, key=lambda one: one.at, reverse=True)[: policy.examples]),
        troubles=Counter(one.trouble for one in group.questions),
        cost=cost,
        cost_share=cost / spent if spent else 0.0,
        first_seen=group.questions[-1].at,
        last_seen=group.questions[0].at,
        known=known,
        recovered=recovered,
    )


def describe_known(passage: Passage) -> Known:
    """A passage by the name that its kind gives it."""
    names = ("skill_name", "title", "error_message", "file_path")
    title = next((str(passage.payload[name]) for name in names if passage.payload.get(name)), passage.id)
    return Known(passage.id, title, passage.similarity)
