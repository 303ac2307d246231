"""An index run may be killed, closed or starved anywhere: the next one ends where an undisturbed one would."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path

import pytest

from hybrid_coordinator.backends.files.local import LocalFiles
from hybrid_coordinator.domain.indexing import FoundFile, Indexed, Skipped, SkipReason
from hybrid_coordinator.domain.knowledge import Vector
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.flows.ingest import Indexer
from hybrid_coordinator.testing import HashEmbedder, ManualClock
from indexing import make_repository, memory_library, real_library, write_files

NOBODY = 65534
DEADLINE_S = 60

MORTAL_RUN = """
import os, signal, sys
from pathlib import Path
import anyio
from indexing import real_library
from hybrid_coordinator.testing import HashEmbedder

CHANGES = {"put", "remove", "put_source", "remove_source"}

class Mortal:
    '''Passes every call on, and kills this process before one of those that change a store.'''
    calls_left = int(sys.argv[3])

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        if name in CHANGES:
            Mortal.calls_left -= 1
            if Mortal.calls_left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return getattr(self.inner, name)

async def main():
    async with real_library(Path(sys.argv[1]), HashEmbedder()) as library:
        library.knowledge, library.ledger = Mortal(library.knowledge), Mortal(library.ledger)
        await library.index(sys.argv[2])

anyio.run(main)
"""

LONG_RUN = """
import sys
from contextlib import aclosing
from pathlib import Path
import anyio
from indexing import real_library
from hybrid_coordinator.domain.indexing import Indexed
from hybrid_coordinator.flows.ingest import Indexer
from hybrid_coordinator.testing import ManualClock

async def main():
    async with real_library(Path(sys.argv[1])) as library:
        indexer = Indexer(library.files, library.knowledge, library.embedder, library.ledger, ManualClock())
        async with aclosing(indexer.index([sys.argv[2]])) as events:
            async for event in events:
                if isinstance(event, Indexed):
                    print(event.path, flush=True)

anyio.run(main)
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def functions(prefix: str, count: int) -> str:
    return "\n\n".join(
        f'def {prefix}_{n}():\n    """Do the {prefix} thing number {n}."""\n    return {n}\n' for n in range(count)
    )


@contextmanager
def without_privileges() -> Iterator[Path]:
    """A folder of nobody's, seen by nobody: the superuser may read everything."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        was_root = os.geteuid() == 0
        if was_root:
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            if was_root:
                os.seteuid(0)


@pytest.mark.parametrize("calls", [1, 3, 4, 5, 7, 9])
async def test_a_run_killed_at_any_step_is_made_good_by_the_next(tmp_path: Path, calls: int) -> None:
    old = {"a.py": functions("a", 3), "b.py": functions("b", 3), "gone.py": functions("gone", 2)}
    new = {"a.py": functions("a", 2) + "X = 1\n", "b.py": functions("other", 3), "c.py": functions("c", 2)}
    repository = make_repository(tmp_path / "shop", old)
    async with real_library(tmp_path / "data", HashEmbedder()) as library:
        await library.index(repository)
    (repository / "gone.py").unlink()
    write_files(repository, new)
    undisturbed = memory_library()
    await undisturbed.index(repository)

    with start(MORTAL_RUN, tmp_path / "data", repository, calls) as process:
        killed = process.wait(DEADLINE_S)
    async with real_library(tmp_path / "data", HashEmbedder()) as library:
        await library.index(repository)
        contents = await library.contents()
        recorded = await library.recorded()

    assert killed == -signal.SIGKILL
    assert contents == await undisturbed.contents()
    assert recorded == contents.keys()


async def test_a_long_run_killed_from_outside_goes_on_where_it_was(tmp_path: Path) -> None:
    files = {f"part{number}.py": functions(f"part{number}", 70) for number in range(6)}
    repository = make_repository(tmp_path / "shop", files)
    undisturbed = memory_library()
    await undisturbed.index(repository)

    with start(LONG_RUN, tmp_path / "data", repository) as process:
        assert process.stdout is not None
        first = process.stdout.readline().strip()
        process.kill()
    async with real_library(tmp_path / "data") as library:
        summary = await library.index(repository)
        contents = await library.contents()

    assert first in files
    assert summary.unchanged >= 1
    assert summary.indexed + summary.unchanged == len(files)
    assert contents == await undisturbed.contents()


async def test_a_run_that_is_closed_early_keeps_what_it_said_was_indexed(tmp_path: Path) -> None:
    files = {f"part{number}.py": functions(f"part{number}", 70) for number in range(4)}
    repository = make_repository(tmp_path / "shop", files)
    library = memory_library()
    indexer = Indexer(library.files, library.knowledge, library.embedder, library.ledger, ManualClock())

    async with aclosing(indexer.index([str(repository)])) as events:
        async for event in events:
            if isinstance(event, Indexed):
                break
    summary = await library.index(repository)

    assert (summary.unchanged, summary.indexed) == (1, 3)


class TiredEmbedder(HashEmbedder):
    """Works for some calls and then no more."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls_left = calls

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.calls_left -= 1
        if self.calls_left < 0:
            raise ModelUnavailable("the embedder is tired; try again later")
        return await super().embed(texts)


async def test_an_embedder_that_fails_ends_the_run_and_loses_nothing(tmp_path: Path) -> None:
    files = {f"part{number}.py": functions(f"part{number}", 70) for number in range(4)}
    repository = make_repository(tmp_path / "shop", files)
    library = memory_library()
    library.embedder = TiredEmbedder(calls=4)

    with pytest.raises(ModelUnavailable):
        await library.index(repository)
    library.embedder = HashEmbedder()
    summary = await library.index(repository)

    assert (summary.unchanged, summary.indexed) == (2, 2)
    assert (await library.contents()).keys() == await library.recorded()


async def test_what_cannot_be_read_now_is_told_and_kept() -> None:
    with without_privileges() as folder:
        write_files(folder, {"a.py": "x = 1", "sub/b.py": "x = 2", "c.py": "x = 3"})
        library = memory_library()
        await library.index(folder)
        before = await library.contents()

        (folder / "a.py").chmod(0)
        (folder / "sub").chmod(0)
        summary = await library.index(folder)
        (folder / "sub").chmod(0o700)

    tally = summary.skipped[SkipReason.UNREADABLE]
    assert (tally.count, set(tally.examples)) == (2, {"a.py", "sub/"})
    assert summary.removed == 0
    assert await library.contents() == before


async def test_a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one() -> None:
    with without_privileges() as outer:
        folder = write_files(outer / "plain", {"a.py": "x = 1"})
        library = memory_library()
        await library.index(folder)

        folder.chmod(0o100)
        summary = await library.index(folder)
        folder.chmod(0o700)

    assert summary.skipped[SkipReason.UNREADABLE].examples == ("./",)
    assert len(await library.contents()) == 1


def nothing(path: Path) -> None:
    """The file vanished."""


def endless_link(path: Path) -> None:
    path.symlink_to("/dev/zero")


def grown(path: Path) -> None:
    path.write_bytes(b"x" * 2_000)


@pytest.mark.parametrize(
    ("become", "reason"),
    [
        (nothing, SkipReason.UNREADABLE),
        (endless_link, SkipReason.UNREADABLE),
        (os.mkfifo, SkipReason.SPECIAL),
        (Path.mkdir, SkipReason.SPECIAL),
        (grown, SkipReason.TOO_LARGE),
    ],
)
async def test_a_file_that_became_something_else_since_it_was_listed_never_blocks(
    tmp_path: Path, become: Callable[[Path], None], reason: SkipReason
) -> None:
    become(tmp_path / "file")

    outcome = await LocalFiles(max_bytes=1_000).read(FoundFile(str(tmp_path), "file"))

    assert isinstance(outcome, Skipped)
    assert outcome.reason is reason
