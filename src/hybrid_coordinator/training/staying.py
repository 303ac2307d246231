"""The supervised trainer: it follows a plan, fits a batch into memory, and may stay close to the base model."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.nn.functional import cross_entropy, kl_div
from torch.utils.data import DataLoader
from trl import SFTTrainer

from hybrid_coordinator.training.encoding import IGNORED
from hybrid_coordinator.training.loading import multiplies_halves
from hybrid_coordinator.training.plan import COMPARED_A_STEP, Plan


class StayingTrainer(SFTTrainer):
    """Follows a plan, passes a batch through the model in pieces that fit, and stays close to the base model."""

    def prepare(self, plan: Plan, most_tokens: int, texts: list[list[int]], stay_weight: float) -> None:
        """To be called before training."""
        self._plan = plan
        self._most_tokens = most_tokens
        self._texts = texts
        self._stay_weight = stay_weight if texts else 0.0

    def get_train_dataloader(self) -> DataLoader:
        return DataLoader(self.train_dataset, batch_sampler=list(self._plan.updates), collate_fn=self.data_collator)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """The loss is a mean over all answer tokens of the batch, however many pieces it takes."""
        counted = num_items_in_batch if num_items_in_batch is not None else (inputs["labels"] != IGNORED).sum()
        loss = sum(super(StayingTrainer, self).training_step(model, piece, counted) for piece in self._pieces(inputs))
        if self._stay_weight:
            strayed = self._stay_weight * self._divergence(model)
            self.accelerator.backward(strayed)
            loss = loss + strayed.detach()
        return loss

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The loss alone: what trl tells besides (entropy, accuracy of tokens) takes a third as long again. Of the
        logits only those from the first answer token on are made; their places are named one by one, for of a slice
        torch makes a product a row, each with a copy of the whole vocabulary's weights (docs/lab.md)."""
        labels = inputs["labels"]
        first = max(1, int((labels != IGNORED).any(dim=0).int().argmax()))
        seen = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        places = torch.arange(first - 1, labels.shape[1], device=labels.device)
        with halved(model):
            outputs = model(**seen, use_cache=False, logits_to_keep=places)
        counted = num_items_in_batch if num_items_in_batch is not None else (labels != IGNORED).sum()
        told = outputs.logits[:, :-1].flatten(0, 1).float()
        loss = cross_entropy(told, labels[:, first:].flatten(), ignore_index=IGNORED, reduction="sum") / counted
        return (loss, outputs) if return_outputs else loss

    def _pieces(self, inputs: Mapping[str, torch.Tensor]) -> Iterator[dict[str, torch.Tensor]]:
        rows, width = inputs["input_ids"].shape
        at_once = max(1, self._most_tokens // width)
        for at in range(0, rows, at_once):
            piece = {name: values[at : at + at_once] for name, values in inputs.items()}
            longest = int(piece["attention_mask"].sum(dim=1).max())
            yield {name: values[:, :longest] for name, values in piece.items()}

    def _divergence(self, model: Any) -> torch.Tensor:
        """Of the model from its base, in nats a token, on the next few free texts (Kullback-Leibler, from the base)."""
        start = self.state.global_step * COMPARED_A_STEP
        chosen = [self._texts[(start + at) % len(self._texts)] for at in range(COMPARED_A_STEP)]
        inputs = self._prepare_inputs(self.data_collator([{"input_ids": one} for one in chosen]))
        seen = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        with halved(model):
            with torch.no_grad(), self.model.disable_adapter():
                base = model(**seen).logits
            own = model(**seen).logits
        said, base_said = own.float().log_softmax(-1), base.float().log_softmax(-1)
        apart = kl_div(said, base_said, log_target=True, reduction="none").sum(-1)
        return (apart * seen["attention_mask"]).sum() / seen["attention_mask"].sum()

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """None: the manifest says all there is to say."""


def halved(model: Any) -> torch.autocast:
    """Multiply in 16 bits what the hardware multiplies faster so; what is trained keeps its 32."""
    device = model.device.type
    return torch.autocast(device, torch.bfloat16, enabled=multiplies_halves(device))
