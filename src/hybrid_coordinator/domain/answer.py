"""What a person waiting for an answer is told, in order."""

from dataclasses import dataclass

from hybrid_coordinator.domain.interaction import CacheUse, Interaction
from hybrid_coordinator.domain.knowledge import Passage
from hybrid_coordinator.domain.query import Delta, Finished, Thought, ToolCall, Verbatim
from hybrid_coordinator.domain.route import Location, Route


@dataclass(frozen=True, slots=True)
class Routed:
    """First: what was found, best first, and where the question goes. `interaction_id` names the answer to come."""

    interaction_id: str
    route: Route
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Digested:
    """A local model has read another piece of the material."""

    model: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Attempted:
    """A model is asked now; `grounded_on` are the ids of the passages in its prompt."""

    model: str
    grounded_on: tuple[str, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class FellThrough:
    """A model failed before its first word, so the next one is asked."""

    model: str
    why: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A local answer was checked and not trusted, so the next model is asked; nothing of it was told."""

    model: str
    why: str


@dataclass(frozen=True, slots=True)
class Recalled:
    """The cache knows the answer, which this model gave in the interaction of that id; no model is asked."""

    origin_id: str
    cache: CacheUse
    model: str


@dataclass(frozen=True, slots=True)
class Answered:
    """Last: the answer is whole and recorded, and this is how its model ended it."""

    interaction: Interaction
    finished: Finished


AnswerEvent = (
    Routed | Recalled | Digested | Attempted | FellThrough | Rejected | Delta | Thought | ToolCall | Verbatim | Answered
)
