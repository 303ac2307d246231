"""The list of models, in one shape that satisfies both vendors' clients."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A name that may be asked for, and what people read for it."""

    id: str
    display_name: str
    owned_by: str
    created_s: int = 0


def encode_model(model: ListedModel) -> dict[str, Any]:
    """One model: OpenAI's clients read `object` and `created`, Anthropic's `type` and `created_at`."""
    return {
        "id": model.id,
        "object": "model",
        "type": "model",
        "created": model.created_s,
        "created_at": datetime.fromtimestamp(model.created_s, UTC).isoformat().replace("+00:00", "Z"),
        "owned_by": model.owned_by,
        "display_name": model.display_name,
    }


def encode_models(models: Sequence[ListedModel]) -> dict[str, Any]:
    """All of them on one page."""
    return {
        "object": "list",
        "data": [encode_model(model) for model in models],
        "has_more": False,
        "first_id": models[0].id if models else None,
        "last_id": models[-1].id if models else None,
    }
