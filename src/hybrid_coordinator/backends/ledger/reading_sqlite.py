"""Strangers' SQL on SQLite: a connection that cannot write, and an authorizer that knows only the views.

Three bars, each shut on its own: the file is opened read-only; the authorizer refuses every action but selecting from
our tables with a short list of functions; and a statement that as much as spells the name of a table is refused, since
the authorizer cannot tell a view from a common table expression that borrows the view's name.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import quote

from hybrid_coordinator.backends.ledger.engines import Store
from hybrid_coordinator.backends.ledger.failures import explain, kind_of
from hybrid_coordinator.backends.ledger.reading import LONGEST_STATEMENT, check_form, refused, to_table
from hybrid_coordinator.backends.ledger.tables import metadata
from hybrid_coordinator.backends.ledger.views import VIEW_NAMES
from hybrid_coordinator.errors import Damaged, StorageFull, StoreBusy
from hybrid_coordinator.ports import Table

_CALLABLE = """
    -> ->> abs avg ceil ceiling coalesce count cume_dist current_date current_time current_timestamp date datetime
    dense_rank exp first_value floor glob group_concat ifnull iif instr json_array_length json_extract json_type
    json_valid julianday lag last_value lead length like ln log lower ltrim max min mod nth_value ntile nullif
    percent_rank pow power rank round row_number rtrim sign sqrt strftime substr substring sum time total trim typeof
    unicode unixepoch upper
"""
FUNCTIONS = frozenset(_CALLABLE.split())
"""Functions a reader may call: none touches files, settings or code, and none makes much out of little."""

LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 16 * 1024 * 1024,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 4 * LONGEST_STATEMENT,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1000,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
}
"""Bytes of one value and of the statement, bytes of a pattern, further databases."""

STEPS_BETWEEN_LOOKS = 1000
"""Virtual machine steps between two looks at the time: well under a millisecond."""


class SqliteReader:
    """Opens the file anew for every statement, so that nothing one reader does can meet the next."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, statement: str, limit: int, timeout_s: float) -> Table:
        check_form(statement)
        _check_names(statement)
        deadline = time.monotonic() + timeout_s
        with self._answered(statement, deadline, timeout_s), closing(self._open(timeout_s)) as connection:
            _guard(connection, deadline)
            cursor = connection.execute(statement)
            return to_table([column[0] for column in cursor.description], cursor, limit)

    def _open(self, timeout_s: float) -> sqlite3.Connection:
        address = f"file:{quote(self._store.name)}?mode=ro"
        return sqlite3.connect(address, uri=True, timeout=timeout_s, isolation_level=None)

    @contextmanager
    def _answered(self, statement: str, deadline: float, timeout_s: float) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, sqlite3.Warning) as error:
            kind = kind_of(error)
            if issubclass(kind, (StoreBusy, StorageFull, Damaged)):
                raise explain(kind, self._store.name, error) from error
            late = time.monotonic() >= deadline
            raise refused(statement, f"it took longer than {timeout_s:g} s" if late else str(error)) from error


def _check_names(statement: str) -> None:
    spelled = statement.lower()
    for name in metadata.tables:
        if name in spelled:
            raise refused(statement, f"it names {name!r}, which is no view")


def _guard(connection: sqlite3.Connection, deadline: float) -> None:
    for limit, most in LIMITS.items():
        connection.setlimit(limit, most)
    connection.set_progress_handler(lambda: time.monotonic() >= deadline, STEPS_BETWEEN_LOOKS)
    connection.set_authorizer(_authorize)


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, _inner: str | None) -> int:
    """SQLite asks this for everything a statement would do, while it is compiled."""
    allowed = (
        action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE)
        or (action == sqlite3.SQLITE_FUNCTION and str(second).lower() in FUNCTIONS)
        or (action == sqlite3.SQLITE_READ and _is_readable(str(first), second))
    )
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _is_readable(table: str, column: str | None) -> bool:
    # a count of the rows of a common table expression reads its nameless column
    return table in metadata.tables or table in VIEW_NAMES or (not column and not table.startswith("sqlite_"))
