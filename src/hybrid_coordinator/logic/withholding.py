"""Going without, now and then: what was learned is held back by chance, so that there is something to compare with."""

from collections.abc import Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.knowledge import Passage
from hybrid_coordinator.domain.learning import Stage
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.logic.draws import draw


@dataclass(frozen=True, slots=True)
class WithholdingPolicy:
    """How often something learned is held back: while it is on trial, and after it has proved itself."""

    candidate_share: float = 0.10
    proven_share: float = 0.02

    def share_of(self, passage: Passage) -> float:
        """How often a passage is held back. What a person said himself never is, nor what was not learned."""
        if passage.payload.get("origin") == Origin.DIRECT_USER:
            return 0.0
        stages = {Stage.CANDIDATE.value: self.candidate_share, Stage.PROVEN.value: self.proven_share}
        return stages.get(str(passage.payload.get("stage")), 0.0)


def choose_withheld(answer_id: str, shown: Sequence[Passage], policy: WithholdingPolicy) -> str | None:
    """The id of the passage that this answer goes without, or None. The same answer always goes without the same.

    Of several that the draw would hold back, one is: the one that it would hold back soonest.
    """
    drawn = {passage.id: draw("withhold", f"{answer_id} {passage.id}") for passage in shown}
    held = [passage.id for passage in shown if drawn[passage.id] < policy.share_of(passage)]
    return min(held, key=drawn.__getitem__, default=None)
