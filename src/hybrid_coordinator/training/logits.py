"""What the model would say next, at the last places of sequences only."""

from typing import Any

import torch

from hybrid_coordinator.training.loading import multiplies_halves


def last_logits(model: Any, tokens: torch.Tensor, real: torch.Tensor, count: int) -> torch.Tensor:
    """Logits of the last `count` places of each row: rows, count, vocabulary. `real` is 0 for padding.

    On a CPU the places are named one by one: of a slice torch makes a product a row there, each with a copy of the
    whole vocabulary's weights (docs/lab.md).
    """
    width = tokens.shape[1]
    keep = torch.arange(width - count, width) if tokens.device.type == "cpu" else count
    logits: torch.Tensor = model(input_ids=tokens, attention_mask=real, use_cache=False, logits_to_keep=keep).logits
    return logits[:, -count:]


def in_halves(model: Any) -> torch.autocast:
    """Multiply in 16 bits what the hardware multiplies faster so; what is trained keeps its 32."""
    device = model.device.type
    return torch.autocast(device, torch.bfloat16, enabled=multiplies_halves(device))
