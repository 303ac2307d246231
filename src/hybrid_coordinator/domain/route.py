"""Which model answers, and why."""

from dataclasses import dataclass
from enum import StrEnum

from hybrid_coordinator.domain.query import Profile, Speciality


class Target(StrEnum):
    """Where an answer comes from."""

    LOCAL = "local"
    REMOTE = "remote"
    LOCAL_THEN_REMOTE = "local-then-remote"
    ENSEMBLE = "ensemble"


class Location(StrEnum):
    """Where a model runs: on this machine's side of the wire, or beyond it."""

    LOCAL = "local"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the coordinator knows of a model. Prices are micro-dollars per million tokens (0 when local). `version` is
    what it answers as, where versions of it are trained here."""

    name: str
    location: Location
    speciality: Speciality = Speciality.GENERAL
    context_tokens: int = 8192
    input_price: int = 0
    output_price: int = 0
    version: str = ""

    def cost(self, input_tokens: int, output_tokens: int) -> int:
        """Micro-dollars for that many tokens, rounded up, so that no use is ever free by rounding."""
        return -(-(self.input_price * input_tokens + self.output_price * output_tokens) // 1_000_000)


@dataclass(frozen=True, slots=True)
class Route:
    """A decision: the models to try in order, how sure it is that local suffices, and a reason a person would accept.

    `relevance` is the best similarity found, in [0, 1]; `complexity` is 1..10; `confidence` in [0, 1] is what
    LOCAL_CONFIDENCE_THRESHOLD is compared with.
    """

    target: Target
    attempts: tuple[str, ...]
    reason: str
    confidence: float
    relevance: float
    complexity: int
    speciality: Speciality
    profile: Profile
