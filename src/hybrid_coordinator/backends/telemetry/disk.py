"""What a disk complains about, said once in our own errors."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hybrid_coordinator.errors import StorageFull, Unavailable


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Around everything that writes to a file."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"the disk of {str(path)!r} is full; free some space: it is tried again") from error
        raise Unavailable(f"cannot write {str(path)!r} ({error.strerror}); mend its rights") from error
