"""What is asked, what is said to a model, and what a model says back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


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

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Image:
    """A picture, by its address: `https:` or a `data:` URL with its media type and base64 content."""

    url: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model asks for a tool. `arguments` is JSON as the model wrote it; `namespace` groups tools, where they are."""

    id: str
    name: str
    arguments: str
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave back, to the call of that id."""

    call_id: str
    text: str
    failed: bool = False
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Thought:
    """What a model thought before it spoke. `signature` is its vendor's seal, without which it may not be sent back;
    `sealed` is a thought that only the vendor can read."""

    text: str
    signature: str = ""
    sealed: str = ""


Part = str | Image | ToolCall | ToolResult | Thought
"""A piece of a turn; plain text is plain."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said before the other spoke, in order."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The plain text of it."""
        return "\n".join(part for part in self.parts if isinstance(part, str))


@dataclass(frozen=True, slots=True)
class Tool:
    """What a model may call. `parameters` is the JSON Schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    namespace: str = ""


class ToolChoice(StrEnum):
    """Whether a model may, must not or must call a tool."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What one model is sent. `turns` ends with the user, or with the results of tools.

    `forced_tool` names the one tool that must be called. `schema` is the JSON Schema that the answer must follow; an
    empty one asks for any JSON object, None for prose. A `temperature` of None is the model's own. `session` says whose
    conversation it is, so that all of it goes to the same version of a model; no model is told.
    """

    turns: tuple[Turn, ...]
    system: str = ""
    max_tokens: int = 500
    temperature: float | None = 0.7
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice.AUTO
    forced_tool: str = ""
    schema: Mapping[str, Any] | None = None
    session: str = ""

    @property
    def asked_at(self) -> int:
        """Where somebody other than the system speaks last: what the system says after that makes it nobody's turn."""
        last = len(self.turns) - 1
        return max((at for at, turn in enumerate(self.turns) if turn.role is not Role.SYSTEM), default=last)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What may be done for a question. False opts out: of the cache, of what is known here, of being recorded."""

    cache: bool = True
    context: bool = True
    record: bool = True


NO_WISHES = Wishes()


@dataclass(frozen=True, slots=True)
class Query:
    """One question. `context` is material the asker sent along: a file, a log, a diff.

    `conversation` is the whole of what a client wanted a model to be sent, of which `text` is the last question: it is
    kept as it is, and what is known here is added at its end. Without one a prompt is made of the other fields.
    `asker` is the name of the key that asks. `model` names the one model that may answer; "" leaves the choice.
    `needs_remote` says why no local model can answer; "" where one can.
    """

    text: str
    context: str = ""
    session_id: str | None = None
    profile: Profile = Profile.DEFAULT
    preference: Preference = Preference.AUTO
    history: tuple[Turn, ...] = ()
    max_tokens: int = 500
    temperature: float = 0.7
    tags: tuple[str, ...] = ()
    conversation: Prompt | None = None
    wishes: Wishes = NO_WISHES
    asker: str = ""
    model: str = ""
    needs_remote: str = ""


class StopReason(StrEnum):
    """Why a model stopped speaking."""

    END = "end"
    LENGTH = "length"
    TOOLS = "tools"
    REFUSED = "refused"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written, as the model counted them.

    `cache_read_tokens` and `cache_write_tokens` are the parts of `input_tokens` that a prompt cache gave and took.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer, in order. Never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of a model's stream. `confidence` is the geometric mean of the probabilities the model gave the
    tokens it said, in [0, 1]; None when it did not tell."""

    model: str
    usage: Usage
    stop: StopReason = StopReason.END
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Bytes of the asker's own wire, to be passed on as they are; what they mean follows as events of its own.

    The first of a stream carries the headers of the reply.
    """

    data: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


Spoken = Delta | Thought | ToolCall | Verbatim | Finished
"""An event of a model's stream. A thought or a call comes whole, in the place where it was said."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer: the fold of a stream. `text` is what was said, without thoughts and calls."""

    text: str
    finished: Finished
    thoughts: tuple[Thought, ...] = ()
    calls: tuple[ToolCall, ...] = ()


def fold(events: Iterable[Spoken]) -> Completion:
    """Join a finished stream into one answer; a stream without `Finished` raises ValueError."""
    said = list(events)
    finished = next((event for event in said if isinstance(event, Finished)), None)
    if finished is None:
        raise ValueError("the stream ended without a Finished event")
    return Completion(
        text="".join(event.text for event in said if isinstance(event, Delta)),
        finished=finished,
        thoughts=tuple(event for event in said if isinstance(event, Thought)),
        calls=tuple(event for event in said if isinstance(event, ToolCall)),
    )
