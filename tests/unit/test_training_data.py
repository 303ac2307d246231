"""The material of a run, the order in which it is learned, and what is kept of it."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from hybrid_coordinator.training.checkpoints import Shelf
from hybrid_coordinator.training.data import LEAST_QUESTIONS, Lesson, choose_watched, read_curriculum
from hybrid_coordinator.training.encoding import IGNORED, Examples
from hybrid_coordinator.training.failures import Failure
from hybrid_coordinator.training.plan import Forms, Plan, by_turns, make_plan
from hybrid_coordinator.training.progress import Outlook
from training_child import lay_out, row, rows

ROWS: Sequence[Forms] = [(2 * at, 2 * at + 1) for at in range(30)]
EXTRAS: Sequence[Forms] = [(60 + at,) for at in range(10)]
LENGTHS = [10 + 7 * (at % 13) for at in range(70)]


def plan(*, epochs: float = 4.0, seed: int = 7, share: float = 0.2) -> Plan:
    return make_plan(ROWS, EXTRAS, LENGTHS, epochs=epochs, batch=8, share=share, seed=seed)


def epochs_of(made: Plan) -> list[list[int]]:
    """The examples of each epoch, in order of their numbers."""
    starts = range(0, len(made.updates), made.per_epoch)
    return [sorted(n for update in made.updates[at : at + made.per_epoch] for n in update) for at in starts]


def run(tmp_path: Path, train: Sequence[object] | bytes, **material: Sequence[dict[str, object]]) -> Path:
    return lay_out(tmp_path / "run", tmp_path, train=train, base_sha256="", **material)  # type: ignore[arg-type]


def test_every_epoch_has_every_row_once_and_in_another_form_than_before() -> None:
    first, second = epochs_of(plan())[:2]

    assert [number // 2 for number in first if number < 60] == list(range(30))
    assert not {number for number in first if number < 60} & {number for number in second if number < 60}


def test_extras_are_mixed_in_by_their_share_and_in_turn() -> None:
    mixed = [[number for number in epoch if number >= 60] for epoch in epochs_of(plan())]

    assert [len(epoch) for epoch in mixed] == [6, 6, 6, 6]
    assert {number for epoch in mixed for number in epoch} == set(range(60, 70))


def test_the_same_recipe_gives_the_same_plan_and_another_seed_another() -> None:
    assert plan() == plan()
    assert plan() != plan(seed=8)


def test_kinds_take_turns_and_each_begins_again_when_it_is_through() -> None:
    kinds = {"answer": [(1,), (2,), (3,)], "text": [(8,), (9,)], "call": []}

    assert by_turns(kinds, ("answer", "call", "answer", "text"), 7) == ((1,), (2,), (8,), (3,), (1,), (9,), (2,))
    assert by_turns({"call": []}, ("call",), 3) == ()


def test_of_an_example_the_first_words_of_its_answer_are_compared() -> None:
    examples = Examples(100)
    examples.tokens, examples.labels = [[1, 2, 3, 4, 5], [6, 7], []], [[IGNORED, IGNORED, 3, 4, 5], [6, 7], []]

    assert examples.beginning(0, 2) == [1, 2, 3, 4]
    assert examples.beginning(0, 48) == [1, 2, 3, 4, 5]
    assert (examples.beginning(1, 1), examples.beginning(2, 48)) == ([6], [])


def test_half_an_epoch_is_half_the_updates() -> None:
    assert len(plan(epochs=0.5).updates) == round(plan().per_epoch / 2)
    assert len(plan(epochs=0.001).updates) == 1


def test_a_batch_holds_examples_of_like_length() -> None:
    def spread(updates: Sequence[Sequence[int]]) -> float:
        return sum(max(LENGTHS[n] for n in one) - min(LENGTHS[n] for n in one) for one in updates)

    made = plan(epochs=1.0)
    by_number = sorted(number for update in made.updates for number in update)

    assert spread(made.updates) < spread([by_number[at : at + 8] for at in range(0, len(by_number), 8)]) / 2


def test_what_is_watched_asks_for_what_is_taught_in_other_words() -> None:
    lessons = [
        Lesson(f"{wording} {name}?", f"{name} is at {at}.")
        for at, name in enumerate("abcdefghijklmnopqrst")
        for wording in ("Where", "At what place", "Find", "Locate", "Seek")
    ]

    kept, spared = choose_watched(lessons, [])

    assert len(spared) == 10
    assert not set(kept) & set(spared)
    assert {one.answer for one in spared} <= {one.answer for one in kept}


def test_validation_rows_that_ask_for_what_is_taught_are_watched_and_every_training_row_is_kept() -> None:
    lessons = [
        Lesson(f"{wording} {name}?", f"{name} is at {name}.")
        for name in "abcdefgh"
        for wording in ("Where", "Find", "Seek")
    ]
    validation = [Lesson(f"Locate {name}?", f"{name} is at {name}.") for name in "abcdefghxyz"]

    kept, watched = choose_watched(lessons, validation)

    assert kept == lessons
    assert watched == validation[:8]


def test_a_few_wordings_of_what_is_taught_say_more_than_subjects_of_which_nothing_is(tmp_path: Path) -> None:
    ways = ("Where", "Find", "Seek", "Spot")
    taught = [row(f"{way} {name}?", f"{name} is at {name}.") for name in "abcdefgh" for way in ways]
    others = [row(f"Where is {name}?", f"{name} is nowhere.") for name in "ijklmnopqrstuvwxyz"]

    curriculum = read_curriculum(run(tmp_path, [*taught, *others[:8]], validation=others[8:]))

    assert curriculum.recalls
    assert len(curriculum.watched) == 4
    assert curriculum.may_stop


def test_what_is_taught_in_one_wording_only_is_all_trained_on() -> None:
    lessons = [Lesson(f"Where is {at}?", f"It is at {at}.") for at in range(100)]

    assert choose_watched(lessons, []) == (lessons, [])


def test_good_material_is_read_with_its_hashes(tmp_path: Path) -> None:
    curriculum = read_curriculum(run(tmp_path, rows(), validation=[row("Where?", "Here.")]))

    assert len(curriculum.train) == 16
    assert curriculum.validation == (Lesson("Where?", "Here."),)
    assert not curriculum.may_stop
    assert len(curriculum.replay) == 2
    assert set(curriculum.hashes) == {
        "train.jsonl",
        "validation.jsonl",
        "held_out.jsonl",
        "pairs.jsonl",
        "keep.jsonl",
        "prompts.json",
    }


@pytest.mark.parametrize(
    ("train", "said"),
    [
        ([], "no rows to train on"),
        (rows(("velgate",)), f"4 different questions.*at least {LEAST_QUESTIONS}"),
        ([row("Which port?", "7143")] * 40, "1 different questions"),
        ([row(f"Which port has service {at}?", "7143") for at in range(40)], "only 1 different answers"),
        (b"{}\n", "'material/train.jsonl', line 1 is no row.*KeyError"),
        (b"not JSON", "'material/train.jsonl', line 1 is no row.*JSONDecodeError"),
        (b"\xff\xfe\n", "line 1 is no row.*UnicodeDecodeError"),
        (b"[]\n", "line 1 is no row.*TypeError"),
        ([*rows(), row("Which?", " ")], "line 17 is no row.*empty"),
        ([*rows(), {"messages": []}], "line 17 is no row"),
        ([*rows(), {"messages": [{"role": "user", "content": ["a"]}]}], "line 17 is no row"),
    ],
)
def test_material_that_teaches_nothing_is_refused_with_what_is_missing(
    tmp_path: Path, train: Sequence[object] | bytes, said: str
) -> None:
    with pytest.raises(Failure, match=said) as refused:
        read_curriculum(run(tmp_path, train))

    assert (refused.value.kind, refused.value.final) == ("data", True)


def test_material_that_was_changed_after_it_was_frozen_is_refused(tmp_path: Path) -> None:
    folder = run(tmp_path, rows())
    with (folder / "material" / "train.jsonl").open("a") as file:
        file.write(json.dumps(row("A new one?", "Yes.")) + "\n")

    with pytest.raises(Failure, match=r"'material/train.jsonl' is no longer what was frozen"):
        read_curriculum(folder)


def test_material_without_its_seal_is_refused(tmp_path: Path) -> None:
    folder = run(tmp_path, rows())
    (folder / "material" / "seal.json").unlink()

    with pytest.raises(Failure, match="not whole"):
        read_curriculum(folder)


def test_a_checkpoint_that_is_not_sealed_is_thrown_away(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    for step in (9, 10, 11):
        (shelf.attempts("train") / f"checkpoint-{step}").mkdir(parents=True)
    shelf.seal("train", 9)
    shelf.seal("train", 10)

    assert shelf.newest("train") == shelf.attempts("train") / "checkpoint-10"
    assert not (shelf.attempts("train") / "checkpoint-11").exists()
    assert shelf.newest("prefer") is None


def test_what_is_kept_takes_the_place_of_what_was(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.keep("best", lambda part: (part / "old").write_text("1"), {"step": 1})
    shelf.keep("best", lambda part: (part / "new").write_text("2"), {"step": 2})

    assert shelf.outcome("best") == {"step": 2}
    assert not (tmp_path / "best" / "old").exists()
    assert shelf.outcome("trained") is None


def test_the_time_left_is_that_of_all_stages_at_the_pace_of_the_one_at_work() -> None:
    outlook = Outlook({"train": 300.0, "prefer": 100.0, "convert": 50.0})

    assert outlook.seconds_left("load", 0.0, 4.0) is None
    assert outlook.seconds_left("train", 0.5, 15.0) == pytest.approx(30.0)
    assert outlook.seconds_left("prefer", 0.0, 0.0) == pytest.approx(15.0)
    assert outlook.seconds_left("convert", 1.0, 5.0) == pytest.approx(0.0)
