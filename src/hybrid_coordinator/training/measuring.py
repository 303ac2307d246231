"""What is measured while the weights are at hand: how likely texts are that nothing was learned from."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

from hybrid_coordinator.training.encoding import Examples, forms_of
from hybrid_coordinator.training.likelihood import Item, measure_likelihood, summarise, write_likelihood
from hybrid_coordinator.training.replay import Answered, replay
from hybrid_coordinator.training.room import Learner, Room

LIKELIHOOD = "likelihood.jsonl"
REGRESSION, DOCUMENT = "regression", "document"


def measure(room: Room, learner: Learner) -> dict[str, float]:
    """Write a line an item, and tell the means: of held-out answers, of the base's own to general questions, of texts.

    What does not fit into the recipe's `length` is left out.
    """
    with learner.model.disable_adapter():
        said = replay(room, learner).regression
    room.tracker.enter("likelihood", 1)
    examples = Examples(room.recipe.length)
    items = [*_held(room, learner.tokenizer, examples), *_general(room, learner.tokenizer, said, examples)]
    items += [
        Item(DOCUMENT, _name(text), examples.add_text(learner.tokenizer, text)) for text in room.curriculum.documents
    ]
    lines = measure_likelihood(learner.model, examples, items, learner.tokenizer.pad_token_id)
    told = [line for line in lines if line.tokens]
    write_likelihood(room.folder / LIKELIHOOD, told)
    room.tracker.advance(1)
    return dict(summarise(told))


def _held(room: Room, tokenizer: Any, examples: Examples) -> Iterator[Item]:
    """Each in one of its forms, by turns."""
    for at, held in enumerate(room.curriculum.held):
        forms = examples.add_answer(tokenizer, forms_of(held.lesson.question)[at % 2], held.lesson.answer)
        if forms:
            yield Item(held.set, held.item, forms)


def _general(room: Room, tokenizer: Any, said: Sequence[Answered], examples: Examples) -> Iterator[Item]:
    """What the base says to general questions."""
    for question, one in zip(room.curriculum.regression, said, strict=True):
        forms = examples.add_answer(tokenizer, one.asked, one.answer, ended=one.ended) if one.answer else None
        if forms:
            yield Item(REGRESSION, _name(question), forms)


def _name(text: str) -> str:
    return blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()
