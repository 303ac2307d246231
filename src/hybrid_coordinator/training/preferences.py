"""Training on preference pairs (DPO), from where supervised training ended."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from datasets import Dataset
from transformers import PrinterCallback
from trl import DPOConfig, DPOTrainer

from hybrid_coordinator.training.data import Pair
from hybrid_coordinator.training.encoding import encode, forms_of, suit
from hybrid_coordinator.training.failures import Stopped
from hybrid_coordinator.training.lora import TRAINED, WARM_UP_STEPS, common_arguments, reopen
from hybrid_coordinator.training.room import Learner, Room
from hybrid_coordinator.training.watching import Course, Watch

PREFER, PREFERRED = "prefer", "preferred"

LEAST_PAIRS = 8
"""With fewer pairs nothing but their words would be learned."""

RATE_SHARE = 0.05
"""Of the learning rate of supervised training: a preference moves what is known, and must not wash it out."""

LOSSES = ["sigmoid", "sft"]
"""The second holds the better answer up: by the first alone both answers become less likely, the worse one faster."""

LAST_UPDATES = 10
"""So many are averaged: one says little."""

REFERENCE = "ref"
"""The adapter as it was before, which the library lays beside the one it trains."""


def wants_preferences(room: Room) -> bool:
    """Whether there are pairs enough, and the recipe wants them, and there is time."""
    enough = len(room.curriculum.pairs) >= LEAST_PAIRS
    return enough and room.recipe.preference_epochs > 0 and not room.time_is_up


def prefer(room: Room, learner: Learner) -> dict[str, Any]:
    """Train on the pairs from the last whole checkpoint on; what came of it. The adapter is kept under `preferred`.

    Raises Stopped.
    """
    reopen(learner, room.shelf.path / TRAINED)
    trainer = _trainer(room, learner)
    checkpoint = room.shelf.newest(PREFER)
    with room.stop.waiting():
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if room.stop.raised:
        raise Stopped
    learner.model.delete_adapter(REFERENCE)
    history = trainer.state.log_history
    outcome = {
        "pairs": len(room.curriculum.pairs),
        "preference_updates": trainer.state.global_step,
        "preference_loss": _last_mean(history, "loss"),
        "preferred_share": _last_mean(history, "rewards/accuracies"),
    }
    room.shelf.keep(PREFERRED, learner.model.save_pretrained, outcome)
    room.shelf.clear(PREFER)
    return outcome


def _trainer(room: Room, learner: Learner) -> DPOTrainer:
    recipe = room.recipe
    rows = [_row(learner.tokenizer, pair, at) for at, pair in enumerate(room.curriculum.pairs)]
    at_once = max(1, min(recipe.batch // 2, learner.most_tokens // (2 * longest_pair(room, learner.tokenizer))))
    accumulate = math.ceil(max(1, recipe.batch // 2) / at_once)
    per_epoch = math.ceil(len(rows) / (at_once * accumulate))
    steps = max(1, round(recipe.preference_epochs * per_epoch))
    watch = Watch(room, Course(PREFER, per_epoch, 0, learner.model.save_pretrained))
    trainer = PairTrainer(
        model=learner.model,
        processing_class=learner.tokenizer,
        args=DPOConfig(
            **common_arguments(room, PREFER, learner),
            per_device_train_batch_size=at_once,
            gradient_accumulation_steps=accumulate,
            max_steps=steps,
            learning_rate=recipe.learning_rate * RATE_SHARE,
            warmup_steps=min(WARM_UP_STEPS, steps // 10),
            beta=recipe.preference_beta,
            loss_type=LOSSES,
            max_length=recipe.length,
        ),
        train_dataset=Dataset.from_list(rows),
        callbacks=[watch],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


class PairTrainer(DPOTrainer):
    """The library's, without the page that it would write beside each checkpoint."""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """None: the manifest says all there is to say."""


def _row(tokenizer: Any, pair: Pair, at: int) -> dict[str, Any]:
    """A pair in one of the two forms, by turns."""
    return {
        "prompt": suit(tokenizer, forms_of(pair.question)[at % 2]),
        "chosen": [{"role": "assistant", "content": pair.chosen}],
        "rejected": [{"role": "assistant", "content": pair.rejected}],
    }


def preference_work(room: Room, tokenizer: Any) -> float:
    """Of training on the pairs, in tokens forward: each answer goes through the adapter, through the reference and
    back. No pair is taken to be shorter than the longest."""
    halves = 2 * len(room.curriculum.pairs) * room.recipe.preference_epochs
    return 4.0 * halves * longest_pair(room, tokenizer)


def longest_pair(room: Room, tokenizer: Any) -> int:
    """The tokens of the longest question with one of its answers, as far as the recipe lets it be."""
    halves = ((forms_of(one.question)[0], said) for one in room.curriculum.pairs for said in (one.chosen, one.rejected))
    return min(room.recipe.length, max(sum(map(len, encode(tokenizer, asked, said))) for asked, said in halves))


def _last_mean(history: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """Over the last updates."""
    values = [float(entry[name]) for entry in history if name in entry][-LAST_UPDATES:]
    return statistics.fmean(values) if values else None
