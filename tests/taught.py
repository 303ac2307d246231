"""Rows and pairs as an export writes them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.logic.dataset_splits import placed
from hybrid_coordinator.logic.training_rows import TrainingRow, row_json, utc_text

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

SERVICES = [f"{head}{tail}" for head in ("vel", "ostra") for tail in ("gate", "worth", "feed", "wick", "dle")]

RACKS = [f"{head}{tail}" for head in ("amber", "birch", "cedar", "delta") for tail in "abcdefghij"]


def row(number: int, question: str, answer: str, split: str = "train", others: Sequence[str] = ()) -> Payload:
    """A row of the interaction of that number, which took place that many minutes after noon."""
    told = TrainingRow(
        question=question,
        answer=answer,
        source_id=f"answer-{number}",
        at=NOON + timedelta(minutes=number),
        backend="small",
        standing=0.8,
        origin=Origin.MODEL_INFERENCE,
        interaction_id=f"answer-{number}",
        value=0.8,
    )
    return placed(row_json(told), split, others)


def pair(number: int, prompt: str, chosen: str, split: str = "train") -> Payload:
    """A correction of the interaction of that number."""
    metadata = {
        "pair_id": f"pair-{number}",
        "why": "correction",
        "chosen_id": f"correction-{number}",
        "rejected_id": f"answer-{number}",
        "timestamp": utc_text(NOON + timedelta(minutes=number)),
        "split": split,
    }
    return {"prompt": prompt, "chosen": chosen, "rejected": "No idea.", "metadata": metadata}


def port_rows(services: Sequence[str] = SERVICES, first: int = 0) -> list[Payload]:
    """Three wordings of the port of each."""
    rows = []
    for place, service in enumerate(services):
        answer = f"{service} listens on port {7000 + place}."
        asked = (f"Which port does {service} listen on?", f"On what port can I reach {service}?", f"{service}: port?")
        rows += [row(first + 3 * place + turn, question, answer) for turn, question in enumerate(asked)]
    return rows


def other_rows(count: int, first: int, split: str = "train") -> list[Payload]:
    """Rows of which no two say the same, up to 40."""
    return [
        row(first + n, f"How is the {rack} rack cabled?", f"The {rack} rack has cable {rack}{n} behind it.", split)
        for n, rack in enumerate(RACKS[:count])
    ]
