"""Events, each exactly once, and how far the files were read, in an SQL database."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, func, select, true

from hybrid_coordinator.backends.ledger.database import Database, Insert, Kept, in_parts, replacing, take_turns
from hybrid_coordinator.backends.ledger.interactions import Additions
from hybrid_coordinator.backends.ledger.learning_tables import OWN, events, positions, written
from hybrid_coordinator.backends.ledger.rows import Values
from hybrid_coordinator.domain.telemetry import Event, FilePosition, TelemetrySource

_E = events.c
_P = positions.c

_TURN = 0x6576656E74
"""The key under which replicas on PostgreSQL take turns at taking in."""


LONGEST_KIND = 200
"""Characters of a kind that are kept apart from its event's fields: what comes from outside must fit an index."""


class SqlEventLog(Kept):
    """The `EventLog` port. What an event holds as an interaction is kept among the interactions, and only there."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._additions = Additions(database)
        self._add_event = database.insert(events).on_conflict_do_nothing(index_elements=["id"])
        columns = [column.name for column in _P if not column.primary_key]
        self._put_position = replacing(database.insert(positions), ["device", "inode"], columns)
        self._put_written = replacing(database.insert(written), ["only"], ["place", "file", "size"])

    async def positions(self) -> list[FilePosition]:
        rows = await self._database.all(select(positions))
        return [FilePosition(**row._mapping) for row in rows]

    async def take_in(self, events: Sequence[Event], positions: Sequence[FilePosition]) -> int:
        met = {event.id: event for event in reversed(events)}

        def work(connection: Connection) -> int:
            take_turns(connection, _TURN)
            known = _known(connection, list(met))
            new = [event for id, event in reversed(met.items()) if id not in known]
            self._add(connection, new)
            if positions:
                connection.execute(self._put_position, [asdict(one) for one in positions]).close()
            return len(new)

        return await self._database.write(work)

    def _add(self, connection: Connection, new: Sequence[Event]) -> None:
        waiting: dict[Insert, list[Values]] = {self._add_event: [_values(event) for event in new]}
        for event in new:
            for statement, row in self._additions.rows(event.interaction) if event.interaction else ():
                waiting.setdefault(statement, []).append(row)
        for statement, rows in waiting.items():
            if rows:
                connection.execute(statement, rows).close()

    async def forget(self, positions: Sequence[FilePosition]) -> None:
        rows = [{"gone_device": one.device, "gone_inode": one.inode} for one in positions]
        if rows:
            await self._database.run(_FORGET, rows)

    async def unwritten(self, *, limit: int) -> list[tuple[int, Event]]:
        """As the port says; without the interactions, which nobody writes to a file."""
        reached = func.coalesce(select(written.c.place).scalar_subquery(), 0)
        query = select(events).where(OWN, _E.place > reached).order_by(_E.place).limit(limit)
        return [(row.place, _to_event(row)) for row in await self._database.all(query)]

    async def mark_written(self, place: int, file: str, size: int) -> None:
        await self._database.add((self._put_written, {"only": 1, "place": place, "file": file, "size": size}))

    async def written(self) -> tuple[str, int]:
        found = await self._database.all(select(written.c.file, written.c.size))
        return (found[0].file, found[0].size) if found else ("", 0)

    async def tally(self, since: datetime | None) -> Mapping[tuple[str, str], int]:
        spanned = true() if since is None else _E.at >= since
        query = select(_E.source, _E.kind, func.count()).where(spanned).group_by(_E.source, _E.kind)
        return {(source, kind): count for source, kind, count in await self._database.all(query)}


def _known(connection: Connection, ids: Sequence[str]) -> set[str]:
    known: set[str] = set()
    for some in in_parts(ids):
        known.update(connection.scalars(select(_E.id).where(_E.id.in_(some))))
    return known


def _values(event: Event) -> Values:
    return {
        "id": event.id,
        "source": event.source.value,
        "kind": event.kind[:LONGEST_KIND],
        "at": event.at,
        "fields": event.fields,
        "interaction_id": event.interaction.id if event.interaction else None,
        "own": event.own,
    }


def _to_event(row: Row[Any]) -> Event:
    return Event(row.id, TelemetrySource(row.source), row.kind, row.at, row.fields, own=row.own)


_FORGET = delete(positions).where(and_(_P.device == bindparam("gone_device"), _P.inode == bindparam("gone_inode")))
