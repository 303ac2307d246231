"""What days came to, how what was learned is kept and served, and what learning costs an answer."""

from dataclasses import dataclass, field
from datetime import date

from hybrid_coordinator.domain.interaction import AgentType
from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.domain.learning import Arm, Stage


@dataclass(frozen=True, slots=True)
class Day:
    """Sums over one day (UTC).

    `answered` are whole answers, `local` those given at home, `grounded` those that had a passage for context, `judged`
    those whose outcome is known, and `reused` those of the judged that had something learned for context. `settled`
    counts everything with an outcome and `credit` what that earned: 1 for a success, 0.5 for a partial one.
    `teachable` are successes of high value: what training data is made of. `latency_ms` is summed over the answered;
    `learned` counts things first learned that day.
    """

    day: date
    interactions: int = 0
    answered: int = 0
    local: int = 0
    grounded: int = 0
    judged: int = 0
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
class Served:
    """How passages of a kind fared as context of settled interactions: the uses, and the credit that they earned.

    `collection` is that of learned things, and None for what was not learned. `taught_by` is who gave the answer that
    it was learned from, None where that was no answer or is not known; `answered_by` is who answered with it.
    """

    collection: Collection | None
    taught_by: AgentType | None
    answered_by: AgentType
    uses: int
    credit: float


@dataclass(frozen=True, slots=True)
class Stored:
    """How many learned things of a kind there are, and the bytes that they take.

    Those are the bytes of their records and, for what is served, of the passages in the collections: key, text, payload
    and vector. The log of changes is not counted.
    """

    collection: Collection
    stage: Stage
    taught_by: AgentType | None
    items: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Fared:
    """How the answers of a model fared.

    The units of `arm` are sessions, each with the mean credit of its answers that have one (an interaction without a
    session is its own): 1 for a success, 0.5 for a partial one, 0 for a failure, a bad word, an answer that our own
    checks rejected, and one that broke off. `interactions` counts all answers, also those of which nobody said what
    became of them; `rejected` and `failed` (broken off, but not by the asker) are among them. `first_token_ms` is the
    mean over those that came to a first word; None of nothing.
    """

    arm: Arm = field(default_factory=Arm)
    interactions: int = 0
    rejected: int = 0
    failed: int = 0
    first_token_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Lap:
    """How long a part of answering took: the mean since the process began, and the 99th percentile of late."""

    name: str
    count: int
    mean_ms: float
    p99_ms: float
