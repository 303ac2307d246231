"""Everything that is kept in one SQL database, opened together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from hybrid_coordinator.backends.ledger.agenda import SqlAgenda
from hybrid_coordinator.backends.ledger.annals import SqlAnnals
from hybrid_coordinator.backends.ledger.catalog import SqlCatalog
from hybrid_coordinator.backends.ledger.database import Database
from hybrid_coordinator.backends.ledger.event_log import SqlEventLog
from hybrid_coordinator.backends.ledger.runs import SqlRuns
from hybrid_coordinator.backends.ledger.sql import SqlLedger


@dataclass(frozen=True, slots=True)
class Records:
    """Six ports over one database, with one writer between them. Closing the ledger closes all."""

    ledger: SqlLedger
    catalog: SqlCatalog
    agenda: SqlAgenda
    events: SqlEventLog
    annals: SqlAnnals
    runs: SqlRuns

    @classmethod
    async def open(
        cls, url: str, *, connect_args: Mapping[str, Any] | None = None, busy_timeout_s: float = 5.0
    ) -> Self:
        """Raises as `Database.open` does."""
        database = await Database.open(url, connect_args=connect_args, busy_timeout_s=busy_timeout_s)
        return cls(
            SqlLedger(database),
            SqlCatalog(database),
            SqlAgenda(database),
            SqlEventLog(database),
            SqlAnnals(database),
            SqlRuns(database),
        )

    async def aclose(self) -> None:
        """Finish what waits and let go. Idempotent."""
        await self.ledger.aclose()
