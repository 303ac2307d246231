"""What is measured while the weights are at hand: how likely texts are that nothing was learned from."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

from hybrid_coordinator.training.encoding import Examples, forms_of
from hybrid_coordinator.training.likelihood import Item, measure_likelihood, summarise, write_likelihood
from hybrid_coordinator.training.plan import Forms
from hybrid_coordinator.training.replay import AT_ONCE, Answered, answer
from hybrid_coordinator.training.room import Learner, Room

LIKELIHOOD = "likelihood.jsonl"
REGRESSION, DOCUMENT = "regression", "document"


def measure(room: Room, learner: Learner) -> dict[str, float]:
    """Write a line an item, and tell the means: of held-out answers, of the base's own to general questions, of texts.

    What does not fit into the recipe's `length` is left out.
    """
    questions = room.curriculum.regression
    room.tracker.enter("likelihood", len(questions) + 1)
    examples = Examples(room.recipe.length)
    items = [*_held(room, learner.tokenizer, examples), *_general(room, learner, examples)]
    items += [
        Item(DOCUMENT, _name(text), examples.add_text(learner.tokenizer, text)) for text in room.curriculum.documents
    ]
    lines = measure_likelihood(learner.model, examples, items, learner.tokenizer.pad_token_id)
    told = [line for line in lines if line.tokens]
    write_likelihood(room.folder / LIKELIHOOD, told)
    room.tracker.advance(len(questions) + 1)
    return dict(summarise(told))


def _held(room: Room, tokenizer: Any, examples: Examples) -> Iterator[Item]:
    for held in room.curriculum.held:
        for forms in examples.add_lessons(tokenizer, [held.lesson]):
            yield Item(held.set, held.item, forms)


def _general(room: Room, learner: Learner, examples: Examples) -> Iterator[Item]:
    """What the base says to general questions, by turns in either form."""
    questions = room.curriculum.regression
    for at in range(0, len(questions), AT_ONCE):
        some = questions[at : at + AT_ONCE]
        for question, answered in zip(some, _base_answers(learner, some), strict=True):
            if forms := _said(learner.tokenizer, examples, answered):
                yield Item(REGRESSION, _name(question), forms)
        room.tracker.advance(at + len(some))


def _base_answers(learner: Learner, questions: Sequence[str]) -> list[Answered]:
    with learner.model.disable_adapter():
        return answer(learner, [forms_of(question)[at % 2] for at, question in enumerate(questions)])


def _said(tokenizer: Any, examples: Examples, answered: Answered) -> Forms | None:
    if not answered.answer:
        return None
    return examples.add_answer(tokenizer, answered.asked, answered.answer, ended=answered.ended)


def _name(text: str) -> str:
    return blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()
