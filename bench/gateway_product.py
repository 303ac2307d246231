"""The gateway of this project as the benchmark starts it, and its ledger as the benchmark reads it."""

import json
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from subprocess import DEVNULL, PIPE

import anyio

from bench.gateway_processes import Launch
from hybrid_coordinator.app.folder import LEDGER_FILE
from hybrid_coordinator.errors import Unavailable
from hybrid_coordinator.settings import TABLE

COMMAND = (sys.executable, "-m", "hybrid_coordinator")
RECORDED_WITHIN_S = 10.0


class Product:
    """One data folder, used by one server at a time, whose models are all the upstream."""

    def __init__(self, folder: Path, upstream: str) -> None:
        self._folder = folder
        self._environment = plain_environment() | {
            "HYBRID_DATA_DIR": str(folder),
            "HYBRID_PORT": "0",
            "FINETUNE_DATA_PATH": str(folder / "dataset.jsonl"),
            "LLAMA_CPP_BASE_URL": upstream,
            "HYBRID_OPENAI_URL": f"{upstream}/v1",
            "OPENAI_API_KEY": "upstream",
            "HYBRID_ANTHROPIC_URL": upstream,
            "ANTHROPIC_API_KEY": "upstream",
        }

    @property
    def launch(self) -> Launch:
        return Launch((*COMMAND, "serve"), self._environment)

    async def learn(self, documents: Path) -> int:
        """Index a folder; how many passages it came to. No server may run."""
        command = (*COMMAND, "index", str(documents), "--json")
        done = await anyio.run_process(command, env=self._environment, stdin=DEVNULL, stderr=PIPE, check=False)
        if done.returncode:
            raise Unavailable(f"indexing ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
        return sum(json.loads(done.stdout)["passages"].values())

    async def recorded(self, expected: int) -> int:
        """How many interactions the ledger holds, once it holds so many or has had long enough to."""
        with anyio.move_on_after(RECORDED_WITHIN_S):
            while self._count() < expected:  # noqa: ASYNC110 - another process writes it
                await anyio.sleep(0.1)
        return self._count()

    def _count(self) -> int:
        where = f"{(self._folder / LEDGER_FILE).absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(where, uri=True)) as ledger:
            return int(ledger.execute("SELECT count(*) FROM interaction_records").fetchone()[0])


def plain_environment() -> dict[str, str]:
    """This environment without any setting of ours, and with no proxy between this machine and itself."""
    ours = {setting.env for setting in TABLE}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "PYTHONUNBUFFERED": "1"}
