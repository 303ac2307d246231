"""OpenAI embeddings, both ways: https://platform.openai.com/docs/api-reference/embeddings."""

import base64
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hybrid_coordinator.domain.knowledge import Vector
from hybrid_coordinator.wire.checked import Field
from hybrid_coordinator.wire.json_events import parse_object, text_of
from hybrid_coordinator.wire.sse import WireError

MAX_TEXTS = 2048
"""As many as OpenAI takes in one request."""


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """What is to be embedded, and whether the numbers are wanted packed."""

    texts: tuple[str, ...]
    packed: bool = False


def decode_request(body: Mapping[str, Any], dimension: int) -> EmbeddingRequest:
    """What is asked. Raises BadInput, which names the field; vectors have `dimension` numbers and no other count."""
    request = Field(body)
    told, wanted = request.at("input"), request.at("dimensions")
    texts = [told] if isinstance(told.value, str) else told.items()
    if not 0 < len(texts) <= MAX_TEXTS:
        raise told.refuse(f"a text or a list of 1 to {MAX_TEXTS:,} texts")
    if wanted.count() not in (None, dimension):
        raise wanted.refuse(f"{dimension}, the size of the vectors here,")
    form = request.at("encoding_format")
    if form.value not in (None, "float", "base64"):
        raise form.refuse("'float' or 'base64'")
    return EmbeddingRequest(tuple(text.text() for text in texts), form.value == "base64")


def encode_vectors(vectors: Sequence[Vector], model: str, tokens: int, *, packed: bool) -> dict[str, Any]:
    """The body of a response. Packed vectors are 32-bit floats, little end first, in base64."""
    data = [
        {"object": "embedding", "index": index, "embedding": _pack(vector) if packed else list(vector)}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": model, "usage": usage}


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


def _pack(vector: Vector) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def _unit(vector: Any, dimension: int) -> Vector:
    if not isinstance(vector, list) or not all(isinstance(number, int | float) for number in vector):
        raise WireError(f"a vector is not a list of numbers: {vector!r:.200}")
    if len(vector) != dimension:
        raise WireError(f"its vectors have {len(vector)} numbers, not {dimension}: set EMBEDDING_DIMENSION to that")
    norm = math.hypot(*vector)
    if not math.isfinite(norm) or norm == 0.0:
        raise WireError("a vector has no direction: it is zero, or not finite")
    return tuple(number / norm for number in vector)
