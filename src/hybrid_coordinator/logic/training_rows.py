"""Valuable interactions and corrections as fine-tuning rows in the OpenAI chat format."""

from collections.abc import Sequence

from hybrid_coordinator.domain.interaction import Correction, Interaction
from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.logic.grounding import SYSTEM_PROMPT
from hybrid_coordinator.logic.patterns import find_tags


def training_rows(interactions: Sequence[Interaction], corrections: Sequence[Correction]) -> list[Payload]:
    """One row a question and answer, corrections first, without exact repeats. A correction replaces its interaction.

    The metadata fields are those of the users' "Continuous Learning System" document, plus the id the row came from.
    """
    corrected = {correction.interaction_id for correction in corrections}
    rows = [_from_correction(correction) for correction in corrections if correction.rating >= 0]
    rows += [_from_interaction(interaction) for interaction in interactions if interaction.id not in corrected]
    distinct = {(row["messages"][1]["content"], row["messages"][2]["content"]): row for row in reversed(rows)}
    return list(reversed(distinct.values()))


def _messages(query: str, answer: str) -> list[Payload]:
    return [
        {"role": "system", "content": SYSTEM_PROMPT},
        {"role": "user", "content": query},
        {"role": "assistant", "content": answer},
    ]


def _from_interaction(interaction: Interaction) -> Payload:
    tags = find_tags(interaction.query)
    return {
        "messages": _messages(interaction.query, interaction.response),
        "metadata": {
            "pattern_id": "_".join(tags),
            "value_score": interaction.value.total if interaction.value else None,
            "iterations": interaction.outcome.iterations if interaction.outcome else 1,
            "backend": interaction.model_used,
            "timestamp": interaction.created_at.isoformat(),
            "tags": [*tags, *interaction.tags],
            "interaction_id": interaction.id,
        },
    }


def _from_correction(correction: Correction) -> Payload:
    tags = find_tags(correction.query)
    return {
        "messages": _messages(correction.query, correction.correction),
        "metadata": {
            "pattern_id": "_".join(tags),
            "value_score": None,
            "iterations": 1,
            "backend": "correction",
            "timestamp": correction.created_at.isoformat(),
            "tags": [*tags, *correction.tags],
            "interaction_id": correction.interaction_id,
        },
    }
