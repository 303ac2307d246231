"""What is held back from training, so that it can be measured what training did.

Two sets, since they tell two things. `test` are the dataset's newest groups: subjects that nothing was taught about, on
which nothing may get worse; facts that were never taught cannot be known. `recall` are other wordings of facts that are
taught: the newest wording of each family of rows that say the same, which tells whether what was taught is known.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.logic.fact_families import Statement, families
from hybrid_coordinator.logic.taught_rows import answer_of, id_of, key_of, question_of

TEST, RECALL = "test", "recall"


@dataclass(frozen=True, slots=True)
class HeldOutPolicy:
    """Of each family of `least_family` rows or more one is held back: families from the newest on, and
    `most_recall` of all training rows at most. Answers are of one family that share `answer_likeness` of their words.
    """

    least_family: int = 3
    most_recall: float = 0.15
    answer_likeness: float = 0.8


@dataclass(frozen=True, slots=True)
class Division:
    """Rows to train on, to stop early by, to measure with (`metadata.set` says which set), and pairs to train on."""

    train: tuple[Payload, ...]
    validation: tuple[Payload, ...]
    held_out: tuple[Payload, ...]
    pairs: tuple[Payload, ...]


def divide(
    train: Sequence[Payload],
    validation: Sequence[Payload],
    test: Sequence[Payload],
    pairs: Sequence[Payload],
    policy: HeldOutPolicy,
) -> Division:
    """The same for the same rows. No question of the held-out rows, in whatever order of its words, is trained on."""
    taught = {key_of(row) for row in (*train, *validation)}
    tested = [_marked(row, TEST) for row in _each_once(test) if key_of(row) not in taught]
    recalled = _recalled(train, validation, len(_known(tested, train, policy)), policy)
    held_out = (*tested, *(_marked(row, RECALL) for row in recalled))
    hidden, ids = {key_of(row) for row in held_out}, {id_of(row) for row in recalled}
    return Division(
        train=tuple(row for row in train if id_of(row) not in ids),
        validation=tuple(validation),
        held_out=held_out,
        pairs=tuple(pair for pair in pairs if _may_teach(pair, hidden)),
    )


def _known(tested: Sequence[Payload], train: Sequence[Payload], policy: HeldOutPolicy) -> list[Payload]:
    """The tested rows whose answers are taught, in other words: of them nothing more need be held back."""
    rows = [*train, *tested]
    statements = [Statement(question_of(row), answer_of(row)) for row in rows]
    mixed = (places for places in families(statements, policy.answer_likeness) if min(places) < len(train))
    return [rows[place] for places in mixed for place in places if place >= len(train)]


def _recalled(
    train: Sequence[Payload], validation: Sequence[Payload], known: int, policy: HeldOutPolicy
) -> list[Payload]:
    """So many as the policy lets there be, less those that are `known` already."""
    asked = Counter(key_of(row) for row in (*train, *validation))
    room = max(0, int(len(train) * policy.most_recall) - known)
    found = [row for family in _families(train, policy) for row in _newest_alone(family, asked)]
    return sorted(found, key=_newest_first, reverse=True)[:room]


def _families(rows: Sequence[Payload], policy: HeldOutPolicy) -> Iterator[list[Payload]]:
    """Those that are large enough, each from its newest row on."""
    ordered = sorted(rows, key=_newest_first, reverse=True)
    statements = [Statement(question_of(row), answer_of(row)) for row in ordered]
    for places in families(statements, policy.answer_likeness):
        family = [ordered[place] for place in places]
        if len({key_of(row) for row in family}) >= policy.least_family:
            yield family


def _newest_alone(family: Sequence[Payload], asked: Counter[int]) -> list[Payload]:
    """The newest wording that nothing else has."""
    return [row for row in family if asked[key_of(row)] == 1][:1]


def _newest_first(row: Payload) -> tuple[str, str]:
    return str(row["metadata"]["timestamp"]), id_of(row)


def _each_once(rows: Sequence[Payload]) -> list[Payload]:
    return list({key_of(row): row for row in rows}.values())


def _may_teach(pair: Payload, hidden: Collection[int]) -> bool:
    return pair["metadata"]["split"] not in (TEST, "validation") and key_of(pair) not in hidden


def _marked(row: Payload, name: str) -> Payload:
    return {**row, "metadata": {**row["metadata"], "set": name}}
