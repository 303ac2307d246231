"""How passages fared, interaction by interaction."""

from collections.abc import Mapping, Sequence

from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.domain.learning import Arm, Injection, Uses
from hybrid_coordinator.ports import PassageRecord


class Credits:
    """The credit of every passage in every interaction it was part of, or was kept out of by chance."""

    def __init__(self) -> None:
        self._said: dict[str, dict[str, tuple[float, bool]]] = {}

    def say(self, interaction_id: str, credits: Mapping[str, float], *, withheld: bool) -> None:
        """Replace what was said of this interaction before, on the same side."""
        said = self._said.get(interaction_id, {})
        others = {passage: one for passage, one in said.items() if one[1] is not withheld}
        self._said[interaction_id] = others | {passage: (credit, withheld) for passage, credit in credits.items()}

    def record(self, passage_id: str) -> PassageRecord:
        """The sums over the interactions that it was part of."""
        earned = [credit for _, credit in self._earned(passage_id, withheld=False)]
        return PassageRecord(len(earned), sum(earned))

    def given(self, interaction_id: str) -> Mapping[str, float]:
        """The credits of the passages that an interaction had, by passage."""
        said = self._said.get(interaction_id, {})
        return {passage: credit for passage, (credit, withheld) in said.items() if not withheld}

    def uses(self, passage_id: str, interactions: Mapping[str, Interaction]) -> Uses:
        """Both arms; the interactions tell the sessions."""
        return Uses(
            _arm(self._earned(passage_id, withheld=False), interactions),
            _arm(self._earned(passage_id, withheld=True), interactions),
        )

    def injections(self, interaction: Interaction) -> list[Injection]:
        """The passages of one interaction whose similarity and credit are known."""
        said = self._said.get(interaction.id, {})
        similar = zip(interaction.context_provided, interaction.similarities, strict=False)
        return [
            Injection(similarity, said[passage][0])
            for passage, similarity in similar
            if passage in said and not said[passage][1]
        ]

    def _earned(self, passage_id: str, *, withheld: bool) -> list[tuple[str, float]]:
        return [
            (interaction_id, said[passage_id][0])
            for interaction_id, said in self._said.items()
            if passage_id in said and said[passage_id][1] is withheld
        ]


def _arm(earned: Sequence[tuple[str, float]], interactions: Mapping[str, Interaction]) -> Arm:
    return Arm(
        len(earned),
        sum(credit for _, credit in earned),
        sum(credit * credit for _, credit in earned),
        len({interactions[one].session_id or one for one, _ in earned}),
    )
