"""What was learned, and the log of its changes, in an SQL database."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import anyio.to_thread
from sqlalchemy import Connection, Row, Select, bindparam, delete, func, insert, select, update

from hybrid_coordinator.backends.ledger.canonical import canonical
from hybrid_coordinator.backends.ledger.chain import chain_end, first_broken, link
from hybrid_coordinator.backends.ledger.database import Database, Kept, in_parts, take_turns
from hybrid_coordinator.backends.ledger.learned_rows import (
    change_values,
    digest,
    learned_values,
    to_json,
    to_learned,
    to_logged,
)
from hybrid_coordinator.backends.ledger.learning_tables import PRESENT, UNPUBLISHED, changes, learned, lineage
from hybrid_coordinator.backends.ledger.rows import Values
from hybrid_coordinator.backends.ledger.shelves import read_stored
from hybrid_coordinator.domain.learning import Change, Learned, LoggedChange, Stage
from hybrid_coordinator.domain.measures import Stored
from hybrid_coordinator.errors import BadInput, Conflict

_L = learned.c

CHECKED_AT_ONCE = 500

_TURN = 0x636861696E
"""The key under which replicas on PostgreSQL take turns at the end of the chain."""


class SqlCatalog(Kept):
    """The `Catalog` port. What was deleted stays behind, out of sight, until the collections have dropped it too."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        put = database.insert(learned)
        changed = {column.name: put.excluded[column.name] for column in _L if column.name not in ("place", "id")}
        self._put_item = put.on_conflict_do_update(index_elements=["id"], set_=changed)

    async def apply(self, changes: Sequence[Change], at: datetime) -> list[LoggedChange]:
        if not changes:
            return []
        return await self._database.write(lambda connection: self._apply(connection, changes, at))

    def _apply(self, connection: Connection, made: Sequence[Change], at: datetime) -> list[LoggedChange]:
        take_turns(connection, _TURN)
        _check(made, _digests(connection, [change.item_id for change in made], _present()))
        rows = list(link(map(change_values, made), at, *chain_end(connection, changes)))
        connection.execute(insert(changes), rows).close()
        last = {change.item_id: (change, row["place"]) for change, row in zip(made, rows, strict=True)}
        connection.execute(self._put_item, [_row(change, place) for change, place in last.values()]).close()
        _put_lineage(connection, [change for change, _ in last.values()])
        return [_logged(change, row) for change, row in zip(made, rows, strict=True)]

    async def get(self, ids: Sequence[str]) -> list[Learned]:
        found: dict[str, Learned] = {}
        for some in in_parts(ids):
            found.update((item.id, item) for item in await self._items(_present().where(_L.id.in_(some))))
        return [found[id] for id in ids if id in found]

    async def browse(
        self, stages: Sequence[Stage] | None = None, *, limit: int, after: str | None = None
    ) -> list[Learned]:
        query = _present().order_by(_L.id).limit(limit)
        if stages is not None:
            query = query.where(_L.stage.in_([stage.value for stage in stages]))
        if after is not None:
            query = query.where(_L.id > after)
        return await self._items(query)

    async def learned_from(self, source_ids: Sequence[str]) -> list[Learned]:
        """As the port says, oldest first."""
        found: dict[str, Learned] = {}
        for some in in_parts(source_ids):
            made = select(lineage.c.item_id).where(lineage.c.source_id.in_(some))
            items = await self._items(_present().where(_L.id.in_(made)).order_by(_L.place))
            found.update((item.id, item) for item in items)
        return list(found.values())

    async def signed(self, signature: str) -> list[Learned]:
        return await self._items(_present().where(_L.signature == signature).order_by(_L.place))

    async def unpublished(self, *, limit: int) -> list[Learned]:
        """As the port says; what was deleted comes as retired, so that it is taken away."""
        return await self._items(select(learned).where(UNPUBLISHED).order_by(_L.changed_place).limit(limit))

    async def mark_published(self, items: Sequence[Learned]) -> None:
        await self._database.write(lambda connection: _mark_published(connection, items))

    async def forget_published(self) -> None:
        await self._database.run(update(learned).where(_L.published, PRESENT).values(published=False))

    async def counts(self) -> Mapping[Stage, int]:
        rows = await self._database.all(select(_L.stage, func.count()).where(PRESENT).group_by(_L.stage))
        return {Stage(stage): count for stage, count in rows}

    async def stored(self, dimension: int) -> list[Stored]:
        return await self._database.look(lambda connection: read_stored(connection, dimension))

    async def log(self, *, after: int = 0, item_id: str | None = None, limit: int) -> list[LoggedChange]:
        query = _log_after(after).limit(limit)
        if item_id is not None:
            query = query.where(changes.c.item_id == item_id)
        return await self._database.found(query, to_logged)

    async def check_log(self) -> int | None:
        """As the port says; an end that was cut off counts as wrong from its first missing entry, and an item that is
        not what its last entry says, as that entry."""
        place, previous_hash = 0, ""
        while rows := await self._database.all(_log_after(place).limit(CHECKED_AT_ONCE)):
            broken = first_broken(rows, place, previous_hash)
            if broken is not None:
                return broken
            place, previous_hash = rows[-1].place, rows[-1].hash
        last = await self._database.all(select(func.max(_L.changed_place)))
        return place + 1 if (last[0][0] or 0) > place else await self._first_altered()

    async def _first_altered(self) -> int | None:
        """The place of the log's last word on an item that is not what that says it is."""
        after = ""
        while rows := await self._database.all(_last_words(after).limit(CHECKED_AT_ONCE)):
            altered = await anyio.to_thread.run_sync(_find_altered, rows)
            if altered is not None:
                return altered
            after = rows[-1].id
        return None

    async def _items(self, query: Select[Any]) -> list[Learned]:
        return await self._database.found(query, to_learned)


def _present() -> Select[Any]:
    return select(learned).where(PRESENT)


def _last_words(after: str) -> Select[Any]:
    """Items in the order of their ids, each with what the log says it is."""
    said = select(learned, changes.c.after.label("said")).join(changes, changes.c.place == _L.changed_place)
    return said.where(PRESENT, _L.id > after).order_by(_L.id)


def _find_altered(rows: Sequence[Row[Any]]) -> int | None:
    return next((row.changed_place for row in rows if canonical(to_json(to_learned(row))) != canonical(row.said)), None)


def _log_after(place: int) -> Select[Any]:
    return select(changes).where(changes.c.place > place).order_by(changes.c.place)


def _digests(connection: Connection, ids: Sequence[str], query: Select[Any]) -> dict[str, str]:
    """By id, of those items that the query finds."""
    found: dict[str, str] = {}
    for some in in_parts(ids):
        rows = connection.execute(query.where(_L.id.in_(some)))
        found.update((row.id, digest(to_learned(row))) for row in rows)
    return found


def _check(made: Sequence[Change], now: dict[str, str]) -> None:
    """Raise Conflict unless each item is what its change found, the changes before it being made."""
    for change in made:
        if change.before is None and change.after is None:
            raise BadInput(f"the change of {change.item_id!r} changes nothing; say what was, or what shall be")
        if now.get(change.item_id) != (change.before and digest(change.before)):
            raise Conflict(f"{change.item_id!r} was changed by somebody else meanwhile; look at it again")
        if change.after is None:
            now.pop(change.item_id, None)
        else:
            now[change.item_id] = digest(change.after)


def _row(change: Change, place: int) -> Values:
    item = _to_publish(change)
    standing = {"changed_place": place, "deleted": change.after is None, "published": False}
    return {**learned_values(item), **standing}


def _to_publish(change: Change) -> Learned:
    """What the collections should show: the item, or that it is gone."""
    if change.after is not None:
        return change.after
    assert change.before is not None  # `_check` saw to it
    return replace(change.before, stage=Stage.RETIRED)


def _put_lineage(connection: Connection, made: Sequence[Change]) -> None:
    for some in in_parts([change.item_id for change in made]):
        connection.execute(delete(lineage).where(lineage.c.item_id.in_(some))).close()
    rows = [
        {"source_id": source_id, "item_id": change.item_id}
        for change in made
        if change.after is not None
        for source_id in dict.fromkeys(change.after.learned_from)
    ]
    if rows:
        connection.execute(insert(lineage), rows).close()


def _logged(change: Change, row: Values) -> LoggedChange:
    return LoggedChange(row["place"], row["at"], change, row["previous_hash"], row["hash"])


def _mark_published(connection: Connection, items: Sequence[Learned]) -> None:
    take_turns(connection, _TURN)
    now = _digests(connection, [item.id for item in items], select(learned))
    rows = [{"shown_id": item.id} for item in items if now.get(item.id) == digest(item)]
    if rows:
        connection.execute(_MARK_PUBLISHED, rows).close()


_MARK_PUBLISHED = update(learned).where(_L.id == bindparam("shown_id")).values(published=True)
