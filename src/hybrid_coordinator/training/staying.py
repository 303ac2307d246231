"""The supervised trainer: it follows a plan, fits a batch into memory, and may stay close to the base model."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy, kl_div
from torch.utils.data import DataLoader
from trl import SFTTrainer

from hybrid_coordinator.training.encoding import IGNORED
from hybrid_coordinator.training.logits import in_halves, last_logits
from hybrid_coordinator.training.plan import COMPARED_A_STEP, Plan


class StayingTrainer(SFTTrainer):
    """Follows a plan, passes a batch through the model in pieces that fit, and stays close to the base model."""

    def prepare(self, plan: Plan, most_tokens: int, compared: Sequence[list[int]], stay_weight: float) -> None:
        """To be called before training."""
        self._plan = plan
        self._most_tokens = most_tokens
        self._compared = compared
        self._stay_weight = stay_weight if compared else 0.0

    def get_train_dataloader(self) -> DataLoader:
        return DataLoader(self.train_dataset, batch_sampler=list(self._plan.updates), collate_fn=self.data_collator)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """The loss is a mean over all answer tokens of the batch, however many pieces it takes."""
        counted = num_items_in_batch if num_items_in_batch is not None else (inputs["labels"] != IGNORED).sum()
        loss = sum(super(StayingTrainer, self).training_step(model, piece, counted) for piece in self._pieces(inputs))
        if self._stay_weight:
            loss = loss + self._stay_close(model)
        return loss

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The loss alone: what trl tells besides (entropy, accuracy of tokens) takes a third as long again. Of the
        logits only those from the first answer token on are made."""
        labels = inputs["labels"]
        first = max(1, int((labels != IGNORED).any(dim=0).int().argmax()))
        with in_halves(model):
            logits = last_logits(model, inputs["input_ids"], inputs["attention_mask"], labels.shape[1] - first + 1)
        counted = num_items_in_batch if num_items_in_batch is not None else (labels != IGNORED).sum()
        told = logits[:, :-1].flatten(0, 1).float()
        loss = cross_entropy(told, labels[:, first:].flatten(), ignore_index=IGNORED, reduction="sum") / counted
        return (loss, {"logits": logits}) if return_outputs else loss

    def _pieces(self, inputs: Mapping[str, torch.Tensor]) -> Iterator[dict[str, torch.Tensor]]:
        rows, width = inputs["input_ids"].shape
        at_once = max(1, self._most_tokens // width)
        for at in range(0, rows, at_once):
            piece = {name: values[at : at + at_once] for name, values in inputs.items()}
            longest = int(piece["attention_mask"].sum(dim=1).max())
            yield {name: values[:, :longest] for name, values in piece.items()}

    def _stay_close(self, model: Any) -> torch.Tensor:
        """The weighed divergence of the model from its base on the next few sequences, in nats a token (that of
        Kullback and Leibler, from the base), gone back through. One sequence at a time: the logits of all may not fit
        into memory."""
        start = self.state.global_step * COMPARED_A_STEP
        chosen = [self._compared[(start + at) % len(self._compared)] for at in range(COMPARED_A_STEP)]
        share = self._stay_weight / sum(map(len, chosen))
        total = torch.zeros((), device=model.device)
        for one in chosen:
            strayed = share * self._divergence(model, torch.tensor([one], device=model.device))
            self.accelerator.backward(strayed)
            total += strayed.detach()
        return total

    def _divergence(self, model: Any, tokens: torch.Tensor) -> torch.Tensor:
        with in_halves(model):
            with torch.no_grad(), self.model.disable_adapter():
                base = model(input_ids=tokens, use_cache=False).logits
            own = model(input_ids=tokens, use_cache=False).logits
        return kl_div(own.float().log_softmax(-1), base.float().log_softmax(-1), log_target=True, reduction="sum")

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """None: the manifest says all there is to say."""
