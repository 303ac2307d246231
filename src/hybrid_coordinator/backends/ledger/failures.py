"""What a database complains about, said once in our own errors."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from hybrid_coordinator.errors import (
    BadInput,
    CoordinatorError,
    Damaged,
    SettingError,
    StorageFull,
    StoreBusy,
    Unavailable,
)

BUSY_RETRY_S = 5.0
"""When to come back to a ledger that another process holds."""

_SQLITE: dict[int, type[CoordinatorError]] = {
    sqlite3.SQLITE_BUSY: StoreBusy,
    sqlite3.SQLITE_LOCKED: StoreBusy,
    sqlite3.SQLITE_FULL: StorageFull,
    sqlite3.SQLITE_CORRUPT: Damaged,
    sqlite3.SQLITE_NOTADB: Damaged,
    sqlite3.SQLITE_CANTOPEN: SettingError,
    sqlite3.SQLITE_PERM: SettingError,
    sqlite3.SQLITE_READONLY: SettingError,
    sqlite3.SQLITE_CONSTRAINT: BadInput,
    sqlite3.SQLITE_MISMATCH: BadInput,
    sqlite3.SQLITE_TOOBIG: BadInput,
}
"""By primary result code: https://sqlite.org/rescode.html"""

_SQLITE_FULL_TOO = {sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_WRITE}
"""A full disk met while the write-ahead log or its index grows."""

_POSTGRESQL: dict[str, type[CoordinatorError]] = {
    "53100": StorageFull,
    "53": StoreBusy,
    "55P03": StoreBusy,
    "57014": StoreBusy,
    "40": StoreBusy,
    "XX001": Damaged,
    "XX002": Damaged,
    "28": SettingError,
    "3D": SettingError,
    "42501": SettingError,
    "22": BadInput,
    "23": BadInput,
    "54": BadInput,
}
"""By SQLSTATE, or its class: https://www.postgresql.org/docs/current/errcodes-appendix.html"""

_ADVICE: dict[type[CoordinatorError], str] = {
    StoreBusy: "is held by another process; try again, or stop that process",
    StorageFull: "is on a full disk; free some space: what was recorded before is kept",
    Damaged: "cannot be read; restore a backup of it, or move it away and start with a new one (nothing was changed)",
    SettingError: "cannot be opened for writing; correct its address, or the rights on it",
    BadInput: "refuses a value; send one that fits",
    Unavailable: "does not answer; see that it is up and lets this user in, and try again",
}


def _sqlite_kind(error: sqlite3.Error) -> type[CoordinatorError]:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)  # the driver's own errors carry none
    if code in _SQLITE_FULL_TOO:
        return StorageFull
    return _SQLITE.get(code & 0xFF, Unavailable)


def kind_of(error: BaseException | None) -> type[CoordinatorError]:
    """Which of our errors a driver's error is; Unavailable for one that nobody foresaw."""
    if isinstance(error, sqlite3.Error):
        return _sqlite_kind(error)
    state = getattr(error, "sqlstate", None) or ""
    return _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2], Unavailable)


def explain(kind: type[CoordinatorError], store: str, cause: object) -> CoordinatorError:
    """The error of a kind, naming the store, the next step and what the database said."""
    message = f"the ledger at {store!r} {_ADVICE[kind]}: {str(cause).strip()}"
    if issubclass(kind, StoreBusy):
        return kind(message, retry_after_s=BUSY_RETRY_S)
    return kind(message)


@contextmanager
def translated(store: str) -> Iterator[None]:
    """Turn what SQLAlchemy and the drivers raise inside into CoordinatorErrors that name the store."""
    try:
        yield
    except DBAPIError as error:
        raise explain(kind_of(error.orig), store, error.orig) from error
    except (StatementError, OverflowError) as error:
        raise explain(BadInput, store, getattr(error, "orig", error)) from error
    except PoolTimeout as error:
        raise explain(StoreBusy, store, error) from error
