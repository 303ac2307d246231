"""Building a collection's graph in a copy, in another process.

The engine keeps the interpreter lock while it optimizes, half a minute for 100,000 passages: done here, nothing else
would run. The child is this very module, started with the folder to work on.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import anyio
from qdrant_edge import EdgeShard

from hybrid_coordinator.backends.knowledge.engine_errors import demand_space, engine_errors
from hybrid_coordinator.backends.knowledge.shard import Shard
from hybrid_coordinator.errors import Unavailable

LEAST_CHURN = 1_000
CHURNED_SHARE = 0.2
"""A collection is worth tidying when this many of its points, and this share, changed since the last time."""

TIME_LIMIT_S = 3_600.0

_ROOM = 3
"""An optimized copy and what it is made from take this many times the space of a collection."""

_GENTLE = 10
_COPY_BYTES = 1 << 20


def worth_tidying(shard: Shard) -> bool:
    return shard.churn >= max(LEAST_CHURN, CHURNED_SHARE * shard.count())


def copy_folder(source: Path, target: Path) -> None:
    """Copy a shard that nobody writes to meanwhile. Raises StorageFull before it would fill the disk."""
    with engine_errors(source):
        demand_space(source, _ROOM * _occupied_bytes(source))
        shutil.copytree(source, target, copy_function=_copy_sparse)


async def optimize_apart(folder: Path) -> None:
    """Optimize a shard that nobody else has open. Raises Unavailable when it did not come to an end."""
    command = [sys.executable, "-m", __spec__.name, str(folder)]
    try:
        with anyio.fail_after(TIME_LIMIT_S):
            await anyio.run_process(command, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError, TimeoutError) as error:
        said = getattr(error, "stderr", b"") or b""
        reason = said.decode("utf-8", "replace").strip().rpartition("\n")[2] or repr(error)
        raise Unavailable(f"could not tidy a copy of {folder.stem!r}: {reason}. Nothing changed; try again") from error


def _occupied_bytes(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*"))


def _copy_sparse(source: str, target: str) -> str:
    """Copy a file's data and leave its holes holes: most of a shard's files are mapped far beyond what they hold."""
    with Path(source).open("rb", buffering=0) as reader, Path(target).open("wb", buffering=0) as writer:
        size = os.fstat(reader.fileno()).st_size
        for start, end in _extents(reader.fileno(), size):
            reader.seek(start)
            writer.seek(start)
            while (missing := end - reader.tell()) > 0:
                writer.write(reader.read(min(missing, _COPY_BYTES)))
        writer.truncate(size)
    return target


def _extents(descriptor: int, size: int) -> Generator[tuple[int, int]]:
    end = 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError:  # only a hole is left
            return
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end


def _optimize(folder: str) -> None:
    os.nice(_GENTLE)
    shard = EdgeShard.load(folder)
    shard.optimize()
    shard.flush()
    shard.close()


if __name__ == "__main__":
    _optimize(sys.argv[1])
