"""A process that starts others, each of which trains in a folder and may kill itself at a given call of a port.

Ledger, dataset, folders and the trainer's process are real; in place of the torch room a program runs that makes
an adapter of one word, and kills where its recipe's seed says so.
"""

import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio

from finetuning_room import RECIPE, FinetuningRoom
from hybrid_coordinator.backends.clock import SystemClock
from hybrid_coordinator.backends.ledger.records import Records
from hybrid_coordinator.backends.trainers.local import LocalTrainer
from hybrid_coordinator.backends.trainers.workshop import FolderWorkshop
from hybrid_coordinator.domain.training import UNFINISHED, Recipe, Teaching
from orders import Orderly, open_orderly, serve_orders

QUICK, DIES_ONCE, DIES_ALWAYS, KILLS_ITS_COORDINATOR_ONCE = 7, 8, 9, 10
"""What the program does, by the seed of its recipe."""

TICK_S = 0.3

PROGRAM = """
import ctypes, fcntl, hashlib, json, os, signal, sys
from pathlib import Path

folder = Path(sys.argv[1])
order = json.loads((folder / "order.json").read_text())
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != order["parent_pid"]:
    os._exit(1)
lock = (folder / "lock").open("a")
fcntl.flock(lock, fcntl.LOCK_EX)


def write(name, content):
    (folder / "part").write_bytes(content)
    (folder / "part").rename(folder / name)


again = (folder / "begun").exists()
(folder / "begun").write_text(str(os.getpid()))
write("progress.json", json.dumps({"stage": "train", "done": 1, "total": 8}).encode())
seed = order["recipe"]["seed"]
if seed == 9 or (seed == 8 and not again):
    os.kill(os.getpid(), signal.SIGKILL)
if seed == 10 and not again:
    os.kill(os.getppid(), signal.SIGKILL)
    while True:
        signal.pause()
write("adapter.gguf", b"adapter")
files = {"adapter.gguf": {"bytes": 7, "sha256": hashlib.sha256(b"adapter").hexdigest()}}
base = {"name": order["base"]["name"], "sha256": order["base"]["sha256"]}
manifest = {"format": 1, "run_id": order["run_id"], "base": base, "scale": 1.0, "files": files}
write("manifest.json", json.dumps(manifest).encode())
"""


@dataclass
class Fate:
    """Where to die: before or after the so-manyth call of a method of a port, such as `runs.put_run`."""

    call: str = ""
    times: int = 1
    after: bool = False

    def watch(self, name: str, port: Any) -> Any:
        """The port, with every call told to this fate."""
        return Watched(name, port, self)

    def meet(self, call: str, *, after: bool) -> None:
        """A call begins, or has returned."""
        if (call, after) == (self.call, self.after):
            self.times -= 1
            if not self.times:
                os.kill(os.getpid(), signal.SIGKILL)


class Watched:
    """A port that tells a fate of every call."""

    def __init__(self, name: str, port: Any, fate: Fate) -> None:
        self._name = name
        self._port = port
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., Awaitable[Any]] = getattr(self._port, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            self._fate.meet(f"{self._name}.{name}", after=False)
            result = await method(*arguments, **named)
            self._fate.meet(f"{self._name}.{name}", after=True)
            return result

        return call


async def train(folder: Path, seed: int, fate: Fate) -> None:
    """Begin a run, or go on with the one that is there, until it has ended; then say what remains."""
    records = await Records.open(f"sqlite:///{folder / 'ledger.sqlite'}")
    workshop = FolderWorkshop(folder / "runs")
    trainer = LocalTrainer(workshop, program=(sys.executable, "-S", "-c", PROGRAM), needs=())
    room = FinetuningRoom(
        folder,
        runs=fate.watch("runs", records.runs),
        agenda=fate.watch("agenda", records.agenda),
        ledger=records.ledger,
        workshop=fate.watch("workshop", workshop),
        clock=SystemClock(),
        trainer=fate.watch("trainer", trainer),
        pauses=(timedelta(milliseconds=50),),
    )
    try:
        finetuner = room.finetuner()
        if not await records.runs.runs(limit=1):
            await finetuner.start(recipe=Recipe(rank=RECIPE.rank, seed=seed), teaching=Teaching.LORA)
        while await records.runs.runs(limit=1, states=UNFINISHED):
            await finetuner.work()
            await wait_for_end(trainer.process_id)
        (folder / "remains.json").write_text(json.dumps(await look_at(records, workshop, folder)))
    finally:
        await trainer.aclose()
        await records.aclose()


async def wait_for_end(process: int | None) -> None:
    """A tick, or less when the trainer's process ends."""
    if process is None:
        return
    descriptor = os.pidfd_open(process)
    try:
        with anyio.move_on_after(TICK_S):
            await anyio.wait_readable(descriptor)
    finally:
        os.close(descriptor)


async def look_at(records: Records, workshop: FolderWorkshop, folder: Path) -> dict[str, Any]:
    runs = await records.runs.runs(limit=10)
    trained_on = await records.runs.trained_on([f"answer-{number}" for number in range(200)])
    return {
        "runs": [[run.state.value, run.attempts, run.version, run.error] for run in runs],
        "versions": [version.name for version in await records.runs.versions()],
        "sources": {name: len(sources) for name, sources in trained_on.items()},
        "trained": [len((await workshop.material(run.id)).train) for run in runs if run.version],
        "log": len(await records.runs.log(limit=100)),
        "lease": await records.agenda.holder("training", SystemClock().now()),
        "left": [int(file.read_text()) for file in folder.glob("runs/*/begun")],
    }


class Academy:
    """The other end: starts processes that train."""

    def __init__(self, orderly: Orderly) -> None:
        self._orderly = orderly

    def train(self, folder: Path, seed: int = QUICK, **fate: Any) -> int:
        """How a process ended that had this fate."""
        return self._orderly.carry_out(folder, seed=seed, fate=fate)

    def train_on(self, folder: Path, seed: int = QUICK) -> dict[str, Any]:
        """What remains of a process that nobody disturbed."""
        assert self.train(folder, seed) == 0
        return dict(json.loads((folder / "remains.json").read_text()))


@contextmanager
def open_academy() -> Iterator[Academy]:
    """An academy, for as long as this lasts."""
    with open_orderly(__file__) as orderly:
        yield Academy(orderly)


if __name__ == "__main__":
    serve_orders(lambda order: train(Path(order["folder"]), order["seed"], Fate(**order["fate"])))
