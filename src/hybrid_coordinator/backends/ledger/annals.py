"""The ledger page by page, for those who read much of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, or_, select, true

from hybrid_coordinator.backends.ledger.database import Kept
from hybrid_coordinator.backends.ledger.rows import to_correction, to_interaction, to_preference
from hybrid_coordinator.backends.ledger.tables import SETTLED, VALUED, corrections, interactions, preferences
from hybrid_coordinator.domain.interaction import Correction, Interaction, OutcomeKind, PreferencePair

_I = interactions.c


class SqlAnnals(Kept):
    """The `Annals` port. Each page is one query over an index, however long the ledger is."""

    async def successes(
        self, *, min_value: float, before: int | None = None, limit: int
    ) -> list[tuple[int, Interaction]]:
        worth = and_(
            VALUED,
            _I.value_score >= min_value,
            _I.outcome == OutcomeKind.SUCCESS.value,
            _I.failure.is_(None),
        )
        return [(row.place, to_interaction(row)) for row in await self._page(interactions, worth, before, limit)]

    async def corrected(self, *, before: int | None = None, limit: int) -> list[tuple[int, Correction]]:
        return [(row.place, to_correction(row)) for row in await self._page(corrections, true(), before, limit)]

    async def preferred(self, *, before: int | None = None, limit: int) -> list[tuple[int, PreferencePair]]:
        return [(row.place, to_preference(row)) for row in await self._page(preferences, true(), before, limit)]

    async def settled(self, *, since: datetime, after: str = "", limit: int) -> list[Interaction]:
        later = or_(_I.settled_at > since, and_(_I.settled_at == since, _I.id > after))
        query = select(interactions).where(SETTLED, later).order_by(_I.settled_at, _I.id).limit(limit)
        return await self._database.found(query, to_interaction)

    async def asked(self, key: int, *, limit: int) -> list[Interaction]:
        query = select(interactions).where(_I.question_key == key).order_by(_I.place.desc()).limit(limit)
        return await self._database.found(query, to_interaction)

    async def _page(self, table: Table, claim: ColumnElement[bool], before: int | None, limit: int) -> Sequence[Any]:
        earlier = true() if before is None else table.c.place < before
        return await self._database.all(select(table).where(claim, earlier).order_by(table.c.place.desc()).limit(limit))
