"""Give every passage the credit that it earned, and tell the collections how it fares."""

from collections.abc import Mapping, Sequence

from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.domain.knowledge import Collection, Passage, Payload
from hybrid_coordinator.flows.experience import Experience
from hybrid_coordinator.logic.scoring import success_rate
from hybrid_coordinator.logic.usefulness import Served, corrected_credits, is_learned, passage_credits, times_helped
from hybrid_coordinator.ports import Knowledge, Ledger, PassageRecord


class Crediting:
    """Credit is replaced when an interaction is judged again, so judging twice counts once."""

    def __init__(self, ledger: Ledger, knowledge: Knowledge, experience: Experience) -> None:
        self._ledger = ledger
        self._knowledge = knowledge
        self._experience = experience

    async def settle(self, interaction: Interaction, credit: float) -> Mapping[str, PassageRecord]:
        """An outcome's credit for what was shown, and for what was held back by chance. Records by passage."""
        await self._ledger.withhold(interaction.id, dict.fromkeys(interaction.withheld, credit))
        passages = await self._knowledge.get(interaction.context_provided)
        if passages and not is_learned(passages[0]) and interaction.settled_at is None:
            self._experience.note(Served(times_helped(passages[0]), credit))
        return await self._write(
            interaction, passages, passage_credits(interaction.response, passages, credit, question=interaction.query)
        )

    async def correct(self, interaction: Interaction, correction: str) -> Mapping[str, PassageRecord]:
        """A person said what the answer should have been: passages that say so were right to be shown."""
        passages = await self._knowledge.get(interaction.context_provided)
        credits = corrected_credits(interaction.response, correction, passages, question=interaction.query)
        return await self._write(interaction, passages, credits)

    async def _write(
        self, interaction: Interaction, passages: Sequence[Passage], credits: Mapping[str, float]
    ) -> Mapping[str, PassageRecord]:
        records = await self._ledger.credit(interaction.id, credits)
        homes = {passage.id: passage.collection for passage in passages}
        await self._knowledge.amend({id: usage_fields(homes[id], record) for id, record in records.items()})
        return records


def usage_fields(collection: Collection, record: PassageRecord) -> Payload:
    """What a passage's payload says of its use."""
    rate = success_rate(record.uses, record.credit)
    fields: dict[str, float | int] = {
        "success_rate": rate,
        "success_count": round(record.credit),
        "failure_count": record.uses - round(record.credit),
    }
    return fields | {"confidence_score": rate} if collection is Collection.ERRORS else fields
