"""Files that are there whole or not at all, for nobody but their owner, and what a disk has to say against it."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hybrid_coordinator.errors import StorageFull, Unavailable


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what the file system raises into our own errors, which name the folder of the run."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"the disk is full: {str(path)!r} was not written; free some space") from error
        raise Unavailable(f"cannot use {str(path)!r} ({error.strerror}); mend its rights, or the disk") from error


def write_new(path: Path, content: bytes) -> None:
    """Write a file, in place of one of its name, and have it on disk."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in place of the old one; a kill, or a full disk, leaves one of the two whole."""
    part = path.with_name(f"{path.name}.part")
    try:
        write_new(part, content)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    settle(path.parent)


def settle(folder: Path) -> None:
    """Have the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
