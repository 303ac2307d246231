"""Nothing that belongs together is torn apart, whatever is exported."""

import random
from datetime import timedelta
from difflib import SequenceMatcher

import pytest

from hybrid_coordinator.logic.cache_guards import refuse
from hybrid_coordinator.logic.cache_reading import read
from hybrid_coordinator.logic.dataset_families import likeness, telling_words
from hybrid_coordinator.logic.dataset_selection import Selection, Sketch, group, select, sketch_row
from hybrid_coordinator.logic.dataset_splits import SplitPolicy, split
from hybrid_coordinator.logic.training_rows import TrainingRow, interaction_row
from hybrid_coordinator.logic.words import words_of
from teaching import NOON, answered, learned

BAR = 0.95
WORDS = ("restart", "mount", "rotate", "build", "flush", "open", "proxy", "volume", "server", "key", "cache", "disk")


def random_rows(dice: random.Random, count: int) -> list[TrainingRow]:
    """Rows that repeat each other, exactly and nearly, share sessions, skills and long answers, in a shuffled order."""
    rows: list[TrainingRow] = []
    for number in range(count):
        question = random_question(dice)
        if rows and dice.random() < 0.35:
            question = vary(dice, dice.choice(rows).question)
        answer = f"Do step {dice.randint(1, 40)} " * dice.choice([1, 30])
        session = f"s{dice.randint(1, count)}" if dice.random() < 0.5 else None
        skills = (learned(f"skill-{dice.randint(1, count)}", "q", "a"),) if dice.random() < 0.2 else ()
        value = dice.choice([0.7, 0.8, 0.9])
        rows.append(interaction_row(answered(number, question, answer, session=session, value=value), skills))
    dice.shuffle(rows)
    return rows


def random_question(dice: random.Random) -> str:
    long = dice.random() < 0.3
    words = [f"{dice.choice(WORDS)}{dice.choice('abcde')}" for _ in range(dice.randint(25, 40) if long else 4)]
    return f"How do I {' '.join(words)} {dice.randint(1, 9)}?"


def vary(dice: random.Random, question: str) -> str:
    return dice.choice(
        [
            question,
            question.lower(),
            question.replace("How do I", "how can I"),
            question.replace("?", " please?"),
            question.replace("1", "2").replace("7", "8"),
        ]
    )


def sketches_of(rows: list[TrainingRow]) -> list[Sketch]:
    return [sketch_row(row, number) for number, row in enumerate(rows)]


@pytest.mark.parametrize("seed", range(12))
def test_no_group_crosses_a_split_and_no_repeat_is_left(seed: int) -> None:
    dice = random.Random(seed)
    rows = random_rows(dice, 150)

    selection = select(sketches_of(rows), BAR)
    splits = split(group(selection, BAR), SplitPolicy())

    kept = selection.kept
    assert len(kept) + selection.exact + selection.near == len(rows)
    assert set(splits) == {sketch.number for sketch in kept}
    for place, one in enumerate(kept):
        for other in kept[:place]:
            assert not repeats(rows[one.number], rows[other.number])
            if splits[one.number] != splits[other.number]:
                assert not belong_together(rows[one.number], rows[other.number])


def repeats(one: TrainingRow, other: TrainingRow) -> bool:
    same_words = telling_words(one.question) == telling_words(other.question)
    in_order = SequenceMatcher(None, words_of(one.question), words_of(other.question)).ratio() >= BAR
    return same_words and in_order and refuse(read(one.question), read(other.question)) is None


def belong_together(one: TrainingRow, other: TrainingRow) -> bool:
    same_answer = one.answer == other.answer and len(one.answer) > 100
    return alike(one, other) or same_answer or bool({*one.ties} & {*other.ties})


def alike(one: TrainingRow, other: TrainingRow) -> bool:
    return likeness(telling_words(one.question), telling_words(other.question)) >= BAR


@pytest.mark.parametrize("seed", range(3))
def test_the_order_in_which_rows_are_met_changes_nothing(seed: int) -> None:
    dice = random.Random(seed)
    rows = random_rows(dice, 80)
    shuffled = dice.sample(rows, len(rows))

    def chosen(met: list[TrainingRow]) -> list[tuple[str, str, str]]:
        sketches = sketches_of(met)
        selection = select(sketches, BAR)
        splits = split(group(selection, BAR), SplitPolicy())
        return [(one.id, met[one.number].source_id, splits[one.number]) for one in selection.kept]

    assert chosen(rows) == chosen(shuffled)


def test_a_row_that_was_left_out_holds_nothing_together() -> None:
    best = answered(1, "How do I rotate keys?", value=0.9, session="a")
    repeat = answered(2, "How do I rotate keys?", "Otherwise.", value=0.8, session="b")
    neighbour = answered(3, "How do I mount disks?", "With mount.", session="b")

    selection = select(sketches_of([interaction_row(one, ()) for one in (best, repeat, neighbour)]), BAR)

    assert [len(members) for members in group(selection, BAR)] == [1, 1]


def lone(number: int, *, day: int) -> Sketch:
    return Sketch(number, str(number), str(number), f"question{number}", NOON + timedelta(days=day))


def test_shares_are_never_exceeded_and_a_large_group_is_trained_on() -> None:
    groups = [[lone(number, day=number)] for number in range(60)]
    groups.append([lone(number, day=100) for number in range(60, 100)])

    splits = split(groups, SplitPolicy(validation_share=0.1, test_share=0.2))

    counts = {name: sum(one == name for one in splits.values()) for name in ("train", "validation", "test")}
    assert counts == {"train": 70, "validation": 10, "test": 20}
    assert {splits[number] for number in range(60, 100)} == {"train"}
    assert all(splits[number] == "test" for number in range(40, 60))


def test_a_handful_of_rows_is_trained_on_whole() -> None:
    splits = split([[lone(number, day=number)] for number in range(19)], SplitPolicy(least_rows=20))

    assert set(splits.values()) == {"train"}


def test_nothing_is_split_into_nothing() -> None:
    assert split(group(Selection(), BAR), SplitPolicy()) == {}
