"""What is worth learning from, and how much may be spent on it."""

from collections.abc import Mapping
from dataclasses import dataclass

from hybrid_coordinator.domain.interaction import REJECTED_TAG, UNRECORDED_TAG, Interaction, OutcomeKind
from hybrid_coordinator.logic.refusals import find_refusal

_UNFIT_TAGS = frozenset((UNRECORDED_TAG, REJECTED_TAG, "digest", "shadow"))


@dataclass(frozen=True, slots=True)
class ExtractionPolicy:
    """How skills are made of answers.

    Without `use_models` they are copied, never reworded. A model that has not ended after `model_timeout_s` is given
    up; `least_support` is the share of its steps that the answer must say. `votes` extractions of one answer are
    compared. What is known of a strategy before its skills are used counts as at most `prior_weight` uses. A batch ends
    after `batch` interactions, or with the one that is under way after `batch_seconds`.
    """

    use_models: bool = True
    model_timeout_s: float = 60.0
    max_tokens: int = 800
    temperature: float = 0.3
    least_support: float = 0.5
    votes: int = 1
    prior_weight: float = 4.0
    refresh_s: float = 300.0
    batch: int = 100
    batch_seconds: float = 30.0


def unfit_to_teach(interaction: Interaction, *, high_value: float, excluded: Mapping[str, str]) -> str:
    """Why nothing is learned from an interaction; "" when it is worth it."""
    outcome = interaction.outcome
    if interaction.id in excluded:
        return f"it is excluded: {excluded[interaction.id]}"
    if outcome is None or outcome.kind is not OutcomeKind.SUCCESS or outcome.user_feedback == -1:
        return "it is no success"
    if interaction.value is None or interaction.value.total < high_value:
        return f"it is worth less than {high_value:.2f}"
    if interaction.failure is not None or not interaction.response.strip() or find_refusal(interaction.response):
        return "there is no whole answer"
    tags = _UNFIT_TAGS & set(interaction.tags)
    return f"it is tagged {min(tags)!r}" if tags else ""
