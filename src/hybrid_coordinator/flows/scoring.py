"""Value interactions that came with their outcome, many at a time."""

from collections.abc import Mapping, Sequence

import anyio.lowlevel

from hybrid_coordinator.domain.interaction import Interaction, ValueScore
from hybrid_coordinator.domain.learning import Worked
from hybrid_coordinator.logic.question_key import question_key
from hybrid_coordinator.logic.scoring import Neighbourhood, ScoringPolicy, score_value
from hybrid_coordinator.ports import Ledger

BATCH = 1000
AT_ONCE = 20


class Scorer:
    """The daemon's `score` step. What somebody settles by hand is scored at once, by flows.feedback.

    Here the like of a question is counted by its telling words instead of its meaning: thousands of vectors are more
    than what a value is worth. What was measured of the difference stands in docs/lab.md.
    """

    def __init__(self, ledger: Ledger, policy: ScoringPolicy) -> None:
        self._ledger = ledger
        self._policy = policy

    async def work(self) -> Worked:
        """Score one batch, oldest first, in one transaction."""
        batch = await self._ledger.unscored(limit=BATCH)
        if not batch:
            return Worked()
        kin = await self._ledger.kin(sorted({question_key(one.query) for one in batch}))
        values = await self._values(batch, kin)
        await self._ledger.score(values)
        high = sum(value.total >= self._policy.high_value_threshold for value in values.values())
        return Worked(len(batch), len(batch) == BATCH, {"scored": len(batch), "of high value": high})

    async def _values(self, batch: Sequence[Interaction], kin: Mapping[int, int]) -> dict[str, ValueScore]:
        """The values by id. Whoever waits for an answer has his turn now and then."""
        values = {}
        for number, one in enumerate(batch):
            if number % AT_ONCE == 0:
                await anyio.lowlevel.checkpoint()
            values[one.id] = self._value(one, kin)
        return values

    def _value(self, interaction: Interaction, kin: Mapping[int, int]) -> ValueScore:
        assert interaction.outcome is not None
        key = question_key(interaction.query)
        others = kin.get(key, 1) - 1 if key else 0
        return score_value(interaction.response, interaction.outcome, Neighbourhood(others), self._policy)
