"""OpenAI embeddings, as a client speaks it: https://platform.openai.com/docs/api-reference/embeddings."""

import math
from collections.abc import Sequence
from typing import Any

from hybrid_coordinator.domain.knowledge import Vector
from hybrid_coordinator.wire.json_events import parse_object, text_of
from hybrid_coordinator.wire.sse import WireError


def encode_texts(texts: Sequence[str], model: str) -> dict[str, Any]:
    """The body of a request. An empty text, which some servers refuse, is sent as a space."""
    return {"model": model, "input": [text or " " for text in texts], "encoding_format": "float"}


def decode_vectors(body: str, *, count: int, dimension: int) -> list[Vector]:
    """Unit vectors in the order of the texts. Raises WireError unless there are as many, and as long, as is due."""
    reply = parse_object(body)
    if reply.get("error"):
        raise WireError(text_of(reply["error"]))
    try:
        by_index = {entry["index"]: entry["embedding"] for entry in reply["data"]}
        vectors = [by_index[index] for index in range(count)]
    except (KeyError, TypeError) as error:
        raise WireError(f"there is not one vector for each of the {count} texts: {body[:200]!r}") from error
    return [_unit(vector, dimension) for vector in vectors]


def _unit(vector: Any, dimension: int) -> Vector:
    if not isinstance(vector, list) or not all(isinstance(number, int | float) for number in vector):
        raise WireError(f"a vector is not a list of numbers: {vector!r:.200}")
    if len(vector) != dimension:
        raise WireError(f"its vectors have {len(vector)} numbers, not {dimension}: set EMBEDDING_DIMENSION to that")
    norm = math.hypot(*vector)
    if not math.isfinite(norm) or norm == 0.0:
        raise WireError("a vector has no direction: it is zero, or not finite")
    return tuple(number / norm for number in vector)
