"""The file that keeps the cache over restarts: SQLite, one table. Blocking, for one thread at a time.

A cache can be filled again, so a file that cannot be read is put aside and a new one begun.
"""

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hybrid_coordinator.backends.cache.rows import Row
from hybrid_coordinator.domain.knowledge import EmbedderIdentity
from hybrid_coordinator.errors import Damaged, SettingError, StorageFull, StoreBusy, Unavailable

logger = logging.getLogger(__name__)

FORM = 1
"""Of the table. A release that changes it counts up, and starts with an empty cache."""

BUSY_TIMEOUT_S = 5.0
_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}
_SHUT = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY}
_UNREADABLE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

_BEGIN = f"""
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS entries (id TEXT PRIMARY KEY, entry TEXT NOT NULL, vector BLOB);
CREATE TABLE IF NOT EXISTS made_by (embedder TEXT NOT NULL);
PRAGMA user_version = {FORM};
"""


class CacheFile:
    """Rows on disk. Every method that returned has committed."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    @classmethod
    def open(cls, path: Path, embedder: EmbedderIdentity) -> "CacheFile":
        """Open or begin a file. One that cannot be read, or comes from another form or embedder, is begun anew.

        Raises SettingError when the file may not be written, StoreBusy when another process holds it, StorageFull.
        """
        try:
            return cls._open(path, embedder)
        except Damaged as error:
            aside = put_aside(path)
            logger.warning("the cache cannot be read and starts empty", extra={"kept": str(aside), "why": str(error)})
            return cls._open(path, embedder)

    @classmethod
    def _open(cls, path: Path, embedder: EmbedderIdentity) -> "CacheFile":
        with _translated(path):
            connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            with _translated(path):
                _prepare(connection, path, embedder)
        except BaseException:
            connection.close()
            raise
        return cls(path, connection)

    def rows(self) -> list[Row]:
        """Everything, in the order in which it was stored."""
        with _translated(self._path):
            return self._connection.execute("SELECT id, entry, vector FROM entries ORDER BY rowid").fetchall()

    def put(self, row: Row, instead_of: str | None) -> None:
        """Store a row, and delete another in the same transaction."""
        with _translated(self._path), self._transaction():
            if instead_of is not None:
                self._connection.execute("DELETE FROM entries WHERE id = ?", (instead_of,))
            self._connection.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", row)

    def amend(self, rows: Iterable[Row]) -> None:
        """Replace everything but the vectors."""
        changes = [(entry, id) for id, entry, _ in rows]
        with _translated(self._path), self._transaction():
            self._connection.executemany("UPDATE entries SET entry = ? WHERE id = ?", changes)

    def remove(self, ids: Sequence[str]) -> None:
        with _translated(self._path), self._transaction():
            self._connection.executemany("DELETE FROM entries WHERE id = ?", [(id,) for id in ids])

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:  # a full disk may have ended it already
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def put_aside(path: Path) -> Path:
    """Rename the file, and leave its log to it; the first free name is taken."""
    names = (path.with_name(f"{path.name}.damaged-{number}") for number in range(1, 1_000_000))
    aside = next(name for name in names if not name.exists())
    path.rename(aside)
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    return aside


def _prepare(connection: sqlite3.Connection, path: Path, embedder: EmbedderIdentity) -> None:
    [form] = connection.execute("PRAGMA user_version").fetchone()
    if form not in (0, FORM):
        raise Damaged(f"the cache {str(path)!r} has form {form}, and this release knows form {FORM}")
    connection.executescript(_BEGIN)
    [verdict] = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise Damaged(f"the cache {str(path)!r} is damaged: {verdict}")
    known = connection.execute("SELECT embedder FROM made_by").fetchone()
    if known != (str(embedder),):
        connection.executescript("DELETE FROM entries; DELETE FROM made_by;")
        connection.execute("INSERT INTO made_by VALUES (?)", (str(embedder),))


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _translate(path, error) from error


def _translate(path: Path, error: sqlite3.Error) -> Exception:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    cache = f"the cache {str(path)!r}"
    if code in _FULL or code & 0xFF in _FULL:
        return StorageFull(f"{cache} is on a full disk ({error}); free some space: what was stored is kept")
    if code & 0xFF in _UNREADABLE:
        return Damaged(f"{cache} cannot be read ({error}); it starts empty at the next start")
    if code & 0xFF in _SHUT:
        return SettingError(f"{cache} cannot be opened for writing ({error}); correct its path, or the rights on it")
    if code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy(f"{cache} is held by another process ({error}); try again, or stop that process")
    return Unavailable(f"{cache} cannot be used ({error}); see that its disk is well")
