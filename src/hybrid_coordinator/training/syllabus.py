"""What is learned in a run, as tokens and in order."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset

from hybrid_coordinator.training.data import Lesson
from hybrid_coordinator.training.encoding import Examples
from hybrid_coordinator.training.failures import Failure
from hybrid_coordinator.training.plan import Forms, Plan, by_turns, make_plan
from hybrid_coordinator.training.replay import Replayed
from hybrid_coordinator.training.room import Room

TURNS = ("answer", "answer", "call", "answer", "answer", "text")
"""What to stay close to the base on: its answers are lost first, and the more the rarer their kind is among them; of
plain texts little is lost with a few among them (docs/lab.md)."""


@dataclass(frozen=True, slots=True)
class Syllabus:
    """All examples, the plan over them, what to stay close to the base on, in the order in which it comes, and what is
    looked at and not learned."""

    examples: Examples
    plan: Plan
    kept: tuple[Forms, ...]
    watched: Dataset | None
    validation: Dataset | None

    @property
    def work(self) -> float:
        """Of the whole training, in tokens forward: the way back takes as long as two ways forward."""
        return 3.0 * self.tokens(0, len(self.plan.updates))

    def tokens(self, first: int, last: int) -> int:
        """Of the updates from the first to the last."""
        return sum(len(self.examples.tokens[number]) for update in self.plan.updates[first:last] for number in update)


def make_syllabus(room: Room, tokenizer: Any, replayed: Replayed) -> Syllabus:
    """Raises Failure when no row is short enough to be learned."""
    recipe, draw = room.recipe, random.Random(room.recipe.seed)
    examples = Examples(recipe.length)
    rows = examples.add_lessons(tokenizer, room.curriculum.train)
    if not rows:
        raise Failure(
            f"no row fits into {recipe.length} tokens; set a larger `length` in the recipe", "data", final=True
        )
    answers = [
        forms
        for one in replayed.answers
        if (forms := examples.add_answer(tokenizer, one.asked, one.answer, ended=one.ended))
    ]
    texts = [examples.add_text(tokenizer, text) for text in replayed.texts]
    keep = [forms for one in room.curriculum.keep if (forms := examples.add_answer(tokenizer, one.asked, one.answer))]
    extras = answers if recipe.stay_weight else [*answers, *texts]  # else the texts are what to stay close on
    plan = make_plan(
        rows,
        draw.sample(extras, len(extras)),
        [len(tokens) for tokens in examples.tokens],
        epochs=recipe.epochs,
        batch=recipe.batch,
        share=recipe.replay_share,
        seed=recipe.seed,
    )
    watched = _apart(room, tokenizer, room.curriculum.watched)
    alike = room.curriculum.validation == room.curriculum.watched
    validation = watched if alike else _apart(room, tokenizer, room.curriculum.validation)
    kept = by_turns({"answer": answers, "call": keep, "text": texts}, TURNS, len(plan.updates))
    return Syllabus(examples, plan, kept, watched, validation)


def _apart(room: Room, tokenizer: Any, lessons: Sequence[Lesson]) -> Dataset | None:
    """Rows that are only looked at: each in one form, by turns."""
    examples = Examples(room.recipe.length)
    forms = examples.add_lessons(tokenizer, lessons)
    chosen = sorted((one[at % len(one)] for at, one in enumerate(forms)), key=lambda at: -len(examples.tokens[at]))
    if not chosen:
        return None
    tokens, labels = examples.tokens, examples.labels
    return Dataset.from_dict({"input_ids": [tokens[at] for at in chosen], "labels": [labels[at] for at in chosen]})
