"""Supervised training of a LoRA adapter on the rows and on what is replayed."""

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model, load_peft_weights, set_peft_model_state_dict
from transformers import PrinterCallback
from trl import SFTConfig

from hybrid_coordinator.domain.training import Recipe
from hybrid_coordinator.training.failures import Failure, Stopped
from hybrid_coordinator.training.plan import COMPARED_TOKENS
from hybrid_coordinator.training.room import Learner, Room
from hybrid_coordinator.training.staying import StayingTrainer
from hybrid_coordinator.training.syllabus import Syllabus
from hybrid_coordinator.training.watching import BEST, Course, Watch

TRAIN, TRAINED = "train", "trained"

WARM_UP_STEPS = 10
EVALUATED_AT_ONCE = 8


def adapt(learner: Learner, recipe: Recipe, name: str) -> None:
    """Give the model a new adapter that changes nothing yet, the same for the same seed, in place of any it has.

    Raises Failure for `targets` that it does not have.
    """
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=list(recipe.targets) or "all-linear",
        task_type="CAUSAL_LM",
    )
    base = bare(learner.model)
    base.name_or_path = base.config.name_or_path = name  # what is written names the base, and not where it lies
    torch.manual_seed(recipe.seed)
    try:
        learner.model = get_peft_model(base, config)
    except ValueError as error:
        raise Failure(
            f"no adapter can be made ({error}); change `targets` in the recipe", "other", final=True
        ) from error


def reopen(learner: Learner, folder: Path) -> None:
    """Give the model the adapter that a stage kept, to be trained on, in place of any it has."""
    learner.model = PeftModel.from_pretrained(bare(learner.model), folder, is_trainable=True)


def bare(model: Any) -> Any:
    """The base model without any adapter."""
    return model.unload() if isinstance(model, PeftModel) else model


def learn(room: Room, learner: Learner, syllabus: Syllabus) -> dict[str, Any]:
    """Train to the end of the plan, or to where it is best to stop, from the last whole checkpoint on; what came of it.

    The adapter is then kept under `trained`. Raises Stopped, and Failure when the time was too short for one update.
    """
    adapt(learner, room.recipe, room.order.base.name)
    trainer, watch = _trainer(room, learner, syllabus)
    checkpoint = room.shelf.newest(TRAIN)
    began_s, first = room.tracker.spent_s, _step_of(checkpoint)
    with room.stop.waiting():
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    step = trainer.state.global_step
    _check_end(room, step)
    seconds = room.tracker.spent_s - began_s
    outcome = {
        **_describe(room, syllabus, trainer, watch.stopped_early),
        "tokens_per_s": syllabus.tokens(first, step) / max(seconds, 0.1),
    }
    trainer.remove_callback(watch)  # what is evaluated from now on is no new state
    _take_best(room, learner.model)
    outcome |= _losses(learner.model, trainer, {"watched": syllabus.watched, "validation": syllabus.validation})
    room.shelf.keep(TRAINED, learner.model.save_pretrained, outcome)
    room.shelf.clear(TRAIN)
    room.shelf.clear(BEST)
    return outcome


def _check_end(room: Room, step: int) -> None:
    if room.stop.raised:
        raise Stopped
    if not step:
        raise Failure(
            "the time was over before anything was learned; raise `minutes` in the recipe", "time", final=True
        )


def _trainer(room: Room, learner: Learner, syllabus: Syllabus) -> tuple[StayingTrainer, Watch]:
    examples, plan = syllabus.examples, syllabus.plan
    patience = room.recipe.patience if room.curriculum.may_stop and syllabus.watched is not None else 0
    watch = Watch(room, Course(TRAIN, plan.per_epoch, patience, learner.model.save_pretrained))
    steps = len(plan.updates)
    trainer = StayingTrainer(
        model=learner.model,
        processing_class=learner.tokenizer,
        args=SFTConfig(
            **common_arguments(room, TRAIN, learner),
            max_steps=steps,
            learning_rate=room.recipe.learning_rate,
            warmup_steps=min(WARM_UP_STEPS, steps // 10),
            dataset_kwargs={"skip_prepare_dataset": True},
            max_length=None,
        ),
        train_dataset=Dataset.from_dict({"input_ids": examples.tokens, "labels": examples.labels}),
        eval_dataset=syllabus.watched,
        callbacks=[watch],
    )
    trainer.remove_callback(PrinterCallback)
    begun = (examples.beginning(number, COMPARED_TOKENS) for number, *_ in syllabus.kept)
    compared = [one for one in begun if one]
    trainer.prepare(plan, learner.most_tokens, compared, room.recipe.stay_weight)
    return trainer, watch


def common_arguments(room: Room, stage: str, learner: Learner) -> dict[str, Any]:
    """What both ways of training are told."""
    on_cuda = room.recipe.device == "cuda"
    return {
        "output_dir": str(room.shelf.attempts(stage)),
        "per_device_eval_batch_size": EVALUATED_AT_ONCE,
        "lr_scheduler_type": "cosine",
        "weight_decay": 0.0,
        "logging_steps": 1,
        "save_strategy": "no",  # when to save, to evaluate and to stop is said by Watch
        "eval_strategy": "no",
        "save_total_limit": 2,
        "report_to": "none",
        "disable_tqdm": True,
        "seed": room.recipe.seed,
        "bf16": on_cuda and torch.cuda.is_bf16_supported(),
        "use_cpu": room.recipe.device == "cpu",
        "gradient_checkpointing": learner.most_tokens < room.recipe.length,
        "dataloader_pin_memory": on_cuda,
        "remove_unused_columns": False,
    }


def _step_of(checkpoint: Path | None) -> int:
    return int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0


def _describe(room: Room, syllabus: Syllabus, trainer: Any, stopped_early: bool) -> dict[str, Any]:
    step, per_epoch = trainer.state.global_step, syllabus.plan.per_epoch
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    best = room.shelf.outcome(BEST)
    return {
        "updates": step,
        "epochs_done": step / per_epoch,
        "best_epoch": (best["step"] if best else step) / per_epoch,
        "stopped_early": stopped_early,
        "beginnings_shared": trainer.passing.shares_beginnings,
        "out_of_time": room.time_is_up and step < len(syllabus.plan.updates),
        "train_loss": statistics.fmean(losses[-per_epoch:]),
        "watched_by": ("recall" if room.curriculum.recalls else "validation") if best else "",
        "truncated_rows": syllabus.examples.cut,
        "left_out_rows": syllabus.examples.left_out,
    }


def _take_best(room: Room, model: Any) -> None:
    if room.shelf.outcome(BEST):
        set_peft_model_state_dict(model, load_peft_weights(str(room.shelf.path / BEST), device=str(model.device)))


def _losses(model: Any, trainer: Any, sets: Mapping[str, Dataset | None]) -> dict[str, float]:
    """The mean loss on each set with the adapter and without."""
    found = {}
    known: dict[int, tuple[float, float]] = {}
    for name, rows in sets.items():
        if rows is not None:
            if id(rows) not in known:
                after = float(trainer.evaluate(rows)["eval_loss"])
                with model.disable_adapter():
                    known[id(rows)] = float(trainer.evaluate(rows)["eval_loss"]), after
            found[f"{name}_loss_before"], found[f"{name}_loss_after"] = known[id(rows)]
    return found
