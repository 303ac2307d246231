"""What every test may ask for."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from postgresql import Cluster, find_programs
from room import Room


@pytest.fixture
def anyio_backend() -> str:
    """One event loop: asyncio, the one the product runs on."""
    return "asyncio"


@pytest.fixture
def room() -> Room:
    """A house of fakes."""
    return Room()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server for as long as the tests last; without its programs they are skipped, and fail in CI."""
    programs = find_programs()
    if programs is None:
        reason = "PostgreSQL's initdb and pg_ctl are not installed (Debian: apt-get install postgresql)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="ledger-") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        cluster = Cluster(Path(folder), programs)
        cluster.start()
        yield cluster
        cluster.stop()
