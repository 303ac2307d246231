"""Questions that are alike are found, all of them, and told from those that only look so."""

import random

import pytest

from hybrid_coordinator.logic.dataset_families import LikeWords, likeness, say_the_same, telling_words, without_figures

SEED = 11
BAR = 0.95


def test_every_set_that_is_alike_is_found_as_by_comparing_all() -> None:
    dice = random.Random(SEED)
    vocabulary = [f"{letter}{number}" for letter in "abcdefgh" for number in range(8)]
    sets: list[frozenset[str]] = []
    for _ in range(600):
        base = (
            set(dice.sample(vocabulary, dice.randint(1, 45)))
            if not sets or dice.random() < 0.3
            else set(dice.choice(sets))
        )
        for _ in range(dice.randint(0, 2)):
            base.symmetric_difference_update({dice.choice(vocabulary)})
        sets.append(frozenset(base or {"alone"}))

    like = LikeWords(BAR)
    found = []
    for number, words in enumerate(sets):
        found.append(like.find(words))
        like.add(words, number)

    compared = [[n for n in range(m) if likeness(sets[n], sets[m]) >= BAR] for m in range(len(sets))]
    assert found == compared
    assert sum(sets[n] != sets[m] for m in range(len(sets)) for n in found[m]) > 100


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I restart the web server?", "how do I restart the web server"),
        ("How do I restart the web servers?", "How do I restart the web server?"),
        ("x" * 2_000, "x" * 2_000),
    ],
)
def test_the_same_question_in_other_letters_is_one(one: str, other: str) -> None:
    assert say_the_same(one, other, BAR)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I open port 8080?", "How do I open port 8081?"),
        ("How do I enable the firewall?", "How do I not enable the firewall?"),
        ("How do I convert json to yaml?", "How do I convert yaml to json?"),
        ("How do I restart the web server?", "How do I restart the mail server?"),
        ("Why is the build slow?", "How is the build so slow?"),
        ("What is the difference of () and [] here?", "What is the difference of {} and <> here?"),
        (
            f"{'What do you wish you knew ' * 6}when you started?",
            f"{'What do you wish you knew ' * 6}when java started?",
        ),
        ("x " * 1_000 + "one end", "x " * 1_000 + "another end"),
    ],
)
def test_a_number_a_negation_a_direction_or_an_end_that_differs_keeps_two_apart(one: str, other: str) -> None:
    assert not say_the_same(one, other, BAR)


def test_questions_about_two_ports_are_of_one_family() -> None:
    one, other = telling_words("How do I open port 8080?"), telling_words("How do I open port 443?")

    assert one != other
    assert without_figures(one) == without_figures(other)


def test_a_question_of_small_words_alone_has_words() -> None:
    assert telling_words("what is it?") == {"what", "is", "it"}
    assert telling_words("") == frozenset()
