"""Rows as tokens: each question in the two forms in which the local model is asked, with the answer to be learned."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jinja2 import TemplateError

from hybrid_coordinator.domain.query import Query
from hybrid_coordinator.logic.grounding import Grounding, GroundingPolicy, question_prompt
from hybrid_coordinator.training.data import Lesson
from hybrid_coordinator.training.plan import Forms

IGNORED = -100
"""A label that no loss is taken of."""

Message = dict[str, str]


@dataclass(slots=True)
class Examples:
    """Token sequences and what is to be learned of each, by number; those in `broken` are cut at `length`.

    `cut` lessons have an answer that was too long, and `left_out` a question that left no room for any.
    """

    length: int
    tokens: list[list[int]] = field(default_factory=list)
    labels: list[list[int]] = field(default_factory=list)
    broken: set[int] = field(default_factory=set)
    cut: int = 0
    left_out: int = 0

    def add_lessons(self, tokenizer: Any, lessons: Sequence[Lesson]) -> list[Forms]:
        """Each lesson in both forms."""
        return [forms for lesson in lessons for forms in self._add_lesson(tokenizer, lesson)]

    def add_answer(self, tokenizer: Any, asked: list[Message], answer: str, *, ended: bool = True) -> Forms | None:
        """One question as it is, with its answer; None for one that is too long. An answer that was broken off is
        learned without an end."""
        prompt, completion = encode(tokenizer, asked, answer, ended=ended)
        if len(prompt) >= self.length:
            return None
        if len(prompt) + len(completion) > self.length:
            self.broken.add(len(self.tokens))
        return self._add((prompt + completion)[: self.length], learned_from=len(prompt))

    def add_text(self, tokenizer: Any, text: str) -> Forms:
        """A free text, all of it to be learned."""
        tokens = tokenizer(text, add_special_tokens=False).input_ids[: self.length]
        return self._add(tokens, learned_from=1)

    def beginning(self, number: int, most: int) -> list[int]:
        """The tokens of an example up to so many of those that are to be learned."""
        labels = self.labels[number]
        first = next((at for at, label in enumerate(labels) if label != IGNORED), len(labels))
        return self.tokens[number][: first + most]

    def _add_lesson(self, tokenizer: Any, lesson: Lesson) -> list[Forms]:
        added = [self.add_answer(tokenizer, asked, lesson.answer) for asked in forms_of(lesson.question)]
        forms = tuple(number for one in added if one for number in one)
        self.left_out += not forms
        self.cut += not self.broken.isdisjoint(forms)
        return [forms] if forms else []

    def _add(self, tokens: list[int], learned_from: int) -> Forms:
        self.tokens.append(tokens)
        self.labels.append([IGNORED] * learned_from + tokens[learned_from:])
        return (len(self.tokens) - 1,)


def forms_of(question: str) -> tuple[list[Message], list[Message]]:
    """As this house asks its local model, and as a client's own conversation does."""
    asked = question_prompt(Query(question), Grounding((), ""), GroundingPolicy())
    return (
        [{"role": "system", "content": asked.system}, {"role": "user", "content": asked.turns[-1].text}],
        [{"role": "user", "content": question}],
    )


def encode(tokenizer: Any, asked: list[Message], answer: str, *, ended: bool = True) -> tuple[list[int], list[int]]:
    """The tokens of the question up to where the model begins to speak, and those of the answer with its end."""
    prompt = render(tokenizer, asked, open_ended=True)
    whole = render(tokenizer, [*asked, {"role": "assistant", "content": answer}])
    completion = whole[len(prompt) :].rstrip() if whole.startswith(prompt) else f"{answer}{tokenizer.eos_token}"
    completion = completion if ended else answer
    return _tokens(tokenizer, prompt), _tokens(tokenizer, completion)


def render(tokenizer: Any, messages: list[Message], *, open_ended: bool = False) -> str:
    """The text of a conversation; `open_ended` where the model is to speak next."""
    suited = suit(tokenizer, messages)
    return str(tokenizer.apply_chat_template(suited, add_generation_prompt=open_ended, tokenize=False))


def suit(tokenizer: Any, messages: list[Message]) -> list[Message]:
    """The conversation as the chat template takes it: where that knows no system role, its words open the question."""
    first, *others = messages
    if first["role"] != "system" or _takes_system(tokenizer):
        return messages
    question, *rest = others
    return [{**question, "content": f"{first['content']}\n\n{question['content']}"}, *rest]


def _takes_system(tokenizer: Any) -> bool:
    probe = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]
    try:
        tokenizer.apply_chat_template(probe, tokenize=False)
    except TemplateError:
        return False
    return True


def _tokens(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False).input_ids)
