"""Which rows a dataset keeps of those that say the same, and what holds rows together."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

from hybrid_coordinator.domain.interaction import PreferencePair
from hybrid_coordinator.logic.dataset_families import (
    READ_CHARACTERS,
    LikeWords,
    say_the_same,
    telling_words,
    without_figures,
)
from hybrid_coordinator.logic.training_rows import TrainingRow

LEAST_ANSWER = 80
"""Characters from which rows with the same answer stay together; shorter ones say `done` and bind nothing."""

MOST_MERGED = 20
"""Ids that a row lists of those it stands for."""


@dataclass(frozen=True, slots=True)
class Sketch:
    """What is remembered of a row, or of a preference pair, that was set aside under a number.

    `question` is cut, with a hash of what was cut off behind it; `ties` are hashes of what holds rows together.
    """

    number: int
    id: str
    source_id: str
    question: str
    at: datetime
    standing: float = 0.0
    ties: tuple[int, ...] = ()
    is_pair: bool = False


@dataclass(slots=True)
class Selection:
    """What is kept, oldest first, and what each kept row stands for besides itself (the first of them by id).

    `merged` counts those by the number of the row that was kept. `exact` and `near` count what was left out.
    """

    kept: list[Sketch] = field(default_factory=list)
    others: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    merged: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    exact: int = 0
    near: int = 0

    def stand_for(self, kept: Sketch, other: Sketch) -> None:
        """Leave `other` out."""
        self.merged[kept.number] += 1
        if len(self.others[kept.number]) < MOST_MERGED:
            self.others[kept.number].append(other.source_id)
        self.exact += kept.id == other.id
        self.near += kept.id != other.id


def sketch_row(row: TrainingRow, number: int) -> Sketch:
    """What to remember of a row."""
    ties = [*row.ties, *_answer_tie(row.answer)]
    return Sketch(
        number,
        row.id,
        row.interaction_id or row.source_id,
        _cut(row.question),
        row.at,
        row.standing,
        tuple(map(_hash, sorted(ties))),
    )


def sketch_pair(pair: PreferencePair, number: int) -> Sketch:
    """What to remember of a pair: it stays with the rows that answer its prompt, or say what it chooses."""
    ties = tuple(map(_hash, _answer_tie(pair.chosen)))
    return Sketch(number, pair.id, pair.id, _cut(pair.prompt), pair.created_at, ties=ties, is_pair=True)


def select(sketches: Iterable[Sketch], least_likeness: float) -> Selection:
    """Keep the best of those that say the same: the highest standing, then the newest. The order given is nothing."""
    selection = Selection()
    kept: dict[int, Sketch] = {}
    wording = LikeWords(1.0)
    for sketch in sorted(sketches, key=_best_first):
        words = telling_words(sketch.question)
        rivals = [] if sketch.is_pair else [kept[number] for number in wording.find(words)]
        same = next((one for one in rivals if say_the_same(one.question, sketch.question, least_likeness)), None)
        if same is not None:
            selection.stand_for(same, sketch)
            continue
        selection.kept.append(sketch)
        if not sketch.is_pair:
            wording.add(words, sketch.number)
            kept[sketch.number] = sketch
    selection.kept.sort(key=lambda sketch: (sketch.at, sketch.id))
    return selection


def group(selection: Selection, least_likeness: float) -> list[list[Sketch]]:
    """What is kept, in groups that share no session, no family of questions, no learned thing and no long answer."""
    leaders: dict[int, int] = {}
    holders: dict[int, int] = {}
    families, alike = LikeWords(least_likeness), LikeWords(least_likeness)
    for place, sketch in enumerate(selection.kept):
        leaders[place] = place
        words = telling_words(sketch.question)
        masked = without_figures(words)
        for other in (*alike.find(words), *families.find(masked)):
            _join(leaders, place, other)
        for tie in sketch.ties:
            _join(leaders, place, holders.setdefault(tie, place))
        alike.add(words, place)
        families.add(masked, place)
    groups: dict[int, list[Sketch]] = defaultdict(list)
    for place, sketch in enumerate(selection.kept):
        groups[_leader(leaders, place)].append(sketch)
    return list(groups.values())


def _best_first(sketch: Sketch) -> tuple[float, float, str]:
    return -sketch.standing, -sketch.at.timestamp(), f"{sketch.id} {sketch.source_id}"


def _leader(leaders: dict[int, int], place: int) -> int:
    while leaders[place] != place:
        leaders[place] = leaders[leaders[place]]
        place = leaders[place]
    return place


def _join(leaders: dict[int, int], one: int, other: int) -> None:
    first, second = sorted((_leader(leaders, one), _leader(leaders, other)))
    leaders[second] = first


def _cut(question: str) -> str:
    head, tail = question[:READ_CHARACTERS], question[READ_CHARACTERS:]
    return f"{head}{_hash(tail)}" if tail else head


def _answer_tie(answer: str) -> list[str]:
    plain = " ".join(answer.lower().split())
    return [f"answer:{plain}"] if len(plain) >= LEAST_ANSWER else []


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest())
