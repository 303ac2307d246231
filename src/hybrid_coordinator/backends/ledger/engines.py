"""From a URL to the engines that write to and read from one database."""

import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError

from hybrid_coordinator.errors import MissingExtra, SettingError

READERS = 4
"""Reading connections, and threads that wait for them."""

BETWEEN_TRIES_S = 0.01

CHECKPOINT_PAGES = 4000
"""Pages (4 kB) of write-ahead log between two checkpoints. One takes some milliseconds of the append that meets it, so
they are rare enough to stay out of the slowest hundredth even when answers are long."""

SCHEMA = "hybrid_coordinator"
"""Where the tables lie on PostgreSQL, so that they meet no namesake of another program."""

RIGHT_URL = "sqlite:///path/to/ledger.sqlite or postgresql://user:password@host/database"


@dataclass(frozen=True, slots=True)
class Store:
    """One database. `name` is what messages call it: the file, or the URL without its password."""

    name: str
    writing: Engine
    reading: Engine

    def dispose(self) -> None:
        self.writing.dispose()
        self.reading.dispose()


def open_store(url: str, connect_args: Mapping[str, Any], busy_timeout_s: float) -> Store:
    """Engines for the URL. Connects to nothing yet; an address that cannot be one raises SettingError."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingError(f"the ledger's URL {url!r} cannot be read; write {RIGHT_URL}") from error
    if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return _open_sqlite(parsed, connect_args, busy_timeout_s)
    if parsed.get_backend_name() == "postgresql":
        return _open_postgresql(parsed, connect_args, busy_timeout_s)
    raise SettingError(f"the ledger cannot be kept at {parsed!r}; write {RIGHT_URL}")


def _open_sqlite(url: URL, connect_args: Mapping[str, Any], busy_timeout_s: float) -> Store:
    arguments = {"timeout": busy_timeout_s, **connect_args}
    writing = create_engine(url, connect_args=arguments, pool_size=1, max_overflow=0)
    reading = create_engine(url, connect_args=arguments, pool_size=READERS, max_overflow=0)
    event.listen(writing, "connect", lambda connection, _record: _prepare_writer(connection, busy_timeout_s))
    event.listen(reading, "connect", _prepare_reader)
    # taking the lock at the start is what makes the busy time-out hold for the whole transaction
    event.listen(writing, "begin", lambda connection: _begin(connection, "BEGIN IMMEDIATE"))
    event.listen(reading, "begin", lambda connection: _begin(connection, "BEGIN"))
    return Store(str(url.database), writing, reading)


def _prepare_writer(connection: DBAPIConnection, busy_timeout_s: float) -> None:
    connection.isolation_level = None  # transactions begin where SQLAlchemy says, not where the driver guesses
    _keep_a_log(connection, busy_timeout_s)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")


def _keep_a_log(connection: DBAPIConnection, busy_timeout_s: float) -> None:
    """Turn on write-ahead logging. Of two processes that do so for a new file at once, SQLite lets none wait."""
    deadline = time.monotonic() + busy_timeout_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(BETWEEN_TRIES_S)
        else:
            return


def _prepare_reader(connection: DBAPIConnection, _record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA query_only = ON")


def _begin(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)


def _open_postgresql(url: URL, connect_args: Mapping[str, Any], busy_timeout_s: float) -> Store:
    options = f"-csearch_path={SCHEMA} -clock_timeout={round(busy_timeout_s * 1000)}"
    arguments = {"connect_timeout": max(1, round(busy_timeout_s)), **connect_args}
    arguments["options"] = f"{arguments.get('options', '')} {options}".strip()
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args=arguments,
            pool_size=READERS + 1,
            max_overflow=0,
            pool_pre_ping=True,
        )
    except ModuleNotFoundError as error:
        raise MissingExtra("PostgreSQL needs a driver; pip install 'hybrid-coordinator[servers]'") from error
    return Store(url.render_as_string(hide_password=True), engine, engine)
