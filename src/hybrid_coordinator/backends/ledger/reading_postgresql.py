"""Strangers' SQL on PostgreSQL: looked through by the server itself, then run in a read-only transaction.

The statement is first made the body of a temporary view, which is rolled back. The server parses it and stores the
parsed tree, in which every relation, function and operator stands by number; nothing was planned or run. It is run
only when every number belongs to a view of ours, to a function on a short list, or to a built-in operator.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hybrid_coordinator.backends.ledger.engines import SCHEMA, Store
from hybrid_coordinator.backends.ledger.failures import explain, kind_of, translated
from hybrid_coordinator.backends.ledger.reading import check_form, refused, to_table
from hybrid_coordinator.backends.ledger.views import VIEW_NAMES
from hybrid_coordinator.ports import Table

_CALLABLE = """
    abs age avg bool bool_and bool_or bpchar btrim ceil ceiling char_length character_length corr count cume_dist date
    date_part date_trunc dense_rank every exp extract first_value float4 float8 floor int2 int4 int8 interval
    json_array_length json_extract_path_text lag last_value lead left length like_escape ln log lower ltrim max min mod
    mode now nth_value ntile numeric percent_rank percentile_cont percentile_disc position pow power rank right round
    row_number rtrim sign split_part sqrt starts_with stddev stddev_pop stddev_samp string_agg strpos substr substring
    sum text time timestamp timestamptz timezone to_char to_date to_timestamp trunc upper var_pop var_samp varchar
    variance
"""
FUNCTIONS = frozenset(_CALLABLE.split())
"""Built-in functions a reader may call: none touches files, settings, sessions or other tables by name."""

OWN_FUNCTIONS = frozenset({"avg"})
"""Those that this package adds."""

FIRST_FOREIGN_NUMBER = 16384
"""Objects from here on did not come with PostgreSQL (`FirstNormalObjectId`)."""

OUTSIDE_TROUBLE = ("08", "53", "57P", "58", "XX")
"""SQLSTATEs, by their first characters, that are not the statement's fault."""

TIME_IS_UP = "57014"

_RELATIONS = re.compile(r":relid (\d+)")
_FUNCTIONS = re.compile(r":(?:funcid|aggfnoid|winfnoid|tsmhandler) (\d+)")
_OPERATORS = re.compile(r":opno (\d+)")

_LOOKED_AT = "statement_looked_at"
_PARSED = "SELECT ev_class, ev_action::text FROM pg_rewrite WHERE ev_class = %s::regclass"
_VIEWS = "SELECT oid FROM pg_class WHERE relnamespace = %s::regnamespace AND relname = ANY(%s)"
_NAMES = "SELECT pronamespace = %s::regnamespace, proname FROM pg_proc WHERE oid = ANY(%s)"


class PostgresqlReader:
    """Borrows a connection of the readers for each statement and hands it back with nothing left on it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._driver: Any = store.reading.dialect.dbapi

    def read(self, statement: str, limit: int, timeout_s: float) -> Table:
        check_form(statement)
        bare = statement.rstrip().rstrip(";")
        with translated(self._store.name), self._store.reading.connect() as connection:
            driver: Any = connection.connection.driver_connection
            with self._answered(driver, statement, timeout_s):
                _look_through(driver, bare, timeout_s)
                return _run(driver, bare, limit, timeout_s)

    @contextmanager
    def _answered(self, driver: Any, statement: str, timeout_s: float) -> Iterator[None]:
        try:
            yield
        except self._driver.Error as error:
            state = error.sqlstate or ""
            if state == TIME_IS_UP:
                raise refused(statement, f"it took longer than {timeout_s:g} s") from error
            if not state or state.startswith(OUTSIDE_TROUBLE):
                raise explain(kind_of(error), self._store.name, error) from error
            raise refused(statement, str(error).strip().splitlines()[0]) from error
        finally:
            if not driver.closed:
                driver.rollback()


def _look_through(driver: Any, statement: str, timeout_s: float) -> None:
    """Refuse a statement that reaches for anything but the views. Leaves no trace."""
    with driver.cursor() as cursor:
        _limit_time(cursor, timeout_s)
        # binary: the protocol's form that takes one statement only
        cursor.execute(f"CREATE TEMP VIEW {_LOOKED_AT} AS SELECT 1 FROM ({statement}\n) AS asked", binary=True)
        itself, tree = cursor.execute(_PARSED, [f"pg_temp.{_LOOKED_AT}"]).fetchone()
        views = {oid for (oid,) in cursor.execute(_VIEWS, [SCHEMA, list(VIEW_NAMES)])}
        if not _numbers(_RELATIONS, tree) <= views | {itself, 0}:
            raise refused(statement, "it reads something that is no view")
        if any(number >= FIRST_FOREIGN_NUMBER for number in _numbers(_OPERATORS, tree)):
            raise refused(statement, "it uses an operator that PostgreSQL does not bring along")
        for own, name in cursor.execute(_NAMES, [SCHEMA, list(_numbers(_FUNCTIONS, tree))]).fetchall():
            _check_function(statement, name, own=own)
    driver.rollback()


def _numbers(kind: re.Pattern[str], tree: str) -> set[int]:
    return {int(number) for number in kind.findall(tree)}


def _run(driver: Any, statement: str, limit: int, timeout_s: float) -> Table:
    deadline = time.monotonic() + timeout_s
    with driver.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        _limit_time(cursor, timeout_s)
    with driver.cursor(name="asked") as cursor:
        cursor.execute(statement)
        columns = [column.name for column in cursor.description]
        return to_table(columns, _until(deadline, cursor, statement), limit)


def _until(deadline: float, rows: Any, statement: str) -> Iterator[Any]:
    """The rows, as long as there is time: the server's own limit starts anew with every batch."""
    for row in rows:
        if time.monotonic() >= deadline:
            raise refused(statement, "reading its rows took too long")
        yield row


def _limit_time(cursor: Any, timeout_s: float) -> None:
    cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(max(1, round(timeout_s * 1000)))])


def _check_function(statement: str, name: str, *, own: bool) -> None:
    if name not in (OWN_FUNCTIONS if own else FUNCTIONS):
        raise refused(statement, f"it calls {name!r}, which is not on the list of functions")
