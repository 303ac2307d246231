"""An answer as the cache keeps it, and back."""

from hybrid_coordinator.domain.caching import CachedAnswer
from hybrid_coordinator.domain.query import Finished, StopReason, Usage


def to_cached(text: str, finished: Finished) -> CachedAnswer:
    """An answer in words that came to its end."""
    usage = finished.usage
    return CachedAnswer(
        text,
        {"model": finished.model, "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens},
    )


def from_cached(answer: CachedAnswer) -> Finished:
    """How the answer ended when it was given. Its tokens are those of then: what a hit saves."""
    counts = answer.payload
    usage = Usage(int(counts.get("input_tokens", 0)), int(counts.get("output_tokens", 0)))
    return Finished(str(counts.get("model", "")), usage, StopReason.END)
