"""Compare the variants of an experiment by what became of their answers."""

from collections.abc import Sequence
from datetime import datetime

from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.logic.experiment_verdicts import Comparison, ExperimentPolicy, compare
from hybrid_coordinator.logic.experiments import TAG, check_variant_name
from hybrid_coordinator.ports import Ledger

MOST_ANSWERS = 5_000
"""Of each variant the newest so many count."""


class VariantComparer:
    """Reads what was tagged `variant:<name>`, by an experiment of ours or by whoever asked."""

    def __init__(self, ledger: Ledger, policy: ExperimentPolicy) -> None:
        self._ledger = ledger
        self._policy = policy

    async def compare(self, variant_a: str, variant_b: str, since: datetime | None = None) -> Comparison:
        """Compare the answers of two variants since then (None: ever). One that nobody has met has no answers.

        Raises BadInput for a name that is none, and for a variant against itself.
        """
        names = check_variant_name(variant_a), check_variant_name(variant_b)
        if variant_a == variant_b:
            raise BadInput(f"{variant_a!r} is compared with itself; name two variants")
        return compare(
            names, (await self._answers(variant_a, since), await self._answers(variant_b, since)), self._policy
        )

    async def _answers(self, variant: str, since: datetime | None) -> Sequence[Interaction]:
        return await self._ledger.tagged(f"{TAG}{variant}", since=since, limit=MOST_ANSWERS)
