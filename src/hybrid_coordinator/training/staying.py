"""The supervised trainer: it follows a plan, fits a batch into memory, and may stay close to the base model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from trl import SFTTrainer

from hybrid_coordinator.training.encoding import IGNORED
from hybrid_coordinator.training.logits import in_halves
from hybrid_coordinator.training.plan import Plan
from hybrid_coordinator.training.prefix_tree import PrefixTree, grow_within, reads_trees, tree_logits
from hybrid_coordinator.training.straying import base_logits, divergence

COMPARED_AT_ONCE = 1 << 24
"""Logits of the tuned model and of the base that are held beside each other, each of them several times over: with a
large vocabulary only the last places of a sequence are compared."""


@dataclass(frozen=True, slots=True)
class Passing:
    """How a batch passes through the model: in trees of `most_tokens` places, or, where the model `shares_beginnings`
    not, a row at a time. It stays close to its base with `stay_weight` on at most `most_compared` places."""

    most_tokens: int
    shares_beginnings: bool
    stay_weight: float
    most_compared: int


class StayingTrainer(SFTTrainer):
    """Follows a plan, passes a batch through the model in trees that fit, and stays close to the base model."""

    def prepare(self, plan: Plan, most_tokens: int, compared: Sequence[list[int]], stay_weight: float) -> None:
        """To be called before training."""
        self._plan = plan
        self._compared = compared
        self.passing = Passing(
            most_tokens,
            reads_trees(self.model, max(self.train_dataset["input_ids"], key=len)),
            stay_weight if compared else 0.0,
            max(1, COMPARED_AT_ONCE // int(self.model.config.get_text_config().vocab_size)),
        )

    def get_train_dataloader(self) -> DataLoader:
        return DataLoader(self.train_dataset, batch_sampler=list(self._plan.updates), collate_fn=self.data_collator)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """The loss is a mean over all answer tokens of the batch, however many trees it takes, and how far the model
        has strayed from its base on one sequence, in nats a place."""
        model.train()
        kept = self._compared[self.state.global_step % len(self._compared)] if self.passing.stay_weight else None
        total = torch.zeros((), device=model.device)
        for loss in self._losses(inputs, num_items_in_batch, kept):
            self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The loss alone: what trl tells besides (entropy, accuracy of tokens) takes a third as long again."""
        loss = sum(self._losses(inputs, num_items_in_batch), torch.zeros((), device=model.device))
        return (loss, {}) if return_outputs else loss

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """None: the manifest says all there is to say."""

    def _losses(self, inputs: Any, counted: Any, kept: Sequence[int] | None = None) -> Iterator[torch.Tensor]:
        """Those of a padded batch."""
        real = inputs["attention_mask"].bool()
        rows = [ids[one].tolist() for ids, one in zip(inputs["input_ids"], real, strict=True)]
        labels = [label[one].tolist() for label, one in zip(inputs["labels"], real, strict=True)]
        counted = counted if counted is not None else (inputs["labels"] != IGNORED).sum()
        return tree_losses(self.model, self.passing, rows, labels, counted, kept)


def tree_losses(
    model: Any,
    passing: Passing,
    rows: Sequence[Sequence[int]],
    labels: Sequence[Sequence[int]],
    counted: Any,
    kept: Sequence[int] | None = None,
) -> Iterator[torch.Tensor]:
    """The loss of a model of peft, tree by tree: their sum is that of the labels, divided by `counted`, and, with a
    sequence to be `kept` close to the base on, how far the model has strayed there. It goes through the model with the
    last of the rows."""
    sequences = rows if kept is None else [*rows, kept]
    for numbers, tree in grow_within(sequences, passing.most_tokens, shared=passing.shares_beginnings):
        places, wanted = _wanted(tree, [labels[number] for number in numbers if number < len(rows)])
        compared = tree.paths[-1][-passing.most_compared :] if numbers[-1] == len(rows) else ()
        if not places and not compared:
            continue
        base = base_logits(model, kept, len(compared)) if kept is not None and compared else None
        with in_halves(model):
            told = tree_logits(model, tree, [*places, *compared])
        loss = torch.zeros((), device=told.device)
        if places:
            aim = torch.tensor(wanted, device=told.device)
            loss = loss + cross_entropy(told[: len(places)].float(), aim, reduction="sum") / counted
        if base is not None:
            loss = loss + passing.stay_weight * divergence(told[len(places) :], base) / len(compared)
        yield loss


def _wanted(tree: PrefixTree, labels: Sequence[Sequence[int]]) -> tuple[list[int], list[int]]:
    """What is to be learned, row by row: the place before each such token, and the token."""
    found = [
        (path[at - 1], label)
        for path, row in zip(tree.paths, labels, strict=False)
        for at, label in enumerate(row)
        if label != IGNORED
    ]
    return [place for place, _ in found], [label for _, label in found]
