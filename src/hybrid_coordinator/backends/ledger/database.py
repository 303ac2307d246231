"""One database with its one writing thread and its readers: what everything that is kept in it shares."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar

import anyio
from sqlalchemy import Connection, Executable, Row, Select, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite

from hybrid_coordinator import ports
from hybrid_coordinator.backends.ledger.engines import READERS, Store, open_store
from hybrid_coordinator.backends.ledger.failures import translated
from hybrid_coordinator.backends.ledger.reading import Reader
from hybrid_coordinator.backends.ledger.reading_postgresql import PostgresqlReader
from hybrid_coordinator.backends.ledger.reading_sqlite import SqliteReader
from hybrid_coordinator.backends.ledger.rows import Values
from hybrid_coordinator.backends.ledger.schema import upgrade
from hybrid_coordinator.backends.ledger.writer import Writer

T = TypeVar("T")
Insert = sqlite.Insert | postgresql.Insert

_INSERTS: Mapping[str, Callable[[Table], Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
_READERS: Mapping[str, type[Reader]] = {"sqlite": SqliteReader, "postgresql": PostgresqlReader}

MOST_ASKED = 500
"""Values that one statement is asked about: below what every database takes."""


class Database:
    """Reads in threads, writes in one; what was written is committed when the call returns."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._writer = Writer(store)
        self._reader = _READERS[store.reading.dialect.name](store)
        self._threads = anyio.CapacityLimiter(READERS)
        self.insert = _INSERTS[store.writing.dialect.name]

    @classmethod
    async def open(
        cls, url: str, *, connect_args: Mapping[str, Any] | None = None, busy_timeout_s: float = 5.0
    ) -> Self:
        """Open `sqlite:///path` or `postgresql://…`, bringing data of an older release up to date.

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

    async def add(self, *rows: tuple[Executable, Values], patient: bool = False) -> None:
        """Carry out each statement for its row, all or none; a patient caller may wait for company."""
        await self._writer.add(*rows, patient=patient)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Do the work in a transaction. It may be tried twice, so it keeps nothing of the first time."""
        return await self._writer.write(work)

    async def run(self, statement: Executable, rows: Sequence[Values] = ()) -> None:
        """Carry out a statement, for each row if there are any."""
        await self.write(lambda connection: connection.execute(statement, rows or None).close())

    async def all(self, query: Select[Any]) -> Sequence[Any]:
        """The rows of a query."""
        return await self.look(lambda connection: connection.execute(query).all())

    async def found(self, query: Select[Any], make: Callable[[Row[Any]], T]) -> list[T]:
        """What is made of the rows of a query; made in the thread, so that nobody else waits for it."""
        return await self.look(lambda connection: [make(row) for row in connection.execute(query)])

    async def look(self, work: Callable[[Connection], T]) -> T:
        """Do work that only reads."""

        def reading() -> T:
            with translated(self._store.name), self._store.reading.begin() as connection:
                return work(connection)

        return await anyio.to_thread.run_sync(reading, limiter=self._threads)

    async def read(self, statement: str, *, limit: int, timeout_s: float) -> ports.Table:
        """A stranger's statement over the views."""
        return await anyio.to_thread.run_sync(self._reader.read, statement, limit, timeout_s, limiter=self._threads)

    async def aclose(self) -> None:
        """Finish what waits and let go. Idempotent."""
        await self._writer.aclose()
        await anyio.to_thread.run_sync(self._store.dispose)


class Kept:
    """Something that is kept in a database, together with others."""

    def __init__(self, database: Database) -> None:
        self._database = database


def in_parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many at a time as one statement takes."""
    for start in range(0, len(values), MOST_ASKED):
        yield values[start : start + MOST_ASKED]


def replacing(insert: Insert, keys: Sequence[str], changed: Sequence[str]) -> Insert:
    """An insert that puts the new values of these columns in place of the old."""
    return insert.on_conflict_do_update(index_elements=keys, set_={name: insert.excluded[name] for name in changed})


def take_turns(connection: Connection, key: int) -> None:
    """Let nobody else do, until this transaction ends, what takes turns under this key. On SQLite all writing does."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(key))).close()
