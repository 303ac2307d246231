"""What happened: one question, one answer, what became of it and what it is worth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from hybrid_coordinator.domain.route import Route
from hybrid_coordinator.domain.trust import Origin

REJECTED_TAG = "rejected"
"""Of a local answer that was not trusted: its parent replaced it."""

HUNG_UP = "the caller hung up before the answer was whole"
"""The failure of an answer that its asker did not wait for: it says nothing of the model."""

UNRECORDED_TAG = "no-record"
"""Of an interaction of which only the costs are kept."""


class AgentType(StrEnum):
    """Who answered: a model here, a model elsewhere, or nobody (context was handed out for someone else to use)."""

    LOCAL = "local"
    REMOTE = "remote"
    CONTEXT_ONLY = "context_only"


class CacheUse(StrEnum):
    """What the cache had to do with an answer: nothing, or it held the same question, or one that means the same."""

    NONE = "none"
    EXACT = "exact"
    SEMANTIC = "semantic"


class OutcomeKind(StrEnum):
    """What became of an answer."""

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an answer. `user_feedback` is -1, 0, 1 or None when nobody said."""

    kind: OutcomeKind
    user_feedback: int | None = None
    iterations: int = 1
    copied: bool = False
    modified: bool = False


@dataclass(frozen=True, slots=True)
class ValueScore:
    """What an interaction is worth to learn from, in [0, 1], with its parts (each in [0, 1]) and their weights."""

    total: float
    parts: Mapping[str, float]
    weights: Mapping[str, float]

    def explain(self) -> str:
        """`0.86 = 0.40·1.00 outcome + …`: the sum a reader can check."""
        terms = (f"{self.weights[name]:.2f}·{part:.2f} {name}" for name, part in self.parts.items())
        return f"{self.total:.2f} = " + " + ".join(terms)


@dataclass(frozen=True, slots=True)
class Interaction:
    """One question and its answer: the only telemetry there is.

    `context_provided` holds passage ids. Costs are micro-dollars. `tokens_saved` are tokens that would have left this
    machine and did not; `cost_saved` is their price at the reference remote model. `failure` says why an answer was
    cut short, and is None for a whole one. `parent_id` links the local half of a local-then-remote answer, and a local
    answer that was rejected to the one that replaced it.

    `similarities` are those of the passages in `context_provided`, in their order, where they are known. `withheld`
    holds the learned passages that would have been provided and, by chance, were not: their control. `origin` is the
    lowest trust over everything the answer was made of, bound when it was recorded; `channel` says by which way it came
    in: `answer`, `relay`, `track`, `telemetry:<source>`, `synthetic`.

    `asker` is the name of the key that asked. `cache_read_tokens` and `cache_write_tokens` are the parts of
    `input_tokens` that a vendor's prompt cache gave and took. `holdout` marks the share that goes the plain way, to
    measure savings against.
    """

    id: str
    created_at: datetime
    query: str
    response: str
    agent_type: AgentType
    model_used: str
    context_provided: tuple[str, ...] = ()
    session_id: str | None = None
    parent_id: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    tokens_used: int = 0
    latency_ms: int = 0
    first_token_ms: int | None = None
    cost: int = 0
    tokens_saved: int = 0
    cost_saved: int = 0
    route: Route | None = None
    tags: tuple[str, ...] = ()
    failure: str | None = None
    outcome: Outcome | None = None
    settled_at: datetime | None = None
    value: ValueScore | None = None
    asker: str = ""
    cache: CacheUse = CacheUse.NONE
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    holdout: bool = False
    similarities: tuple[float, ...] = ()
    withheld: tuple[str, ...] = ()
    origin: Origin = Origin.MODEL_INFERENCE
    channel: str = ""


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """Two answers to one prompt, and which is better: what a model learns to prefer.

    `chosen_id` and `rejected_id` are the interactions they come from; `why` says who judged, such as "escalation".
    """

    id: str
    created_at: datetime
    prompt: str
    chosen: str
    rejected: str
    why: str
    chosen_id: str
    rejected_id: str


@dataclass(frozen=True, slots=True)
class Spending:
    """What was spent: micro-dollars, and tokens read and written by remote models."""

    cost: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Correction:
    """What somebody says the right answer would have been. `rating` is -1, 0 or 1; `origin` says whose word it is."""

    id: str
    created_at: datetime
    query: str
    correction: str
    rating: int = 0
    interaction_id: str | None = None
    tags: tuple[str, ...] = ()
    origin: Origin = Origin.DIRECT_USER


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over a span of time.

    `local`, `remote`, `mean_relevance_local` and `mean_latency_ms` are of whole answers: not cut short, and not the
    local half of a local-then-remote one. Tokens and money are of everything. `recalled` are answers out of the cache,
    by how it knew them; `escalations` are local answers that were rejected for a better one.
    """

    interactions: int = 0
    local: int = 0
    remote: int = 0
    context_only: int = 0
    failed: int = 0
    settled: Mapping[str, int] = field(default_factory=dict)
    feedback: Mapping[int, int] = field(default_factory=dict)
    high_value: int = 0
    scored: int = 0
    mean_value: float | None = None
    mean_relevance_local: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    remote_tokens: int = 0
    tokens_saved: int = 0
    cost: int = 0
    cost_saved: int = 0
    mean_latency_ms: float | None = None
    corrections: int = 0
    recalled: Mapping[str, int] = field(default_factory=dict)
    escalations: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
