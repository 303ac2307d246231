"""The ledger in an SQL database, SQLite or PostgreSQL by URL.

On SQLite everything acknowledged survives a kill of the process; a loss of power may take the last commits with it
(`synchronous = NORMAL`), and never leaves a torn record. On PostgreSQL the server's own setting decides.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from hybrid_coordinator import ports
from hybrid_coordinator.backends.ledger.credits import Credits
from hybrid_coordinator.backends.ledger.daily import read_days, read_spread
from hybrid_coordinator.backends.ledger.database import Database
from hybrid_coordinator.backends.ledger.faring import read_fared
from hybrid_coordinator.backends.ledger.interactions import Interactions
from hybrid_coordinator.backends.ledger.judgements import Judgements
from hybrid_coordinator.backends.ledger.shelves import read_served
from hybrid_coordinator.backends.ledger.sources import Sources
from hybrid_coordinator.backends.ledger.spending import read_arms, read_spent
from hybrid_coordinator.backends.ledger.totals import read_totals
from hybrid_coordinator.backends.ledger.valuing import Valuing
from hybrid_coordinator.domain.interaction import Spending, Totals
from hybrid_coordinator.domain.measures import Day, Fared, Served
from hybrid_coordinator.logic.auditing import ArmSums


class SqlLedger(Interactions, Valuing, Credits, Judgements, Sources):
    """The `Ledger` port on SQLAlchemy Core, put together from its subjects."""

    @classmethod
    async def open(
        cls, url: str, *, connect_args: Mapping[str, Any] | None = None, busy_timeout_s: float = 5.0
    ) -> Self:
        """A ledger with a database of its own; raises as `Database.open` does."""
        return cls(await Database.open(url, connect_args=connect_args, busy_timeout_s=busy_timeout_s))

    async def totals(self, since: datetime | None, *, high_value: float) -> Totals:
        return await self._database.look(lambda connection: read_totals(connection, since, high_value))

    async def daily(self, since: datetime | None, *, high_value: float) -> list[Day]:
        return await self._database.look(lambda connection: read_days(connection, since, high_value))

    async def spread(self, edges: Sequence[float], since: datetime | None) -> list[int]:
        return await self._database.look(lambda connection: read_spread(connection, edges, since))

    async def served(self, since: datetime | None) -> list[Served]:
        return await self._database.look(lambda connection: read_served(connection, since))

    async def spent(self, since: datetime) -> Mapping[str, Spending]:
        return await self._database.look(lambda connection: read_spent(connection, since))

    async def audited(self, since: datetime | None) -> Mapping[bool, ArmSums]:
        return await self._database.look(lambda connection: read_arms(connection, since))

    async def fared(self, models: Sequence[str], since: datetime) -> Mapping[str, Fared]:
        return await self._database.look(lambda connection: read_fared(connection, models, since))

    async def read(self, statement: str, *, limit: int, timeout_s: float) -> ports.Table:
        return await self._database.read(statement, limit=limit, timeout_s=timeout_s)

    async def aclose(self) -> None:
        """Close the database, and with it whatever else is kept there."""
        await self._database.aclose()
