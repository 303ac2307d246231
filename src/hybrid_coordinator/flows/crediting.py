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
        shown = {passage.id: passage for passage in passages}
        await self._knowledge.amend({id: usage_fields(shown[id], record) for id, record in records.items()})
        return records


def usage_fields(passage: Passage, record: PassageRecord) -> Payload:
    """What a passage's payload says of its use."""
    rate, helped = success_rate(record.uses, record.credit), round(record.credit)
    failed = record.uses - helped
    fields: dict[str, float | int] = {"success_rate": rate, "helped": helped, "failed": failed}
    if passage.collection is not Collection.ERRORS or is_learned(passage):  # a learned fix counts its own witnesses
        return fields
    return fields | {"success_count": helped, "failure_count": failed, "confidence_score": rate}
