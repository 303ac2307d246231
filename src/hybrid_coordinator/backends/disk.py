"""Files that are there whole or not at all, for nobody but their owner."""

import os
from pathlib import Path
from typing import BinaryIO


def open_private(path: Path) -> BinaryIO:
    """A new file, in place of one of its name, that nobody but its owner may read: it holds what was asked."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w+b")


def write_new(path: Path, content: bytes) -> None:
    """Write a file, in place of one of its name, and have it on disk."""
    with open_private(path) as file:
        file.write(content)
        finish(file)


def finish(file: BinaryIO) -> None:
    """Have what was written to a file on disk."""
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
