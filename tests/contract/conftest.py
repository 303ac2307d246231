"""What the contracts of everything kept in SQL share."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from postgresql import Cluster, find_programs


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
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
