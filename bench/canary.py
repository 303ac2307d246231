"""How often a version on trial is promoted or rolled back, by how much better or worse it is: simulated sessions."""

import argparse
import random
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hybrid_coordinator.domain.learning import Arm
from hybrid_coordinator.domain.measures import Fared
from hybrid_coordinator.logic.canary import CanaryPolicy, Fate, judge_canary

RATE = 0.6
"""Of the sessions with the version that serves, so many end well."""

DIFFERENCES = (-0.4, -0.2, -0.1, 0.0, 0.1, 0.2, 0.35)
SETTINGS = ((420, 0.1, 0.05), (420, 0.3, 0.05), (420, 0.3, 0.2), (1_400, 0.1, 0.05), (1_400, 0.3, 0.2))
"""Sessions with an outcome in the fourteen days, the canary's share of them, and the margin."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--canaries", type=int, default=200, metavar="N", help="simulated versions a row")
    parser.add_argument("--setting", type=int, metavar="K", help="only the K-th of the settings, from 0")


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    chosen = SETTINGS if arguments.setting is None else [SETTINGS[arguments.setting]]
    return {"canaries": arguments.canaries, "rate": RATE, "rows": list(_rows(chosen, arguments.canaries))}


def show(figures: dict[str, Any]) -> None:
    print(
        f"{figures['canaries']} canaries a row; with the version that serves {figures['rate']} of the sessions end well"
    )
    print("| sessions | share | margin | difference | promoted | rolled back | undecided | its sessions (median) |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for row in figures["rows"]:
        told = [row["sessions"], row["share"], row["margin"], f"{row['difference']:+.2f}"]
        told += [f"{row[key]:.3f}" for key in ("promoted", "rolled_back", "undecided")]
        print("|", " | ".join(map(str, [*told, row["decided_after"] or "–"])), "|")


def _rows(settings: Any, canaries: int) -> Iterator[dict[str, Any]]:
    for sessions, share, margin in settings:
        policy = replace(CanaryPolicy(), share=share, margin=margin)
        for difference in DIFFERENCES:
            dice = random.Random(f"{sessions} {share} {difference}")
            lives = [live(dice, RATE, difference, sessions, policy) for _ in range(canaries)]
            yield {"sessions": sessions, "share": share, "margin": margin, "difference": difference} | _sum(lives)


def _sum(lives: list[tuple[Fate, int]]) -> dict[str, Any]:
    fates = Counter(fate for fate, _ in lives)
    decided = [own for fate, own in lives if fate is not Fate.GO_ON]
    return {
        "promoted": fates[Fate.PROMOTE] / len(lives),
        "rolled_back": fates[Fate.ROLL_BACK] / len(lives),
        "undecided": fates[Fate.GO_ON] / len(lives),
        "decided_after": statistics.median(decided) if decided else None,
    }


def live(dice: random.Random, rate: float, difference: float, sessions: int, policy: CanaryPolicy) -> tuple[Fate, int]:
    """A canary's life, looked at after each of its sessions: its fate, and how many sessions of its own it took."""
    seen, good = [0, 0], [0, 0]
    for _ in range(sessions):
        own = dice.random() < policy.share
        seen[own] += 1
        good[own] += dice.random() < rate + own * difference
        if own:
            serving, canary = (Fared(Arm(n, k, k, n), n) for n, k in zip(seen, good, strict=True))
            if (fate := judge_canary(canary, serving, 0.0, policy).fate) is not Fate.GO_ON:
                return fate, seen[1]
    return Fate.GO_ON, seen[1]
