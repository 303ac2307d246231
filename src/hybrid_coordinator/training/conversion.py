"""The adapter as files that others read, and whether they read from them what was trained."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from hybrid_coordinator.training.encoding import encode, forms_of
from hybrid_coordinator.training.failures import Failure
from hybrid_coordinator.training.gguf_adapter import write_adapter
from hybrid_coordinator.training.gguf_check import ProbeFailed, ProbeSlow, check_adapter
from hybrid_coordinator.training.gguf_merged import write_merged
from hybrid_coordinator.training.loading import is_gguf
from hybrid_coordinator.training.room import Learner, Room
from hybrid_coordinator.training.writing import make_part, publish

ADAPTER, MERGED = "adapter.gguf", "merged.gguf"

CHECKED_LESSONS = 3
"""So many of what was taught, of what was not, and of general questions; each costs llama.cpp two readings."""


def convert(room: Room, learner: Learner) -> None:
    """The folder of peft, the file of llama.cpp, and the whole model in one file where the recipe asks for it."""
    room.tracker.enter("convert", 1 + room.recipe.merged)
    part = make_part(room.folder / "adapter")
    learner.model.save_pretrained(part, save_embedding_layers=False)
    publish(part, room.folder / "adapter")
    base = room.order.base
    path, name, file = Path(base.path), f"{base.name} {room.order.run_id}", room.folder / ADAPTER
    write_adapter(learner.model, path, file, name=name, base_sha256=base.sha256)
    room.tracker.advance(1)
    if room.recipe.merged:
        write_merged(learner.model, path, room.folder / MERGED, name=name, base_sha256=base.sha256)
        room.tracker.advance(2)


def check(room: Room, learner: Learner) -> dict[str, Any]:
    """Whether llama.cpp does with the file what was trained. Raises Failure when it does not.

    A folder of Hugging Face is nothing that llama.cpp can load the adapter over: then nothing is said.
    """
    base = Path(room.order.base.path)
    if not is_gguf(base):
        return {}
    room.tracker.enter("check")
    try:
        found = check_adapter(
            learner.model, base, room.folder / ADAPTER, _prompts(room, learner.tokenizer), threads=room.threads
        )
    except ProbeSlow as error:
        raise Failure(
            f"the adapter could not be tried out: {error}; launch the run again", "time", final=False
        ) from error
    except ProbeFailed as error:
        raise _unfit(str(error)) from error
    if found.complaint:
        raise _unfit(found.complaint)
    room.tracker.advance(1)
    return {"gguf": asdict(found)}


def _prompts(room: Room, tokenizer: Any) -> list[list[int]]:
    """Questions in both forms, up to where the answer begins."""
    taught = [lesson.question for lesson in room.curriculum.train[:CHECKED_LESSONS]]
    others = [lesson.question for lesson in room.curriculum.validation[:CHECKED_LESSONS]]
    questions = [*taught, *others, *room.curriculum.replay[:CHECKED_LESSONS]]
    return [encode(tokenizer, forms_of(question)[at % 2], "")[0] for at, question in enumerate(questions)]


def _unfit(why: str) -> Failure:
    return Failure(
        f"the adapter cannot be used in llama.cpp: {why}; train with another base or recipe", "other", final=True
    )
