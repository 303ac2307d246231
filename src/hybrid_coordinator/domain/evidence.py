"""What is known of a question before it is routed, what came of it, and what follows for the next one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hybrid_coordinator.domain.knowledge import Vector


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as the router sees it: the part of the text that asks, its unit vector, and what was found for it.

    `similarities` holds the best similarity in [0, 1] by collection name; a collection without a hit is left out.
    """

    text: str
    vector: Vector
    similarities: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """How good the answers to a question were, in [0, 1] each; None where nobody answered or nobody said.

    Rows of one `group` are variants of one question: what is learned from some of them is not tried on the others.
    """

    asked: Asked
    local: float | None = None
    remote: float | None = None
    group: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """How likely a local answer is to be as good as a remote one, in [0, 1], with a reason a person would accept.

    `evidence` counts the rows it was learned from. Where it is not `trusted` the decision tree decides.
    """

    p: float
    reason: str
    evidence: int
    trusted: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """A judgement made before its outcome was known, and the outcome: from these a threshold follows, and drift."""

    p: float
    local: float
    remote: float
