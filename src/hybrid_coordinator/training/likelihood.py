"""How likely texts are to the base and to what was trained: the mean negative log-likelihood of a token, in nats."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from hybrid_coordinator.logic.likelihoods import Likelihood
from hybrid_coordinator.training.encoding import IGNORED, Examples
from hybrid_coordinator.training.logits import last_logits
from hybrid_coordinator.training.writing import write_whole

LOGITS_AT_ONCE = 1 << 26
"""Numbers of 32 bits: 256 MiB, and twice that for a moment."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something to be judged: the numbers of the examples that put it, each in another form."""

    set: str
    item: str
    examples: tuple[int, ...]


def measure_likelihood(peft_model: Any, examples: Examples, items: Sequence[Item], pad: int) -> list[Likelihood]:
    """Every item under both, in the order they come in. `pad` is the padding token."""
    after = token_losses(peft_model, examples, pad)
    with peft_model.disable_adapter():
        before = token_losses(peft_model, examples, pad)
    return [_fold(item, before, after) for item in items]


def write_likelihood(file: Path, lines: Sequence[Likelihood]) -> None:
    """One line of JSON an item; all of the file or nothing. Raises OSError."""
    write_whole(file, "".join(json.dumps(asdict(line)) + "\n" for line in lines).encode())


def summarise(lines: Sequence[Likelihood]) -> Mapping[str, float]:
    """For each set, the mean over its items before and after, as `SET_nll_before` and `SET_nll_after`."""
    summary: dict[str, float] = {}
    for name in dict.fromkeys(line.set for line in lines):
        of_set = [line for line in lines if line.set == name]
        summary[f"{name}_nll_before"] = sum(line.before for line in of_set) / len(of_set)
        summary[f"{name}_nll_after"] = sum(line.after for line in of_set) / len(of_set)
    return summary


def token_losses(model: Any, examples: Examples, pad: int) -> list[tuple[float, int]]:
    """The sum over the tokens to be learned of each example, and how many they are. Memory is bounded."""
    losses: list[tuple[float, int]] = [(0.0, 0)] * len(examples.tokens)
    for batch in _batches(examples, int(model.config.get_text_config().vocab_size)):
        for number, loss in zip(batch, _batch_losses(model, examples, batch, pad), strict=True):
            losses[number] = loss
    return losses


def _batches(examples: Examples, vocabulary: int) -> Iterator[list[int]]:
    """Examples of like lengths together, as many as fit."""
    batch: list[int] = []
    for number in sorted(range(len(examples.tokens)), key=lambda number: len(examples.tokens[number])):
        if batch and (len(batch) + 1) * len(examples.tokens[number]) * vocabulary > LOGITS_AT_ONCE:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def _batch_losses(model: Any, examples: Examples, batch: Sequence[int], pad: int) -> list[tuple[float, int]]:
    longest = max(len(examples.tokens[number]) for number in batch)
    if longest < 2:  # nothing comes after anything
        return [(0.0, 0)] * len(batch)
    tokens = _padded([examples.tokens[number] for number in batch], longest, pad, model.device)
    labels = _padded([examples.labels[number] for number in batch], longest, IGNORED, model.device)[:, 1:]
    real = _padded([[1] * len(examples.tokens[number]) for number in batch], longest, 0, model.device)
    first = int((labels != IGNORED).any(dim=0).int().argmax())
    with torch.inference_mode():
        logits = last_logits(model, tokens, real, longest - first)[:, :-1]
        told, wanted = logits.flatten(0, 1).float(), labels[:, first:].flatten()
        losses = cross_entropy(told, wanted, ignore_index=IGNORED, reduction="none")
    sums = losses.view(len(batch), -1).cpu().double().sum(1).tolist()  # a Mac's card has no 64 bits
    return list(zip(sums, (labels != IGNORED).sum(1).tolist(), strict=True))


def _padded(rows: Sequence[Sequence[int]], length: int, filling: int, device: Any) -> torch.Tensor:
    return torch.tensor([[*row, *[filling] * (length - len(row))] for row in rows], device=device)


def _fold(item: Item, before: Sequence[tuple[float, int]], after: Sequence[tuple[float, int]]) -> Likelihood:
    tokens = sum(before[number][1] for number in item.examples)
    sums = [sum(losses[number][0] for number in item.examples) for losses in (before, after)]
    return Likelihood(item.set, item.item, tokens, sums[0] / max(tokens, 1), sums[1] / max(tokens, 1))
