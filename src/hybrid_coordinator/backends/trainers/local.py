"""Training on this machine, by a child process that nothing of the coordinator shares its memory with."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec

import anyio
import anyio.to_thread

from hybrid_coordinator.backends.disk import write_whole
from hybrid_coordinator.backends.trainers.disk import translated
from hybrid_coordinator.backends.trainers.log_file import shorten
from hybrid_coordinator.backends.trainers.process import TrainingProcess, start
from hybrid_coordinator.backends.trainers.run_folder import RunFolder
from hybrid_coordinator.backends.trainers.standing import mark_cancelled, read_standing, unexplained
from hybrid_coordinator.domain.training import Run, RunState
from hybrid_coordinator.errors import Conflict, MissingExtra
from hybrid_coordinator.ports import RunReport, Workshop

ROOM = (sys.executable, "-P", "-m", "hybrid_coordinator.training")

NEEDS = ("torch", "transformers", "peft", "trl", "gguf")

INSTALL = "install torch first (its CPU build where there is no GPU), then pip install 'hybrid-coordinator[train]'"


class LocalTrainer:
    """The `Trainer` port over one child process at a time. A job's name is that of its run."""

    def __init__(
        self,
        workshop: Workshop,
        *,
        threads: int = 0,
        program: Sequence[str] = ROOM,
        needs: Sequence[str] = NEEDS,
        stop_s: float = 5.0,
    ) -> None:
        """`program` is called with a run's folder and needs the modules `needs`; it may use so many threads (0: one a
        core), and has `stop_s` to end when it is asked to."""
        self._workshop = workshop
        self._threads = threads
        self._program = program
        self._needs = needs
        self._stop_s = stop_s
        self._turn = anyio.Lock()
        self._child: TrainingProcess | None = None
        self._paused = False

    async def check(self) -> None:
        missing = [name for name in self._needs if find_spec(name) is None]
        if missing:
            raise MissingExtra(f"training on this machine needs {', '.join(missing)}; {INSTALL}")

    async def launch(self, run: Run) -> str:
        """As the port says. Raises Conflict while another run is trained, and for one that was cancelled."""
        async with self._turn:
            if (child := self._living) is not None and child.run_id != run.id:
                raise Conflict(f"run {child.run_id!r} is being trained; wait, or cancel it")
            state = (await self._standing(run)).state
            if state is RunState.CANCELLED:
                raise Conflict(f"run {run.id!r} was cancelled; start a new one")
            if state in (RunState.WAITING, RunState.FAILED):
                await self._start(run)
        return run.id

    async def poll(self, run: Run) -> RunReport:
        """As the port says. A process that lives on after its run is over is ended."""
        async with self._turn:
            report = await self._standing(run)
            child = self._child
            if child is None or child.run_id != run.id or report.state is RunState.RUNNING:
                return report
            if report.state is RunState.WAITING and not report.error and child.ending:
                why = await anyio.to_thread.run_sync(unexplained, self._folder(run), child.ending)
                report = replace(report, error=why)
            await self._let_go()
            return report

    async def cancel(self, run: Run) -> None:
        """As the port says. A process of another coordinator is ended by that one, when it polls."""
        async with self._turn:
            try:
                await anyio.to_thread.run_sync(mark_cancelled, self._folder(run))
            finally:
                if self._works_on(run):
                    await self._let_go()

    async def pause(self, paused: bool) -> None:
        self._paused = paused
        if self._child is not None:
            self._child.pause(paused)

    async def aclose(self) -> None:
        async with self._turn:
            await self._let_go()

    @property
    def process_id(self) -> int | None:
        """Of the child, while it runs."""
        return self._living.process.pid if self._living is not None else None

    @property
    def _living(self) -> TrainingProcess | None:
        return self._child if self._child is not None and self._child.alive else None

    def _works_on(self, run: Run) -> bool:
        return self._living is not None and self._living.run_id == run.id

    def _folder(self, run: Run) -> RunFolder:
        return RunFolder(self._workshop.folder(run.id))

    async def _standing(self, run: Run) -> RunReport:
        folder, working = self._folder(run), self._works_on(run)

        def work() -> RunReport:
            with translated(folder.path):
                if folder.log.exists():
                    shorten(folder.log)
                return read_standing(folder, working=working)

        return await anyio.to_thread.run_sync(work)

    async def _start(self, run: Run) -> None:
        await self._let_go()
        folder = self._folder(run)
        await anyio.to_thread.run_sync(_write_order, folder, run, self._threads)
        self._child = await start(run.id, self._program, folder)
        self._child.pause(self._paused)  # whoever began to wait meanwhile found no child

    async def _let_go(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.end(self._stop_s)


def _write_order(folder: RunFolder, run: Run, threads: int) -> None:
    """What the program is to do. What it said of its last failure is forgotten."""
    order = {
        "run_id": run.id,
        "base": asdict(run.base),
        "recipe": asdict(run.recipe),
        "dataset_hash": run.dataset_hash,
        "threads": threads,
        "parent_pid": os.getpid(),
    }
    with translated(folder.path):
        folder.failure.unlink(missing_ok=True)
        write_whole(folder.order, json.dumps(order, indent=2).encode())
