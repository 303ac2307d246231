"""A PostgreSQL server of a test run."""

import os
import shutil
import subprocess
from pathlib import Path

import psycopg

from hybrid_coordinator.backends.ledger.engines import SCHEMA


class Cluster:
    """A PostgreSQL server of this test run alone, on a socket in a folder of its own."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder = folder
        self._programs = programs

    def start(self) -> None:
        self._run("initdb", "-D", str(self._folder / "data"), "-U", "ledger", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories='{self._folder}' -c fsync=off"
        self._run(
            "pg_ctl", "-D", str(self._folder / "data"), "-w", "-l", str(self._folder / "log"), "-o", options, "start"
        )

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-w", "-m", "immediate", "stop")

    def emptied(self) -> str:
        """The URL of a database without a ledger."""
        url = f"postgresql://ledger@/postgres?host={self._folder}"
        with psycopg.connect(url) as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        return url

    def _run(self, program: str, *arguments: str) -> None:
        # the server refuses to run as root
        user = "postgres" if os.geteuid() == 0 else None
        command = [str(self._programs / program), *arguments]
        subprocess.run(command, check=True, user=user, cwd=self._folder, stdout=subprocess.DEVNULL, timeout=60)


def find_programs() -> Path | None:
    """The folder of initdb and pg_ctl, wherever they were installed."""
    on_path = shutil.which("pg_ctl")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return Path(on_path).parent if on_path else installed[-1].parent if installed else None
