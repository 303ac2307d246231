"""The form of the stored data: numbered steps from nothing to today's, taken in one transaction when a ledger opens.

A release that changes a table appends a step that brings the tables of the release before to the new form. Steps are
never edited and each may be taken again on its own result.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, Table, func, insert, inspect, select, text
from sqlalchemy.schema import CreateColumn

from hybrid_coordinator.backends.ledger.engines import SCHEMA, Store
from hybrid_coordinator.backends.ledger.failures import translated
from hybrid_coordinator.backends.ledger.filling import fill_in
from hybrid_coordinator.backends.ledger.learning_tables import changes
from hybrid_coordinator.backends.ledger.log_guard import guard_log
from hybrid_coordinator.backends.ledger.run_tables import version_changes
from hybrid_coordinator.backends.ledger.tables import corrections, credits, interactions, metadata, versions
from hybrid_coordinator.backends.ledger.views import create_views
from hybrid_coordinator.errors import Conflict

Step = Callable[[Connection], None]

_POSTGRESQL_LOCK = 0x6C656467
"""Two processes that open one database take turns: the key of an advisory lock."""

_MEAN_OF_TRUTHS = """
CREATE OR REPLACE FUNCTION count_truth(so_far bigint[], truth boolean) RETURNS bigint[] LANGUAGE sql IMMUTABLE STRICT
    AS 'SELECT ARRAY[so_far[1] + truth::int, so_far[2] + 1]';
CREATE OR REPLACE FUNCTION share_true(counted bigint[]) RETURNS double precision LANGUAGE sql IMMUTABLE STRICT
    AS 'SELECT counted[1]::double precision / nullif(counted[2], 0)';
CREATE OR REPLACE AGGREGATE avg(boolean)
    (SFUNC = count_truth, STYPE = bigint[], INITCOND = '{0,0}', FINALFUNC = share_true);
"""
"""Lets PostgreSQL take `AVG(outcome='success')` as SQLite does."""


def create_tables(connection: Connection) -> None:
    """Form 1: the first release."""
    metadata.create_all(connection)
    if connection.dialect.name == "postgresql":
        for statement in _MEAN_OF_TRUTHS.strip().split(";\n"):
            connection.execute(text(statement))


SINCE_FORM_2 = ("asker", "cache", "cache_read_tokens", "cache_write_tokens", "holdout")


def add_askers_and_pairs(connection: Connection) -> None:
    """Form 2: who asked, what the caches did, who was held out; preference pairs and evidence."""
    metadata.create_all(connection)
    add_columns(connection, interactions, SINCE_FORM_2)


def add_columns(connection: Connection, table: Table, names: Sequence[str]) -> None:
    """Add those of these columns that are not there; the rows get their defaults."""
    present = {column["name"] for column in inspect(connection).get_columns(table.name)}
    for name in names:
        if name not in present:
            column = CreateColumn(table.c[name]).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {column}")


SINCE_FORM_3 = ("similarities", "withheld", "origin", "channel", "question_key", "learned")


def add_learning(connection: Connection) -> None:
    """Form 3: what learning asks of interactions; the catalog with its log, the agenda, the events."""
    metadata.create_all(connection)
    add_columns(connection, interactions, SINCE_FORM_3)
    add_columns(connection, credits, ("withheld", "session"))
    add_columns(connection, corrections, ("origin",))
    for index in (*interactions.indexes, *credits.indexes):
        index.create(connection, checkfirst=True)
    fill_in(connection)
    guard_log(connection, changes, "changes")


def add_runs(connection: Connection) -> None:
    """Form 4: training runs, the versions that came of them, and the log of what became of those."""
    metadata.create_all(connection)
    guard_log(connection, version_changes, "version_changes")


STEPS: Sequence[Step] = (create_tables, add_askers_and_pairs, add_learning, add_runs)


def upgrade(store: Store, steps: Sequence[Step] = STEPS) -> None:
    """Bring the stored data to today's form, whatever release wrote it; a newer release's raises Conflict."""
    with translated(store.name), store.writing.begin() as connection:
        _take_turns(connection)
        reached = _version(connection)
        if reached > len(steps):
            raise Conflict(
                f"the ledger at {store.name!r} was written by a newer release (form {reached}, this one knows "
                f"{len(steps)}); upgrade hybrid-coordinator, or choose another data folder"
            )
        if reached < len(steps):
            _climb(connection, steps, reached)


def _take_turns(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_POSTGRESQL_LOCK)))
        if not inspect(connection).has_schema(SCHEMA):
            connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")


def _version(connection: Connection) -> int:
    if not inspect(connection).has_table(versions.name):
        return 0
    return connection.scalar(select(func.max(versions.c.version))) or 0


def _climb(connection: Connection, steps: Sequence[Step], reached: int) -> None:
    for number, step in enumerate(steps[reached:], start=reached + 1):
        step(connection)
        connection.execute(insert(versions).values(version=number, reached_at=datetime.now(UTC)))
    create_views(connection)
