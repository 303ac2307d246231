"""What the base model says before it is taught: answers to be mixed in, others to measure forgetting on, and texts.

They are made once for a base and a seed, and kept line by line in the run's folder.
"""

import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from hybrid_coordinator.training.encoding import Message, forms_of, render
from hybrid_coordinator.training.plan import COMPARED_TOKENS
from hybrid_coordinator.training.room import Learner, Room
from hybrid_coordinator.training.writing import write_whole

REPLAY = "replay.jsonl"

REPLAYED_TOKENS = COMPARED_TOKENS
"""Of each answer and text that is mixed in or kept to."""

MEASURED_TOKENS = 80
"""Of each answer on which forgetting is measured."""

TEXTS = 32
LEAST_CHARACTERS = 100
"""Of a text that ends by itself: a shorter one says nothing."""

LEAST_TEXTS = 16
HALF_A_CHARACTER = "\ufffd"
"""At the end of what was broken off between the bytes of one."""

START_TOKENS = ("<|endoftext|>", "<|begin_of_text|>", "<s>", "<bos>")
"""Between documents, where weights are first trained: what a model says after it is not an answer to anybody."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A conversation with the base model's own answer; `ended` unless that was broken off for its length."""

    asked: list[Message]
    answer: str
    ended: bool


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was made. Of `answers` and `texts` what turned out empty or too short is left out; `regression` is an answer
    to each question on which forgetting is measured."""

    answers: tuple[Answered, ...]
    regression: tuple[Answered, ...]
    texts: tuple[str, ...]


def replay(room: Room, learner: Learner) -> Replayed:
    """Everything that the base is to say, which must be without an adapter; what an earlier launch made is read. Each
    question is asked in one form."""
    answers, texts = _wanted(room)
    replayed = room.curriculum.replay[:answers]
    asked = [forms_of(question)[len(question) % 2] for question in replayed]
    asked += [forms_of(question)[at % 2] for at, question in enumerate(room.curriculum.regression)]
    file = room.folder / REPLAY
    counts = {"answers": len(replayed), "asked": len(asked), "texts": texts}
    lengths = [REPLAYED_TOKENS, MEASURED_TOKENS]
    made = _read(file, {"base": room.order.base.sha256, "seed": room.recipe.seed, "lengths": lengths, **counts})
    if len(made) < len(asked) + texts:
        room.tracker.enter("replay", len(asked) + texts, len(made))
    for lines in _missing(room, learner, (asked[: len(replayed)], asked[len(replayed) :]), texts, len(made)):
        _append(file, lines)
        made += lines
        room.tracker.advance(len(made))
    return _sort(made, len(replayed), len(asked))


def _wanted(room: Room) -> tuple[int, int]:
    """How many answers, and how many texts: no more than training will come to see."""
    recipe, rows = room.recipe, len(room.curriculum.train)
    updates = math.ceil(recipe.epochs * rows / recipe.batch)
    compared = updates if recipe.stay_weight else 0
    mixed_in = math.ceil(recipe.replay_share * rows * recipe.epochs)
    wants_texts = recipe.replay_share or recipe.stay_weight
    return max(mixed_in, compared), min(TEXTS, max(LEAST_TEXTS, updates)) if wants_texts else 0


def _missing(
    room: Room, learner: Learner, asked: tuple[Sequence[list[Message]], Sequence[list[Message]]], texts: int, made: int
) -> Iterator[list[dict[str, Any]]]:
    """What is replayed, then what is measured, then texts, a batch at a time."""
    for questions, most in zip(asked, (REPLAYED_TOKENS, MEASURED_TOKENS), strict=True):
        while made < len(questions):
            answered = _answer(learner, questions[made : made + learner.speakers], most)
            yield [asdict(one) for one in answered]
            made += len(answered)
        made -= len(questions)
    while made < texts:
        count = min(learner.speakers, texts - made)
        torch.manual_seed(room.recipe.seed * TEXTS + made)
        yield _make_texts(learner, count)
        made += count


def _answer(learner: Learner, asked: Sequence[list[Message]], most: int) -> list[Answered]:
    """What the model says to each, as likely as it can; they all go through it together."""
    texts = [render(learner.tokenizer, one, open_ended=True) for one in asked]
    made = _generate(learner, texts, most, do_sample=False)
    return [Answered(one, text, ended) for one, (text, ended) in zip(asked, made, strict=True)]


def _make_texts(learner: Learner, count: int) -> list[dict[str, Any]]:
    start = [_start_token(learner.tokenizer)] * count
    made = _generate(learner, start, REPLAYED_TOKENS, do_sample=True, temperature=1.0, top_k=0, top_p=1.0)
    return [{"text": text, "ended": ended} for text, ended in made]


def _generate(learner: Learner, texts: Sequence[str], most: int, **choice: Any) -> list[tuple[str, bool]]:
    """What follows each text, and whether it came to an end by itself."""
    tokenizer, model = learner.tokenizer, learner.model
    tokenizer.padding_side = "left"
    inputs = tokenizer(list(texts), return_tensors="pt", padding=True, add_special_tokens=False).to(model.device)
    with torch.inference_mode():
        whole = model.generate(
            **inputs, max_new_tokens=most, use_cache=True, pad_token_id=tokenizer.pad_token_id, **choice
        )
    made = whole[:, inputs.input_ids.shape[1] :].tolist()
    tokenizer.padding_side = "right"
    ends = set(_end_tokens(model))
    said = [tokenizer.decode(one, skip_special_tokens=True).rstrip(HALF_A_CHARACTER).strip() for one in made]
    return [(text, bool(ends.intersection(one))) for text, one in zip(said, made, strict=True)]


def _end_tokens(model: Any) -> list[int]:
    ends = model.generation_config.eos_token_id
    return ends if isinstance(ends, list) else [ends]


def _start_token(tokenizer: Any) -> str:
    known = tokenizer.get_vocab()
    return next((token for token in START_TOKENS if token in known), tokenizer.bos_token or tokenizer.eos_token)


def _sort(made: Sequence[dict[str, Any]], replayed: int, asked: int) -> Replayed:
    """So many lines are answers to be mixed in, and up to so many answers at all; texts follow."""
    answers = [Answered(line["asked"], line["answer"], line["ended"]) for line in made[:asked]]
    texts = [line["text"] for line in made[asked:] if len(line["text"]) >= (LEAST_CHARACTERS if line["ended"] else 1)]
    mixed_in = tuple(one for one in answers[:replayed] if one.answer)
    return Replayed(mixed_in, tuple(answers[replayed:]), tuple(texts))


def _read(file: Path, head: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines that were made for the same base, seed and counts; a last one that was broken off is dropped."""
    lines = file.read_bytes().split(b"\n")[:-1] if file.exists() else []
    if lines and json.loads(lines[0]) == head:
        write_whole(file, b"".join(line + b"\n" for line in lines))
        return [json.loads(line) for line in lines[1:]]
    write_whole(file, json.dumps(head).encode() + b"\n")
    return []


def _append(file: Path, lines: Sequence[dict[str, Any]]) -> None:
    with file.open("ab") as out:
        out.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        out.flush()
        os.fsync(out.fileno())
