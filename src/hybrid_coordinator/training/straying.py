"""How far the tuned model has strayed from its base."""

from collections.abc import Sequence
from typing import Any

import torch

from hybrid_coordinator.training.logits import in_halves
from hybrid_coordinator.training.prefix_tree import grow, tree_logits


class Divergence(torch.autograd.Function):
    """The divergence of Kullback and Leibler of the second logits from the first, summed over places, in nats:
    `divergence(own, base)`, both places × vocabulary. The way back goes to `own` alone.

    The gradient is the difference of both distributions and falls out on the way forward: a quarter of the time that
    `kl_div` of two `log_softmax` takes on a CPU, and half of the memory (docs/lab.md).
    """

    @staticmethod
    def forward(ctx: Any, own: torch.Tensor, base: torch.Tensor) -> torch.Tensor:
        told, meant = own.float().log_softmax(-1), base.float().log_softmax(-1)
        likely = meant.exp()
        strayed = torch.dot(likely.flatten(), meant.sub_(told).flatten())
        ctx.save_for_backward(told.exp_().sub_(likely))
        ctx.dtype = own.dtype
        return strayed

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        (difference,) = ctx.saved_tensors
        return (difference * grads[0]).to(ctx.dtype), None


def divergence(own: torch.Tensor, base: torch.Tensor) -> torch.Tensor:
    """As `Divergence` says."""
    strayed: torch.Tensor = Divergence.apply(own, base)
    return strayed


def base_logits(model: Any, sequence: Sequence[int], count: int) -> torch.Tensor:
    """What the base of a model of peft would say next at the last `count` places of a sequence: places × vocabulary."""
    tree = grow([sequence])
    with torch.no_grad(), model.disable_adapter(), in_halves(model):
        return tree_logits(model, tree, range(len(tree))[-count:])
