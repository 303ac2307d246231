"""What is asked, what is said to a model, and what a model says back."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Profile(StrEnum):
    """How much is at stake: which row of the routing thresholds applies."""

    DEFAULT = "default"
    CRITICAL = "critical"
    CASUAL = "casual"


class Speciality(StrEnum):
    """What a model is good at, and what a query needs."""

    GENERAL = "general"
    CODE = "code"
    ANALYSIS = "analysis"


class Preference(StrEnum):
    """Where the caller insists that the answer comes from."""

    AUTO = "auto"
    LOCAL = "local"
    REMOTE = "remote"


class Role(StrEnum):
    """Who speaks in a conversation."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing said in a conversation."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Query:
    """One question. `context` is material the asker sent along: a file, a log, a diff."""

    text: str
    context: str = ""
    session_id: str | None = None
    profile: Profile = Profile.DEFAULT
    preference: Preference = Preference.AUTO
    history: tuple[Turn, ...] = ()
    max_tokens: int = 500
    temperature: float = 0.7
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """What one model is sent. `turns` starts and ends with the user."""

    turns: tuple[Turn, ...]
    system: str = ""
    max_tokens: int = 500
    temperature: float = 0.7


class StopReason(StrEnum):
    """Why a model stopped speaking."""

    END = "end"
    LENGTH = "length"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written, as the model counted them."""

    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer, in order. Never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of a model's stream."""

    model: str
    usage: Usage
    stop: StopReason = StopReason.END


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer: the fold of a stream."""

    text: str
    finished: Finished


def fold(events: Iterable[Delta | Finished]) -> Completion:
    """Join a finished stream into one answer; a stream without `Finished` raises ValueError."""
    said: list[str] = []
    finished: Finished | None = None
    for event in events:
        if isinstance(event, Delta):
            said.append(event.text)
        else:
            finished = event
    if finished is None:
        raise ValueError("the stream ended without a Finished event")
    return Completion("".join(said), finished)
