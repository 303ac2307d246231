"""Training runs, the versions that came of them, and what became of those, in an SQL database."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from hybrid_coordinator.backends.ledger.database import Database, replacing, take_turns
from hybrid_coordinator.backends.ledger.model_versions import ModelVersions
from hybrid_coordinator.backends.ledger.run_rows import run_digest, run_values, to_run
from hybrid_coordinator.backends.ledger.run_tables import runs
from hybrid_coordinator.backends.ledger.version_facts import VersionFacts
from hybrid_coordinator.domain.training import Run, RunState
from hybrid_coordinator.errors import Conflict, NotFound

_R = runs.c

_TURN = 0x72756E73
"""The key under which replicas on PostgreSQL take turns at changing runs."""


class SqlRuns(ModelVersions, VersionFacts):
    """The `Runs` port. The newest run is the one that was put last for the first time, whatever the clocks say."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        changed = [column.name for column in _R if column.name not in ("place", "id")]
        self._put_run = replacing(database.insert(runs), ["id"], changed)

    async def put_run(self, run: Run, before: Run | None) -> None:
        def put(connection: Connection) -> None:
            take_turns(connection, _TURN)
            row = connection.execute(select(runs).where(_R.id == run.id)).one_or_none()
            if run_digest(to_run(row) if row else None) != run_digest(before):
                raise Conflict(f"the run {run.id!r} was changed by somebody else meanwhile; look at it again")
            connection.execute(self._put_run, run_values(run)).close()

        await self._database.write(put)

    async def run(self, run_id: str) -> Run:
        found = await self._database.found(select(runs).where(_R.id == run_id), to_run)
        if not found:
            raise NotFound(f"no training run {run_id!r}; list the runs to find its id")
        return found[0]

    async def runs(self, *, limit: int, states: Sequence[RunState] | None = None) -> list[Run]:
        query = select(runs).order_by(_R.place.desc()).limit(limit)
        if states is not None:
            query = query.where(_R.state.in_([state.value for state in states]))
        return await self._database.found(query, to_run)
