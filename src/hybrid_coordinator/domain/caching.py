"""What the cache remembers: a question, its answer, and how far the answer has proved to fit other questions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class CacheKey:
    """A question as the cache sees it.

    Only entries of the same `tenant` and `scope` can answer it. `scope` stands for everything besides the question
    that shapes an answer: system prompt, model, response format. `same_scope` makes one.
    """

    text: str
    tenant: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer fit for serving again. `payload` holds JSON values: model, usage, whatever the server of it needs."""

    text: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Observation:
    """Once, the answer to a question of this similarity was seen to fit it, or not to."""

    similarity: float
    fitted: bool


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A question with its answer.

    Entries of one `group` have answers that agree. `rival` and `kin` are the similarities of the nearest entries with
    another and with an agreeing answer when this one was stored, 0 for none. A `distrusted` entry answers nobody.
    """

    id: str
    key: CacheKey
    answer: CachedAnswer
    created_at: datetime
    expires_at: datetime
    passage_ids: tuple[str, ...] = ()
    interaction_id: str | None = None
    group: str = ""
    rival: float = 0.0
    kin: float = 0.0
    observations: tuple[Observation, ...] = ()
    distrusted: bool = False
    hits: int = 0


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An entry and its similarity in [0, 1] to what is asked."""

    entry: CacheEntry
    similarity: float


class Layer(StrEnum):
    """How an answer was found."""

    EXACT = "exact"
    SEMANTIC = "semantic"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the cache says to a question: an entry that answers it, or why there is none.

    `probability` is the chance that the answer of the nearest entry fits; `guard` names the guard that kept it back.
    `nearest` is that entry, on a hit the one that answers.
    """

    reason: str
    layer: Layer | None = None
    nearest: CacheEntry | None = None
    similarity: float = 0.0
    probability: float = 0.0
    guard: str | None = None

    @property
    def hit(self) -> CacheEntry | None:
        """The entry that answers, or None."""
        return self.nearest if self.layer else None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else came with a question, as far as it decides whether its answer may be kept.

    `earlier_turns` counts what was said before in the same conversation.
    """

    text: str
    context: str = ""
    earlier_turns: int = 0
    tools: bool = False
    images: bool = False
    temperature: float = 0.0
