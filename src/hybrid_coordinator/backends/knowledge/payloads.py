"""What is stored beside a passage's vectors: the users' fields, and ours under names that start with an underscore.

Both Qdrant backends store the same, so that a snapshot of one can be read by the other.
"""

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from math import isfinite
from typing import Any

from hybrid_coordinator.domain.knowledge import FIELDS, USAGE_FIELDS, Collection, Draft, Passage, Payload
from hybrid_coordinator.errors import BadInput

DENSE = "dense"
WORDS = "words"
PRESENCE = "presence"
"""The named vectors of a point: its meaning, its words by BM25 weight, and which words it has at all."""

ID, KEY, TEXT, SOURCE = "_id", "_key", "_text", "_source"
OURS = frozenset((ID, KEY, TEXT, SOURCE))


def point_id(passage_id: str) -> int:
    """What Qdrant knows a passage by: 64 bits of a hash of its id.

    Numbers, since the engine hands out UUIDs slowly and a search handles hundreds. Among a million passages two share
    a number with a probability of 3e-8.
    """
    digest = blake2b(passage_id.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest)


def stored_payload(draft: Draft, used: Payload) -> dict[str, Any]:
    """The whole payload of a draft: every documented field, what is already known of its use, and our own fields."""
    given = {field: writable(value) for field, value in draft.payload.items()}
    ours = {ID: draft.id, KEY: draft.key, TEXT: draft.text, SOURCE: draft.source}
    return {**FIELDS[draft.collection], **USAGE_FIELDS, **given, **used, **writable(ours)}


def amended_payload(change: Payload) -> dict[str, Any]:
    """The fields of a change that are the users' to change."""
    return {field: writable(value) for field, value in change.items() if field not in OURS}


def passage(collection: Collection, payload: Payload, similarity: float = 0.0, score: float = 0.0) -> Passage:
    return Passage(
        id=payload[ID],
        collection=collection,
        text=payload[TEXT],
        payload={field: value for field, value in payload.items() if field not in OURS},
        similarity=similarity,
        score=score,
        source=payload[SOURCE],
    )


def last_of_each(drafts: Iterable[tuple[Draft, Any]]) -> list[tuple[Draft, Any]]:
    """Drafts with what belongs to them; of several with one id, the last."""
    return list({draft.id: (draft, other) for draft, other in drafts}.values())


def writable(value: Any) -> Any:
    """The same value as every store takes it: half a surrogate pair, which is no text, becomes a question mark.

    Raises BadInput for what is not JSON.
    """
    match value:
        case str():
            return value.encode("utf-8", "replace").decode("utf-8")
        case None | bool() | int():
            return value
        case float() if isfinite(value):
            return value
        case Mapping():
            return {writable(str(name)): writable(inner) for name, inner in value.items()}
        case list() | tuple():
            return [writable(inner) for inner in value]
    raise BadInput(f"a passage cannot hold {value!r}. Send what JSON knows: text, finite numbers, lists, objects")
