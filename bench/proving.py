"""How often something useless is promoted, and how soon something useful, when its uses are looked at one by one.

Outcomes are drawn: a question succeeds with the base rate when it goes without (a tenth do), and with the base rate and
the uplift otherwise. Independent witnesses are taken for granted, so this is the worst case of the second way to be
promoted.
"""

import argparse
import random
from typing import Any

from rich.console import Console
from rich.table import Table

from hybrid_coordinator.domain.learning import Arm, Uses
from hybrid_coordinator.logic.uplift import Ruling, UpliftPolicy, decide
from hybrid_coordinator.logic.withholding import WithholdingPolicy

BASES = (0.5, 0.7)
UPLIFTS = (-0.2, 0.0, 0.1, 0.2, 0.3)
LOOKS = (10, 20, 50, 100, 200, 400)
ITEMS = 200
SEED = 20261121
WITNESSED = (True, "3 independent for it")

Figures = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--items", type=int, default=ITEMS, help="items of each kind (default: %(default)s)")


async def measure(arguments: argparse.Namespace) -> Figures:
    """Of each kind of item, by uses: the shares that were ever promoted and ever retired until then."""
    dice = random.Random(SEED)
    rows = [_follow(dice, base, uplift, arguments.items) for base in BASES for uplift in UPLIFTS]
    return {"items": arguments.items, "kinds": rows}


def show(figures: Figures) -> None:
    table = Table("base rate", "uplift", *(f"{uses} uses" for uses in LOOKS), title="promoted / retired, cumulated")
    for row in figures["kinds"]:
        ends = (f"{row['promoted'][str(uses)]:.2f} / {row['retired'][str(uses)]:.2f}" for uses in LOOKS)
        table.add_row(f"{row['base']:.1f}", f"{row['uplift']:+.1f}", *ends)
    Console().print(table)


def _follow(dice: random.Random, base: float, uplift: float, items: int) -> Figures:
    ends = [_end(dice, base, base + uplift) for _ in range(items)]
    shares = {
        ruling: {str(uses): sum(end == ruling and at <= uses for end, at in ends) / items for uses in LOOKS}
        for ruling in (Ruling.PROMOTE, Ruling.RETIRE)
    }
    promoted, retired = shares.values()
    return {"base": base, "uplift": uplift, "promoted": promoted, "retired": retired}


def _end(dice: random.Random, base: float, rate: float) -> tuple[Ruling, int]:
    """The first ruling that is no hold, and after how many uses."""
    policy, share = UpliftPolicy(base_rate=base), WithholdingPolicy().candidate_share
    sums = {True: [0, 0], False: [0, 0]}
    for use in range(1, LOOKS[-1] + 1):
        held = dice.random() < share
        sums[held][0] += 1
        sums[held][1] += dice.random() < (base if held else rate)
        treated, withheld = (Arm(uses, credit, credit, uses) for uses, credit in (sums[False], sums[True]))
        ruling = decide(Uses(treated, withheld), WITNESSED, policy).ruling
        if ruling is not Ruling.HOLD:
            return ruling, use
    return Ruling.HOLD, LOOKS[-1]
