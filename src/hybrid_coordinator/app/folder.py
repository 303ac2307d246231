"""The data folder: what lies where, and who owns it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import gethostname
from uuid import UUID, uuid4

from filelock import FileLock, Timeout

from hybrid_coordinator.errors import DataFolderBusy, SettingError

LOCK_FILE = "lock"
OWNER_FILE = "owner"
KNOWLEDGE_FOLDER = "knowledge"
LEDGER_FILE = "ledger.db"
CACHE_FILE = "cache.db"
ROUTER_FILE = "router.npz"
RETRIEVER_FILE = "retriever.npz"
EXPERIENCE_FILE = "experience.json"
BOOKMARK_FILE = "curation.json"
TELEMETRY_FOLDER = "telemetry"
DEAD_LETTER_FILE = "dead-letters.jsonl"
MODELS_FOLDER = "models"
RUNS_FOLDER = "runs"
FINGERPRINTS_FILE = "fingerprints.json"
INSTANCE_FILE = "instance"
"""Names this data folder among others: whoever owns the folder goes by it."""
SERVER_FILE = "server.json"
"""Written by a running server: its URL and process id."""


@contextmanager
def own_folder(folder: Path) -> Iterator[None]:
    """Make the data folder and hold its lock. A lock dies with its process, however that ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK_FILE, timeout=0)
        lock.acquire()
    except Timeout as error:
        raise DataFolderBusy(
            f"the data folder {str(folder)!r} is in use by {_owner_of(folder)}; "
            "stop it, or set HYBRID_DATA_DIR to another folder"
        ) from error
    except OSError as error:
        raise SettingError(
            f"HYBRID_DATA_DIR={str(folder)!r} cannot be used ({error.strerror}); name a folder that can be written"
        ) from error
    try:
        (folder / OWNER_FILE).write_text(str(os.getpid()))
        yield
    finally:
        lock.release()


def name_instance(folder: Path) -> str:
    """The name of the folder that one owns, made up the first time. A process that takes over goes by the same; a copy
    of the folder elsewhere does not."""
    here = f"{gethostname()} {folder.resolve()}"
    file = folder / INSTANCE_FILE
    try:
        name, _, at = file.read_text().partition("\n")
        if at == here:
            return str(UUID(name))
    except (OSError, ValueError):
        pass
    part = file.with_suffix(".part")
    part.write_text(f"{(name := str(uuid4()))}\n{here}")
    part.replace(file)
    return name


def _owner_of(folder: Path) -> str:
    try:
        return f"process {int((folder / OWNER_FILE).read_text())}"
    except (OSError, ValueError):
        return "another process"
