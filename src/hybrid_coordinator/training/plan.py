"""Which examples each update of the weights takes: fixed by the recipe, so that a broken run goes on where it was."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

ALIKE_TOKENS = 24
"""Examples whose lengths differ by less are mixed freely; those of unlike lengths are mostly put in another form, and
share no beginning."""

COMPARED_TOKENS = 48
"""Where the recipe says to stay close to the base, it is seen at each update how far the model has strayed on one
sequence, up to so many tokens of what is said in it. Which way an answer goes is settled in its first words, and two or
three sequences keep no more than one (docs/lab.md)."""

Forms = tuple[int, ...]
"""One thing to learn: the numbers of the examples that put it, each in another form."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`updates` in order, each the numbers of its examples; `per_epoch` of them make an epoch."""

    updates: tuple[tuple[int, ...], ...]
    per_epoch: int

    def ends_epoch(self, step: int) -> bool:
        """Whether an epoch, or everything, is over after so many updates."""
        return step % self.per_epoch == 0 or step >= len(self.updates)

    def epochs(self, step: int) -> float:
        """How many epochs so many updates are."""
        return step / self.per_epoch


def make_plan(
    rows: Sequence[Forms],
    extras: Sequence[Forms],
    lengths: Sequence[int],
    *,
    epochs: float,
    batch: int,
    share: float,
    seed: int,
) -> Plan:
    """Every epoch has every row once, in another form than the epoch before, and `share` extras a row in turn."""
    most = min(len(extras), round(share * len(rows)))
    per_epoch = math.ceil((len(rows) + most) / batch)
    updates: list[tuple[int, ...]] = []
    for epoch in range(math.ceil(epochs)):
        turn = [extras[(epoch * most + at) % len(extras)] for at in range(most)]
        chosen = [forms[(epoch + at) % len(forms)] for at, forms in enumerate([*rows, *turn])]
        updates += _batches(chosen, lengths, batch, random.Random(f"{seed}:{epoch}"))
    return Plan(tuple(updates[: max(1, round(epochs * per_epoch))]), per_epoch)


def by_turns(kinds: Mapping[str, Sequence[Forms]], turns: Sequence[str], count: int) -> tuple[Forms, ...]:
    """So many of all kinds, as these take turns, each from its beginning again when it is through. A kind of which
    there is nothing is passed over."""
    endless = {name: cycle(forms) for name, forms in kinds.items() if forms}
    order = cycle([name for name in turns if name in endless])
    return tuple(next(endless[name]) for name in islice(order, count))


def _batches(chosen: Sequence[int], lengths: Sequence[int], batch: int, draw: random.Random) -> list[tuple[int, ...]]:
    mixed = draw.sample(chosen, len(chosen))
    mixed.sort(key=lambda number: lengths[number] // ALIKE_TOKENS)
    batches = [tuple(mixed[at : at + batch]) for at in range(0, len(mixed), batch)]
    draw.shuffle(batches)
    return batches
