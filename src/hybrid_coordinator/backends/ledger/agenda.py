"""Whose turn it is to learn, and where each step stands, in an SQL database."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, or_, select

from hybrid_coordinator.backends.ledger.database import Database, Kept, replacing
from hybrid_coordinator.backends.ledger.learning_tables import leases, steps
from hybrid_coordinator.domain.learning import StepState

_FIELDS = [field.name for field in fields(StepState)]


class SqlAgenda(Kept):
    """The `Agenda` port, for any number of processes over one database."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._put_state = replacing(database.insert(steps), ["step"], [name for name in _FIELDS if name != "step"])

    async def claim(self, name: str, holder: str, now: datetime, seconds: float) -> bool:
        until = now + timedelta(seconds=seconds)
        lease = self._database.insert(leases).values(name=name, holder=holder, until=until)
        free = or_(leases.c.holder == holder, leases.c.until < now, leases.c.until > until)
        taken = lease.on_conflict_do_update(
            index_elements=["name"], set_={"holder": holder, "until": until}, where=free
        ).returning(leases.c.holder)
        return await self._database.write(lambda connection: connection.scalar(taken)) is not None

    async def release(self, name: str, holder: str) -> None:
        await self._database.run(delete(leases).where(and_(leases.c.name == name, leases.c.holder == holder)))

    async def holder(self, name: str, now: datetime) -> str | None:
        held = select(leases.c.holder).where(leases.c.name == name, leases.c.until >= now)
        found = await self._database.all(held)
        return found[0].holder if found else None

    async def note(self, state: StepState) -> None:
        await self._database.add((self._put_state, asdict(state)))

    async def states(self) -> Mapping[str, StepState]:
        rows = await self._database.all(select(steps))
        return {row.step: StepState(**{name: row._mapping[name] for name in _FIELDS}) for row in rows}
