"""Sequences that begin alike, read as one: each shared beginning goes through the model once.

Rows of a dataset begin with the same system prompt, and often with the same question, so that a batch of them has about
half as many different places as tokens (docs/lab.md). Laid out as a tree, with each place seeing its own beginning
only, they give the same logits as one by one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from hybrid_coordinator.training.failures import is_out_of_memory
from hybrid_coordinator.training.logits import in_halves

PROBED_TOKENS = 64
PROBED_WITHIN = 0.1
"""Of what the logits are off where a sequence sees the others too: 16 bits alone put them off by about a hundredth."""


@dataclass(frozen=True, slots=True)
class PrefixTree:
    """Different places of sequences. `tokens` and `parents` (-1: none) by place, a parent before its children;
    `paths` are the places of each sequence, in its order."""

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    paths: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.tokens)

    def depths(self) -> list[int]:
        """How many tokens stand before each place in its sequences."""
        found: list[int] = []
        for parent in self.parents:
            found.append(found[parent] + 1 if parent >= 0 else 0)
        return found

    def sight(self) -> torch.Tensor:
        """What each place sees, itself among it: places × places, bool."""
        seen = torch.eye(len(self), dtype=torch.bool)
        for place, parent in enumerate(self.parents):
            if parent >= 0:
                seen[place, :place] |= seen[parent, :place]
        return seen


def grow(sequences: Sequence[Sequence[int]]) -> PrefixTree:
    """The tree of these sequences."""
    known: dict[tuple[int, int], int] = {}
    paths = []
    for sequence in sequences:
        path = [-1]
        for token in sequence:
            path.append(known.setdefault((path[-1], token), len(known)))
        paths.append(tuple(path[1:]))
    return PrefixTree(tuple(token for _, token in known), tuple(parent for parent, _ in known), tuple(paths))


def grow_within(sequences: Sequence[Sequence[int]], most: int, *, shared: bool) -> Iterator[tuple[range, PrefixTree]]:
    """Trees of as many sequences as fit into so many places, or of one, with the numbers of those sequences. Where
    beginnings are not `shared`, each sequence has a tree of its own."""
    first, tree = 0, grow(sequences[:1])
    for end in range(2, len(sequences) + 1):
        larger = grow(sequences[first:end]) if shared else None
        if larger is None or len(larger) > most:
            yield range(first, end - 1), tree
            first, larger = end - 1, grow(sequences[end - 1 : end])
        tree = larger
    if sequences:
        yield range(first, len(sequences)), tree


def tree_logits(model: Any, tree: PrefixTree, places: Sequence[int]) -> torch.Tensor:
    """What the model would say next at these places, of which some may be named again: places, vocabulary."""
    device, wanted = model.device, sorted(set(places))
    alone = len(tree.paths) == 1
    logits: torch.Tensor = model(
        input_ids=torch.tensor([tree.tokens], device=device),
        position_ids=None if alone else torch.tensor([tree.depths()], device=device),
        attention_mask=None if alone else _mask(model, tree),
        use_cache=False,
        logits_to_keep=torch.tensor(wanted, device=device),
    ).logits[0]
    if len(logits) == len(tree):  # some tell of all places, whatever they are asked
        return logits[list(places)]
    at = {place: number for number, place in enumerate(wanted)}
    return logits[[at[place] for place in places]]


def reads_trees(model: Any, tokens: Sequence[int]) -> bool:
    """Whether the model gives a sequence in a tree the logits it has alone, tried on two that part in the middle of
    these tokens. Some ways of paying attention know nothing of such a mask."""
    first = list(tokens[:PROBED_TOKENS])
    half = len(first) // 2
    second = [*first[:half], *reversed(first[half:])]
    tree = grow([first, second])
    apart = tree.paths[1][half:]
    confused = PrefixTree(tree.tokens, tuple(range(-1, len(tree) - 1)), (tuple(range(len(tree))),))
    with torch.inference_mode(), in_halves(model):
        alone = tree_logits(model, grow([second]), range(half, len(second)))
        try:
            together = tree_logits(model, tree, apart)
        except (RuntimeError, TypeError, ValueError) as error:
            if is_out_of_memory(error):
                raise
            return False
        off = tree_logits(model, confused, apart)
    return bool((together - alone).abs().mean() <= PROBED_WITHIN * (off - alone).abs().mean())


def _mask(model: Any, tree: PrefixTree) -> torch.Tensor:
    sight = tree.sight()[None, None].to(model.device)
    if model.config._attn_implementation != "eager":
        return sight
    hidden = torch.finfo(model.dtype).min
    return torch.zeros(sight.shape, dtype=model.dtype, device=model.device).masked_fill(~sight, hidden)
