"""What people and checks said of answers: corrections, pairs of which one is better, evidence for the router."""

from sqlalchemy import Connection, select

from hybrid_coordinator.backends.ledger.database import Database, Kept, replacing
from hybrid_coordinator.backends.ledger.interactions import require
from hybrid_coordinator.backends.ledger.rows import (
    correction_values,
    preference_values,
    to_correction,
    to_evidence,
    to_preference,
)
from hybrid_coordinator.backends.ledger.tables import corrections, evidence, interactions, preferences
from hybrid_coordinator.domain.interaction import Correction, PreferencePair
from hybrid_coordinator.ports import EvidenceRecord


class Judgements(Kept):
    """Newest first, by order of recording."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._add_correction = database.insert(corrections).on_conflict_do_nothing(index_elements=["id"])
        self._add_preference = database.insert(preferences).on_conflict_do_nothing(index_elements=["id"])
        self._put_evidence = replacing(database.insert(evidence), ["interaction_id"], ["features"])

    async def correct(self, correction: Correction) -> None:
        """As the port says; keeping the same id twice keeps the first."""
        await self._database.add((self._add_correction, correction_values(correction)))

    async def corrections(self, *, limit: int) -> list[Correction]:
        query = select(corrections).order_by(corrections.c.place.desc()).limit(limit)
        return await self._database.found(query, to_correction)

    async def prefer(self, pair: PreferencePair) -> None:
        await self._database.add((self._add_preference, preference_values(pair)))

    async def preferences(self, *, limit: int) -> list[PreferencePair]:
        query = select(preferences).order_by(preferences.c.place.desc()).limit(limit)
        return await self._database.found(query, to_preference)

    async def keep_evidence(self, interaction_id: str, features: bytes) -> None:
        row = {"interaction_id": interaction_id, "features": features}

        def keep(connection: Connection) -> None:
            require(connection, interaction_id)
            connection.execute(self._put_evidence, row).close()

        await self._database.write(keep)

    async def evidence(self, *, limit: int) -> list[EvidenceRecord]:
        query = (
            select(interactions, evidence.c.features)
            .join(evidence, evidence.c.interaction_id == interactions.c.id)
            .order_by(interactions.c.place.desc())
            .limit(limit)
        )
        return await self._database.found(query, to_evidence)
