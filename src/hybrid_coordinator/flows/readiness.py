"""How far the training data is from a first run."""

from hybrid_coordinator.domain.learning import Worked
from hybrid_coordinator.ports import Datasets

LEAST_EXAMPLES = 1_000
"""What the users' "Continuous Learning System" document asks for before the first fine-tune."""


class Readiness:
    """Part of the `train` step: it says what a training would find. Nothing is trained here."""

    def __init__(self, datasets: Datasets) -> None:
        self._datasets = datasets

    async def work(self) -> Worked:
        """Look at the dataset that is there."""
        card = await self._datasets.card()
        rows = int(card["rows"]) if card else 0
        missing = max(0, LEAST_EXAMPLES - rows)
        told = f"{missing:,} short of a first training" if missing else "enough for a first training"
        return Worked(detail=f"{rows:,} rows, {told}")
