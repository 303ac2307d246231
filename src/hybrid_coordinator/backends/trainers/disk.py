"""What a disk has to say against the folder of a run."""

import errno
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
