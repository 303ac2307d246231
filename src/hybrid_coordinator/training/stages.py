"""A run from its base weights to its manifest: a list of stages, each of which goes on where it was broken off."""

import gc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch

from hybrid_coordinator.training import lora, preferences
from hybrid_coordinator.training.conversion import check, convert
from hybrid_coordinator.training.devices import open_base
from hybrid_coordinator.training.failures import is_out_of_memory
from hybrid_coordinator.training.limits import spare_memory, tokens_at_once
from hybrid_coordinator.training.manifest import write_manifest
from hybrid_coordinator.training.measuring import measure
from hybrid_coordinator.training.replay import MEASURED_TOKENS, REPLAYED_TOKENS, TEXTS, Replayed, replay
from hybrid_coordinator.training.room import Learner, Room
from hybrid_coordinator.training.syllabus import Syllabus, make_syllabus

T = TypeVar("T")

CONVERT_WORK = 2_000.0
"""What making the files takes, in tokens forward through a small model; a guess, for the time left."""


def carry_out(room: Room) -> None:
    """Do all that is left to do. Raises Stopped when asked to end, Failure, and whatever the libraries raise."""
    torch.set_num_threads(room.threads)
    _plan_replay(room)
    learner = load(room)
    metrics = {**_train(room, learner), **_prefer(room, learner)}
    learner.model.eval()
    convert(room, learner)
    checks = check(room, learner)
    metrics |= measure(room, learner)
    write_manifest(room, scale=1.0, metrics=metrics, checks=checks)


def load(room: Room) -> Learner:
    """The base, as it is."""
    room.tracker.enter("load")
    model, tokenizer = open_base(Path(room.order.base.path), room.recipe.device, room.recipe.length)
    config = model.config.get_text_config()
    inner = getattr(config, "intermediate_size", 4 * config.hidden_size)
    on_card = room.recipe.device == "cuda"
    spare = torch.cuda.mem_get_info()[0] if on_card else spare_memory(room.weights.parameters, room.recipe.memory_gb)
    most = tokens_at_once(config.num_hidden_layers, config.hidden_size, inner, spare)
    room.tracker.advance(1)
    return Learner(model, tokenizer, most)


def _plan_replay(room: Room) -> None:
    """Before rows are read as tokens, this is all that can be told of the work ahead."""
    replayed = (len(room.curriculum.replay) + TEXTS) * REPLAYED_TOKENS
    room.tracker.plan({"replay": float(replayed + len(room.curriculum.regression) * MEASURED_TOKENS)})


def _train(room: Room, learner: Learner) -> dict[str, Any]:
    """Teach the rows, unless that is done already."""
    outcome = room.shelf.outcome(lora.TRAINED)
    done = lora.TRAINED if room.shelf.outcome(preferences.PREFERRED) is None else preferences.PREFERRED
    if outcome is not None:
        lora.reopen(learner, room.shelf.path / done)
        return outcome
    replayed, _ = with_half(learner, lambda: replay(room, learner))
    syllabus = make_syllabus(room, learner.tokenizer, replayed)
    _plan_training(room, learner, syllabus)
    learned, halved = with_half(learner, lambda: lora.learn(room, learner, syllabus))
    return learned | {"rows": len(room.curriculum.train), "batch_halved": halved, **_count(replayed)}


def _prefer(room: Room, learner: Learner) -> dict[str, Any]:
    """Teach the preferences, unless that is done already."""
    outcome = room.shelf.outcome(preferences.PREFERRED)
    if outcome is not None or not preferences.wants_preferences(room):
        return outcome or {}
    preferred, halved = with_half(learner, lambda: preferences.prefer(room, learner))
    return preferred | {"preference_batch_halved": halved}


def with_half(learner: Learner, work: Callable[[], T]) -> tuple[T, bool]:
    """The work, and once more with half as many tokens at a time when memory runs out."""
    try:
        return work(), False
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        print(f"memory ran out at {learner.most_tokens} tokens at once ({error}); now with half of it", flush=True)  # noqa: T201 - the log of the run
    learner.most_tokens //= 2
    gc.collect()
    return work(), True


def _count(replayed: Replayed) -> Mapping[str, int]:
    return {"replayed_answers": len(replayed.answers), "replayed_texts": len(replayed.texts)}


def _plan_training(room: Room, learner: Learner, syllabus: Syllabus) -> None:
    work = {"train": syllabus.work}
    if preferences.wants_preferences(room):
        work["prefer"] = preferences.preference_work(room, learner.tokenizer)
    room.tracker.plan({**work, "convert": CONVERT_WORK, "check": CONVERT_WORK, "likelihood": CONVERT_WORK})
