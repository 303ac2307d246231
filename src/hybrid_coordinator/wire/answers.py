"""What the writers of answers share: how an answer opens, and what a writer and a reader are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from hybrid_coordinator.domain.query import Finished, Spoken
from hybrid_coordinator.wire.sse import ServerEvent
from hybrid_coordinator.wire.tally import Tally


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known of an answer before its first word.

    `request` is the body that asked: some of it is said back. `input_tokens` is an estimate, for the one format that
    says it first.
    """

    answer_id: str
    model: str
    created_s: int
    request: Mapping[str, Any] = field(default_factory=dict)
    input_tokens: int = 0


class Reader(Protocol):
    """Reads the events of one answer."""

    @property
    def tally(self) -> Tally: ...

    def read(self, event: ServerEvent) -> list[Spoken]:
        """What an event says. Raises WireError for an error event and for garbage."""

    def end(self) -> Finished:
        """What the end of the stream says. Raises WireError when the answer was cut short."""


class Writer(Protocol):
    """Writes one streamed answer: first `start`, then each event once, `Finished` last, or `fail`."""

    def start(self) -> bytes: ...

    def write(self, event: Spoken) -> bytes:
        """The bytes of an event. `Verbatim` gives none: it needs no writer."""

    def ping(self) -> bytes:
        """What keeps the connection alive between events."""

    def fail(self, status: int, kind: str, message: str) -> bytes:
        """The end of an answer that broke off after its start."""
