"""What a reader notes of an answer besides its words."""

from dataclasses import dataclass, field

from hybrid_coordinator.domain.query import Finished, StopReason, Usage
from hybrid_coordinator.wire.sse import WireError


@dataclass(slots=True)
class Tally:
    """The model's name, what was used and why it stopped, as far as the stream told until now."""

    model: str
    usage: Usage = field(default_factory=Usage)
    stop: StopReason | None = None
    called: bool = False
    refused: bool = False

    def name(self, model: object) -> None:
        """The server's own name for the model wins over the one asked for."""
        if isinstance(model, str) and model:
            self.model = model

    def finished(self, confidence: float | None = None) -> Finished:
        """What the end of the stream says. Raises WireError when the answer was cut short."""
        if self.stop is None:
            raise WireError("the stream ended before the answer did")
        return Finished(self.model, self.usage, self._final_stop(self.stop), confidence)

    def _final_stop(self, stop: StopReason) -> StopReason:
        """Some servers call a tool, or refuse, and then say that all went its usual way."""
        if stop is not StopReason.END:
            return stop
        if self.refused:
            return StopReason.REFUSED
        return StopReason.TOOLS if self.called else StopReason.END
