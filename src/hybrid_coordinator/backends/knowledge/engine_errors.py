"""What the embedded engine says when something is wrong, in this package's errors.

The engine raises bare `Exception` for everything, and a Rust panic as a `BaseException`, so the words decide.
"""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from hybrid_coordinator.errors import (
    BadInput,
    CoordinatorError,
    Damaged,
    DataFolderBusy,
    SettingError,
    StorageFull,
    Unavailable,
)

SPARE_BYTES = 128 * 2**20
"""Free space that no write may touch.

The engine writes through memory maps of sparse files: a disk that fills up while it does so ends the whole process
with SIGBUS. So there is always room for what it may do on its own.
"""

_REFUSALS = ("Permission denied", "Read-only file system", "File exists", "Not a directory")


@contextmanager
def engine_errors(folder: Path) -> Generator[None]:
    """Translate whatever the engine or the file system raises about a folder."""
    try:
        yield
    except (CoordinatorError, TypeError, ValueError):
        raise
    except Exception as error:
        raise _translated(folder, str(error)) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise _translated(folder, f"the engine panicked: {error}") from error


def demand_space(folder: Path, needed_bytes: int) -> None:
    """Raise StorageFull unless this much can be written and room is left."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes + SPARE_BYTES:
        raise StorageFull(
            f"the disk of {str(folder)!r} has {free >> 20} MiB free and {(needed_bytes + SPARE_BYTES) >> 20} MiB are "
            "needed; nothing stored was lost. Free some space and try again"
        )


def _translated(folder: Path, reason: str) -> CoordinatorError:
    where = repr(str(folder))
    if "WouldBlock" in reason:
        return DataFolderBusy(f"{where} is open in another process. Stop that one, or talk to it")
    if "No space left" in reason:
        return StorageFull(f"the disk of {where} is full; nothing stored was lost. Free some space and try again")
    if any(refusal in reason for refusal in _REFUSALS):
        return SettingError(f"{where} cannot be written ({reason}). Change its permissions or set HYBRID_DATA_DIR")
    if "Vector dimension error" in reason:
        return BadInput(
            f"a vector does not fit {where}: {reason}. Embed with the embedder that the store was opened with"
        )
    if "Shard is not initialized" in reason:
        return Unavailable(f"the knowledge store {where} is closed")
    return Damaged(
        f"{where} cannot be read: {reason}. Restore it from a backup, or move {str(folder.parent)!r} away and run "
        "`hybrid-coordinator index` again"
    )
