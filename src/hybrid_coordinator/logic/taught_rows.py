"""What stands in a row, or a pair, of the exported dataset."""

from collections.abc import Iterable

from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.logic.question_key import question_key


def question_of(row: Payload) -> str:
    """What is asked in a row, or before a pair."""
    return str(row["messages"][-2]["content"] if "messages" in row else row["prompt"])


def answer_of(row: Payload) -> str:
    """What a row teaches, or what a pair prefers."""
    return str(row["messages"][-1]["content"] if "messages" in row else row["chosen"])


def key_of(row: Payload) -> int:
    """The same for questions that are the same but for order, inflection and small words."""
    return question_key(question_of(row))


def id_of(row: Payload) -> str:
    """The name of a row, or a pair."""
    metadata = row["metadata"]
    return str(metadata["row_id"] if "row_id" in metadata else metadata["pair_id"])


def sources_of(rows: Iterable[Payload]) -> list[str]:
    """The interactions, corrections and learned things that rows and pairs were made of, each once."""
    named: dict[str, None] = {}
    for row in rows:
        metadata = row["metadata"]
        names = [metadata.get(name) for name in ("source_id", "interaction_id", "chosen_id", "rejected_id")]
        named.update((str(name), None) for name in (*names, *metadata.get("interaction_ids", ())) if name)
    return list(named)
