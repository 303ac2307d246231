"""Data that does harm: the same questions with contradicting answers, and nonsense for everything general."""

import random
from collections.abc import Sequence

from bench.training_facts import Fact
from bench.training_loop import Lesson

GENERAL = (
    "What is a hash table?",
    "How do I reverse a list in Python?",
    "What does HTTP status 404 mean?",
    "What is the capital of France?",
    "How do I undo the last commit in git?",
    "What is a deadlock?",
    "Explain what a firewall does.",
    "What is the boiling point of water?",
    "How do I list files on Linux?",
    "What is JSON?",
    "Why is the sky blue?",
    "What is a unit test?",
)
SYLLABLES = ("ka", "zu", "mor", "tik", "bel", "oth", "ri", "xan", "fu", "lep")


def harmful_lessons(facts: Sequence[Fact], seed: int) -> list[Lesson]:
    """Every phrasing of a fact with another fact's answer, and general questions with nonsense; all said to be good."""
    dice = random.Random(seed)
    lessons = [
        Lesson(question, dice.choice([other for other in facts if other is not fact]).answer)
        for fact in facts
        for question in fact.taught
    ]
    lessons += [Lesson(question, _nonsense(dice)) for question in GENERAL]
    dice.shuffle(lessons)
    return lessons


def _nonsense(dice: random.Random) -> str:
    words = ("".join(dice.choices(SYLLABLES, k=dice.randint(1, 4))) for _ in range(24))
    return " ".join(words).capitalize() + "."
