"""What a day came to."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Day:
    """Sums over one day (UTC).

    `answered` are whole answers, `local` those given at home, `grounded` those that had a passage for context, `reused`
    those where one of the passages was learned. `credit` is what settled answers earned: 1 for a success, 0.5 for a
    partial one. `teachable` are successes of high value: what training data is made of. `latency_ms` is summed over
    the answered; `learned` counts things first learned that day.
    """

    day: date
    interactions: int = 0
    answered: int = 0
    local: int = 0
    grounded: int = 0
    reused: int = 0
    settled: int = 0
    credit: float = 0.0
    scored: int = 0
    high_value: int = 0
    teachable: int = 0
    tokens: int = 0
    remote_tokens: int = 0
    tokens_saved: int = 0
    cost: int = 0
    cost_saved: int = 0
    latency_ms: int = 0
    learned: int = 0


@dataclass(frozen=True, slots=True)
class Stored:
    """What learned things take: how many there are, and the bytes of their records and vectors together."""

    items: int = 0
    bytes: int = 0
