"""Versions of models, and the chained log of what became of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from hybrid_coordinator.backends.ledger.canonical import canonical
from hybrid_coordinator.backends.ledger.chain import chain_end, first_broken, link
from hybrid_coordinator.backends.ledger.database import Database, Kept, replacing, take_turns
from hybrid_coordinator.backends.ledger.run_tables import model_versions, version_changes
from hybrid_coordinator.backends.ledger.version_rows import (
    to_version,
    to_version_change,
    version_change_values,
    version_digest,
    version_values,
)
from hybrid_coordinator.domain.versions import ModelVersion, VersionChange
from hybrid_coordinator.errors import Conflict, NotFound

_V = model_versions.c
_C = version_changes.c

_TURN = 0x76657273
"""The key under which replicas on PostgreSQL take turns at the end of the chain."""


class ModelVersions(Kept):
    """There are few of them: what is asked of all is read at once."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        changed = [column.name for column in _V if column.name not in ("place", "name")]
        self._put_version = replacing(database.insert(model_versions), ["name"], changed)

    async def apply(self, changes: Sequence[VersionChange], at: datetime) -> None:
        """As the port says; one version may change several times."""
        if changes:
            await self._database.write(lambda connection: self._apply(connection, changes, at))

    def _apply(self, connection: Connection, made: Sequence[VersionChange], at: datetime) -> None:
        take_turns(connection, _TURN)
        _check(made, _digests(connection, [change.after.name for change in made]))
        rows = list(link(map(version_change_values, made), at, *chain_end(connection, version_changes)))
        connection.execute(insert(version_changes), rows).close()
        last = {change.after.name: (change.after, row["place"]) for change, row in zip(made, rows, strict=True)}
        connection.execute(self._put_version, [version_values(*one) for one in last.values()]).close()

    async def version(self, name: str) -> ModelVersion:
        found = await self._database.found(select(model_versions).where(_V.name == name), to_version)
        if not found:
            raise NotFound(f"no version {name!r} of a model; list the versions to find its name")
        return found[0]

    async def versions(self, model: str | None = None) -> list[ModelVersion]:
        query = select(model_versions).order_by(_V.number.desc(), _V.place.desc())
        return await self._database.found(query if model is None else query.where(_V.model == model), to_version)

    async def log(self, *, name: str | None = None, limit: int) -> list[tuple[datetime, VersionChange]]:
        query = select(version_changes).order_by(_C.place.desc()).limit(limit)
        return await self._database.found(query if name is None else query.where(_C.item_id == name), to_version_change)

    async def check_log(self) -> int | None:
        """As the port says; a version that is not what its last entry says counts as that entry."""
        return await self._database.look(_first_broken)


def _digests(connection: Connection, names: Sequence[str]) -> dict[str, bytes]:
    rows = connection.execute(select(model_versions).where(_V.name.in_(names)))
    return {row.name: version_digest(to_version(row)) for row in rows}


def _check(made: Sequence[VersionChange], now: dict[str, bytes]) -> None:
    """Raise Conflict unless each version is what its change found, the changes before it being made."""
    nothing = version_digest(None)
    for change in made:
        name = change.after.name
        if now.get(name, nothing) != version_digest(change.before):
            raise Conflict(f"the version {name!r} was changed by somebody else meanwhile; look at it again")
        now[name] = version_digest(change.after)


def _first_broken(connection: Connection) -> int | None:
    entries = connection.execute(select(version_changes).order_by(_C.place)).all()
    broken = first_broken(entries, 0, "")
    if broken is not None:
        return broken
    said: dict[str, Any] = {entry.item_id: entry.after for entry in entries}
    kept = connection.execute(select(model_versions).order_by(_V.changed_place))
    return next((row.changed_place for row in kept if canonical(row.record) != canonical(said.get(row.name))), None)
