"""What is held back from training."""

import random
from itertools import count

import pytest

from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.logic.fact_families import Statement, families
from hybrid_coordinator.logic.held_out import RECALL, TEST, HeldOutPolicy, divide
from hybrid_coordinator.logic.taught_rows import answer_of, id_of, key_of, question_of, sources_of
from taught import SERVICES, other_rows, pair, port_rows, row

WORDS = ["port", "owner", "path", "token", "queue", "shard", "lease", "cache", "index", "batch", "node", "disk"]


def test_the_newest_wording_of_a_fact_that_is_said_three_times_is_held_back() -> None:
    train = [*port_rows(SERVICES[:2]), *other_rows(20, first=100)]

    divided = divide(train, [], [], [], HeldOutPolicy())

    assert [question_of(one) for one in divided.held_out] == ["velworth: port?", "velgate: port?"]
    assert {one["metadata"]["set"] for one in divided.held_out} == {RECALL}
    assert len(divided.train) == len(train) - 2


def test_no_more_than_its_share_is_held_back_and_the_newest_families_come_first() -> None:
    train = port_rows()

    divided = divide(train, [], [], [], HeldOutPolicy(most_recall=0.15))

    assert [question_of(one).split(":")[0] for one in divided.held_out] == [
        "ostradle",
        "ostrawick",
        "ostrafeed",
        "ostraworth",
    ]


def test_what_the_newest_rows_ask_of_taught_facts_in_other_words_need_not_be_held_back_again() -> None:
    train = port_rows()
    newest = [row(600, f"Port number of {question_of(train[0]).split(':')[0]}?", answer_of(train[0]), "test")]
    alone = divide(train, [], [], [], HeldOutPolicy(most_recall=0.15))

    beside = divide(train, [], newest, [], HeldOutPolicy(most_recall=0.15))

    assert len(beside.train) == len(alone.train) + 1
    assert [one["metadata"]["set"] for one in beside.held_out].count(TEST) == 1


def test_two_wordings_are_too_few_to_hold_one_back() -> None:
    train = [*port_rows(SERVICES[:3])[:2], *other_rows(20, first=100)]

    assert divide(train, [], [], [], HeldOutPolicy()).held_out == ()


def test_new_groups_are_the_other_set() -> None:
    test = other_rows(3, first=200, split="test")

    divided = divide(other_rows(20, first=0)[3:], [], test, [], HeldOutPolicy())

    assert [one["metadata"]["set"] for one in divided.held_out] == [TEST] * 3
    assert all("set" not in one["metadata"] for one in divided.train)


def test_a_question_that_is_taught_in_another_order_of_words_tests_nothing() -> None:
    train = other_rows(10, first=0)
    test = [row(90, "the amberb rack: how is it cabled", "Somehow.", "test")]

    assert divide(train, [], test, [], HeldOutPolicy()).held_out == ()


def test_a_wording_that_stops_the_training_early_is_not_held_back_too() -> None:
    train, validation = (
        port_rows(SERVICES[:1]),
        [row(50, "velgate: port?", "velgate listens on port 7000.", "validation")],
    )

    divided = divide([*train, *other_rows(20, first=100)], validation, [], [], HeldOutPolicy())

    assert [question_of(one) for one in divided.held_out] == ["On what port can I reach velgate?"]


def test_pairs_of_held_out_questions_and_of_other_splits_are_left_out() -> None:
    train = [*port_rows(SERVICES[:1]), *other_rows(20, first=100)]
    pairs = [
        pair(1, "velgate: port?", "velgate listens on port 7000."),
        pair(2, "Who owns velgate?", "The Larkspur team."),
        pair(3, "Who owns tindle?", "The Basalt team.", "test"),
        pair(4, "Who owns larch?", "The Juniper team.", "validation"),
    ]

    assert [id_of(one) for one in divide(train, [], [], pairs, HeldOutPolicy()).pairs] == ["pair-2"]


def test_nothing_in_nothing_out() -> None:
    divided = divide([], [], [], [], HeldOutPolicy())

    assert (divided.train, divided.validation, divided.held_out, divided.pairs) == ((), (), (), ())


def _random_rows(chance: random.Random, numbers: "count[int]", split: str) -> list[Payload]:
    """Few words, so that questions, answers and whole rows are often the same."""
    rows = []
    for _ in range(chance.randrange(60)):
        asked = chance.sample(WORDS, chance.randint(1, 3))
        said = chance.choice(("It is", "Say", "Take")) + f" {chance.choice(WORDS)} {chance.randrange(3)}."
        rows.append(row(next(numbers), f"What about the {' '.join(asked)}?", said, split))
    return rows


@pytest.mark.parametrize("seed", range(60))
def test_nothing_that_is_held_out_is_trained_on_whatever_the_rows_are(seed: int) -> None:
    chance, numbers = random.Random(seed), count()
    train, validation, test = (_random_rows(chance, numbers, name) for name in ("train", "validation", "test"))
    pairs = [pair(next(numbers), question_of(one), answer_of(one)) for one in chance.sample(train, len(train) // 3)]
    policy = HeldOutPolicy(most_recall=chance.choice((0.0, 0.15, 1.0)), least_family=chance.choice((2, 3)))

    divided = divide(train, validation, test, pairs, policy)

    taught = [*divided.train, *divided.validation]
    assert {key_of(one) for one in divided.held_out}.isdisjoint(map(key_of, (*taught, *divided.pairs)))
    assert {id_of(one) for one in divided.held_out}.isdisjoint(map(id_of, taught))
    assert len({key_of(one) for one in divided.held_out}) == len(divided.held_out)
    recalled = [one for one in divided.held_out if one["metadata"]["set"] == RECALL]
    assert len(recalled) <= len(train) * policy.most_recall
    assert len(divided.train) + len(recalled) == len(train)
    assert divided.validation == tuple(validation)


@pytest.mark.parametrize("seed", range(10))
def test_the_order_of_the_rows_says_nothing(seed: int) -> None:
    train, test = [*port_rows(), *other_rows(30, first=100)], other_rows(5, first=300, split="test")
    first = divide(train, [], test, [], HeldOutPolicy())

    random.Random(seed).shuffle(train)

    assert divide(train, [], test, [], HeldOutPolicy()).held_out == first.held_out


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        (("Which port has velgate?", "velgate listens on port 7143."), ("velgate: port?", "It is port 7143."), False),
        (("Which port has velgate?", "velgate listens on port 7143."),
         ("velgate: port?", "The port of velgate is 7143."), True),
        (("Which port has velgate?", "velgate listens on port 7143."),
         ("Which port does velgate have?", "velgate listens on port 7144."), False),
        (("Who owns velgate?", "velgate is owned by the Larkspur team."),
         ("Who owns tindle?", "tindle is owned by the Larkspur team."), False),
        (("How do I restart pellworth?", "Run systemctl restart pellworth as root, then wait ten seconds."),
         ("How do I restart quiverd?", "Run systemctl restart quiverd as root, then wait ten seconds."), False),
        (("Is velgate up?", "Yes."), ("Does tindle log?", "Yes."), False),
        (("Is the cache safe?", "It is safe to delete the cache."),
         ("May I delete the cache?", "It is not safe to delete the cache."), False),
        (("?", "…"), ("??", "…"), False),
    ],
)  # fmt: skip
def test_a_family_says_one_thing(one: tuple[str, str], other: tuple[str, str], together: bool) -> None:
    found = families([Statement(*one), Statement(*other)], HeldOutPolicy().answer_likeness)

    assert found == ([[0, 1]] if together else [[0], [1]])


def test_a_row_names_everything_that_it_was_made_of() -> None:
    rows = [row(1, "Who owns velgate?", "Larkspur.", others=("answer-7", "answer-8")), pair(2, "Who?", "Larkspur.")]

    assert sources_of(rows) == ["answer-1", "answer-7", "answer-8", "correction-2", "answer-2"]
