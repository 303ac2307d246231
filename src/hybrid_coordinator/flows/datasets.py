"""Write what is worth learning as fine-tuning data."""

from dataclasses import dataclass
from pathlib import Path

from hybrid_coordinator.domain.interaction import OutcomeKind
from hybrid_coordinator.logic.training_rows import training_rows
from hybrid_coordinator.ports import Datasets, Ledger

MOST_ROWS = 100_000
"""A bound on what one export reads; the newest are kept."""


@dataclass(frozen=True, slots=True)
class Exported:
    """Where the dataset lies and how many rows it holds."""

    dataset_path: Path
    rows: int


async def export_dataset(ledger: Ledger, datasets: Datasets, *, high_value: float) -> Exported:
    """Every successful interaction of at least that value and every correction, as one JSONL file."""
    interactions = await ledger.recent(limit=MOST_ROWS, min_value=high_value, outcome=OutcomeKind.SUCCESS.value)
    corrections = await ledger.corrections(limit=MOST_ROWS)
    whole = [interaction for interaction in interactions if interaction.failure is None and interaction.response]
    rows = training_rows(whole, corrections)
    return Exported(await datasets.write(rows), len(rows))
