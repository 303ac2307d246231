"""The ledger in an SQL database, SQLite or PostgreSQL by URL.

On SQLite everything acknowledged survives a kill of the process; a loss of power may take the last commits with it
(`synchronous = NORMAL`), and never leaves a torn record. On PostgreSQL the server's own setting decides.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Self, TypeVar

import anyio
from sqlalchemy import Connection, Select, Table, and_, bindparam, delete, func, not_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hybrid_coordinator import ports
from hybrid_coordinator.backends.ledger.engines import READERS, Store, open_store
from hybrid_coordinator.backends.ledger.failures import translated
from hybrid_coordinator.backends.ledger.reading import Reader
from hybrid_coordinator.backends.ledger.reading_postgresql import PostgresqlReader
from hybrid_coordinator.backends.ledger.reading_sqlite import SqliteReader
from hybrid_coordinator.backends.ledger.rows import (
    Values,
    correction_values,
    interaction_values,
    preference_values,
    settlement_values,
    source_values,
    to_correction,
    to_evidence,
    to_interaction,
    to_preference,
    to_source,
)
from hybrid_coordinator.backends.ledger.schema import upgrade
from hybrid_coordinator.backends.ledger.spending import read_arms, read_spent
from hybrid_coordinator.backends.ledger.tables import (
    corrections,
    credits,
    evidence,
    interactions,
    preferences,
    sources,
)
from hybrid_coordinator.backends.ledger.totals import read_totals
from hybrid_coordinator.backends.ledger.writer import Writer
from hybrid_coordinator.domain.interaction import (
    Correction,
    Interaction,
    Outcome,
    PreferencePair,
    Spending,
    Totals,
    ValueScore,
)
from hybrid_coordinator.domain.knowledge import Source
from hybrid_coordinator.errors import NotFound
from hybrid_coordinator.logic.auditing import ArmSums
from hybrid_coordinator.ports import PassageRecord

T = TypeVar("T")
Insert = sqlite.Insert | postgresql.Insert

_INSERTS: Mapping[str, Callable[[Table], Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
_READERS: Mapping[str, type[Reader]] = {"sqlite": SqliteReader, "postgresql": PostgresqlReader}

_SETTLED = ("settled_at", "outcome", "user_feedback", "value_score")
"""What tells one settling of an interaction from another."""


class SqlLedger:
    """The `Ledger` port on SQLAlchemy Core.

    Newest and oldest are by order of recording, so that a clock that goes back moves nothing.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._writer = Writer(store)
        self._reader = _READERS[store.reading.dialect.name](store)
        self._threads = anyio.CapacityLimiter(READERS)
        # built once: building a statement costs several times its execution
        insert = _INSERTS[store.writing.dialect.name]
        self._add_interaction = insert(interactions).on_conflict_do_nothing(index_elements=["id"])
        self._add_correction = insert(corrections).on_conflict_do_nothing(index_elements=["id"])
        self._add_preference = insert(preferences).on_conflict_do_nothing(index_elements=["id"])
        self._put_evidence = _replacing(insert(evidence), ["interaction_id"], ["features"])
        self._put_source = _replacing(insert(sources), ["root", "path"], ["content_hash", "passage_ids"])

    @classmethod
    async def open(
        cls, url: str, *, connect_args: Mapping[str, Any] | None = None, busy_timeout_s: float = 5.0
    ) -> Self:
        """Open the ledger at `sqlite:///path` or `postgresql://…`, bringing data of an older release up to date.

        Raises SettingError or MissingExtra for an address that cannot work, StoreBusy, Damaged, Unavailable, and
        Conflict for the data of a newer release. `connect_args` go to the driver as they are (TLS files and such).
        """
        store = open_store(url, connect_args or {}, busy_timeout_s)
        try:
            await anyio.to_thread.run_sync(upgrade, store)
        except BaseException:
            store.dispose()
            raise
        return cls(store)

    async def append(self, interaction: Interaction, *, patient: bool = False) -> None:
        await self._writer.add(self._add_interaction, interaction_values(interaction), patient=patient)

    async def get(self, interaction_id: str) -> Interaction:
        query = select(interactions).where(interactions.c.id == interaction_id)
        found = await self._all(query)
        if not found:
            raise _unknown(interaction_id)
        return to_interaction(found[0])

    async def settle(self, interaction_id: str, outcome: Outcome, value: ValueScore, at: datetime) -> Interaction:
        change = (
            update(interactions)
            .where(interactions.c.id == interaction_id)
            .values(**settlement_values(outcome, value, at), filed=False)
            .returning(interactions)
        )

        def work(connection: Connection) -> Interaction:
            row = connection.execute(change).one_or_none()
            if row is None:
                raise _unknown(interaction_id)
            return to_interaction(row)

        return await self._writer.write(work)

    async def credit(self, interaction_id: str, credits: Mapping[str, float]) -> Mapping[str, PassageRecord]:
        """As the port says; an unknown interaction raises NotFound."""
        given = dict(credits)
        return await self._writer.write(lambda connection: _credit(connection, interaction_id, given))

    async def correct(self, correction: Correction) -> None:
        """As the port says; keeping the same id twice keeps the first."""
        await self._writer.add(self._add_correction, correction_values(correction))

    async def recent(
        self,
        *,
        limit: int,
        session_id: str | None = None,
        since: datetime | None = None,
        min_value: float | None = None,
        outcome: str | None = None,
    ) -> list[Interaction]:
        column = interactions.c
        query = select(interactions).order_by(column.place.desc()).limit(limit)
        if session_id is not None:
            query = query.where(column.session_id == session_id)
        if since is not None:
            query = query.where(column.created_at >= since)
        if min_value is not None:
            query = query.where(column.value_score >= min_value)
        if outcome is not None:
            query = query.where(column.outcome == outcome)
        return [to_interaction(row) for row in await self._all(query)]

    async def corrections(self, *, limit: int) -> list[Correction]:
        query = select(corrections).order_by(corrections.c.place.desc()).limit(limit)
        return [to_correction(row) for row in await self._all(query)]

    async def unfiled(self, *, limit: int) -> list[Interaction]:
        query = select(interactions).where(not_(interactions.c.filed)).order_by(interactions.c.place).limit(limit)
        return [to_interaction(row) for row in await self._all(query)]

    async def mark_filed(self, interactions: Sequence[Interaction]) -> None:
        if interactions:
            copied = [_filed(interaction) for interaction in interactions]
            await self._writer.write(lambda connection: connection.execute(_MARK_FILED, copied).close())

    async def forget_copies(self) -> None:
        def forget(connection: Connection) -> None:
            connection.execute(update(interactions).where(interactions.c.filed).values(filed=False)).close()
            connection.execute(delete(sources)).close()

        await self._writer.write(forget)

    async def totals(self, since: datetime | None, *, high_value: float) -> Totals:
        return await self._read(lambda connection: read_totals(connection, since, high_value))

    async def prefer(self, pair: PreferencePair) -> None:
        await self._writer.add(self._add_preference, preference_values(pair))

    async def preferences(self, *, limit: int) -> list[PreferencePair]:
        query = select(preferences).order_by(preferences.c.place.desc()).limit(limit)
        return [to_preference(row) for row in await self._all(query)]

    async def keep_evidence(self, interaction_id: str, features: bytes) -> None:
        def keep(connection: Connection) -> None:
            _require(connection, interaction_id)
            connection.execute(self._put_evidence, {"interaction_id": interaction_id, "features": features}).close()

        await self._writer.write(keep)

    async def evidence(self, *, limit: int) -> list[ports.EvidenceRecord]:
        query = (
            select(interactions, evidence.c.features)
            .join(evidence, evidence.c.interaction_id == interactions.c.id)
            .order_by(interactions.c.place.desc())
            .limit(limit)
        )
        return [to_evidence(row) for row in await self._all(query)]

    async def spent(self, since: datetime) -> Mapping[str, Spending]:
        return await self._read(lambda connection: read_spent(connection, since))

    async def audited(self, since: datetime | None) -> Mapping[bool, ArmSums]:
        return await self._read(lambda connection: read_arms(connection, since))

    async def source(self, root: str, path: str) -> Source | None:
        found = await self._all(select(sources).where(_is_source(root, path)))
        return to_source(found[0]) if found else None

    async def sources(self, root: str) -> list[Source]:
        """As the port says, by path."""
        query = select(sources).where(sources.c.root == root).order_by(sources.c.path)
        return [to_source(row) for row in await self._all(query)]

    async def roots(self) -> list[str]:
        query = select(sources.c.root).distinct().order_by(sources.c.root)
        return [row.root for row in await self._all(query)]

    async def put_source(self, source: Source) -> None:
        await self._writer.add(self._put_source, source_values(source))

    async def remove_source(self, root: str, path: str) -> None:
        gone = delete(sources).where(_is_source(root, path))
        await self._writer.write(lambda connection: connection.execute(gone).close())

    async def read(self, statement: str, *, limit: int, timeout_s: float) -> ports.Table:
        return await anyio.to_thread.run_sync(self._reader.read, statement, limit, timeout_s, limiter=self._threads)

    async def aclose(self) -> None:
        await self._writer.aclose()
        await anyio.to_thread.run_sync(self._store.dispose)

    async def _all(self, query: Select[Any]) -> Sequence[Any]:
        return await self._read(lambda connection: connection.execute(query).all())

    async def _read(self, work: Callable[[Connection], T]) -> T:
        def reading() -> T:
            with translated(self._store.name), self._store.reading.begin() as connection:
                return work(connection)

        return await anyio.to_thread.run_sync(reading, limiter=self._threads)


def _unknown(interaction_id: str) -> NotFound:
    return NotFound(f"no interaction {interaction_id!r} in the ledger; list the recent ones to find its id")


def _replacing(insert: Insert, keys: Sequence[str], changed: Sequence[str]) -> Insert:
    return insert.on_conflict_do_update(index_elements=keys, set_={name: insert.excluded[name] for name in changed})


def _is_source(root: str, path: str) -> Any:
    return and_(sources.c.root == root, sources.c.path == path)


def _require(connection: Connection, interaction_id: str) -> None:
    """Raise NotFound unless it is there, and keep other replicas from writing about it at the same time."""
    its_row = select(interactions.c.id).where(interactions.c.id == interaction_id)
    if connection.scalar(its_row.with_for_update()) is None:
        raise _unknown(interaction_id)


def _credit(connection: Connection, interaction_id: str, given: Mapping[str, float]) -> dict[str, PassageRecord]:
    _require(connection, interaction_id)
    connection.execute(delete(credits).where(credits.c.interaction_id == interaction_id))
    if not given:
        return {}
    rows = [{"passage_id": one, "interaction_id": interaction_id, "credit": given[one]} for one in given]
    connection.execute(credits.insert(), rows)
    return _records(connection, list(given))


def _records(connection: Connection, passage_ids: Sequence[str]) -> dict[str, PassageRecord]:
    query = (
        select(credits.c.passage_id, func.count(), func.sum(credits.c.credit))
        .where(credits.c.passage_id.in_(passage_ids))
        .group_by(credits.c.passage_id)
    )
    return {passage_id: PassageRecord(uses, credit) for passage_id, uses, credit in connection.execute(query)}


_MARK_FILED = (
    update(interactions)
    .where(interactions.c.id == bindparam("copied_id"))
    .where(*(interactions.c[name].is_not_distinct_from(bindparam(f"copied_{name}")) for name in _SETTLED))
    .values(filed=True)
)


def _filed(interaction: Interaction) -> Values:
    values = interaction_values(interaction)
    return {f"copied_{name}": values.get(name) for name in ("id", *_SETTLED)}
