"""Train, validation and test: whole groups, the newest to the test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.logic.dataset_selection import Sketch

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)


@dataclass(frozen=True, slots=True)
class SplitPolicy:
    """Shares of rows and pairs, in [0, 1]. With fewer than `least_rows` of them everything is to train on."""

    validation_share: float = 0.1
    test_share: float = 0.1
    least_rows: int = 20


def split(groups: Sequence[Sequence[Sketch]], policy: SplitPolicy) -> Mapping[int, str]:
    """The split of everything by its number.

    A group is as old as its first row. From the newest on, groups go to the test while its share has room for them,
    then to the validation; one that has no room in either is trained on. So a share is a bound that is never exceeded,
    and rows that hang together in one large group leave the other splits small, or empty.
    """
    total = sum(map(len, groups))
    room = {TEST: int(total * policy.test_share), VALIDATION: int(total * policy.validation_share)}
    if total < policy.least_rows:
        room = {}
    placed: dict[int, str] = {}
    for members in sorted(groups, key=_newest_first):
        fitting = next((name for name, left in room.items() if len(members) <= left), TRAIN)
        if fitting in room:
            room[fitting] -= len(members)
        placed.update((member.number, fitting) for member in members)
    return placed


def _newest_first(group: Sequence[Sketch]) -> tuple[float, str]:
    first = min(group, key=lambda member: (member.at, member.id))
    return -first.at.timestamp(), first.id


def placed(row: Payload, split: str, others: Sequence[str] = (), merged: int = 0) -> Payload:
    """The row with its split. A training row also names the interactions it stands for, and how many said the same."""
    metadata = {**row["metadata"], "split": split}
    if "messages" in row:
        own = metadata["interaction_id"]
        metadata["interaction_ids"] = list(dict.fromkeys([*([own] if own else []), *others]))
        metadata["merged"] = merged
    return {**row, "metadata": metadata}
