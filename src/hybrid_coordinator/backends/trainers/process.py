"""The process that trains one run: how it is started, made to stand still, and ended."""

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import anyio
from anyio.abc import Process

from hybrid_coordinator.backends.trainers.log_file import open_log
from hybrid_coordinator.backends.trainers.run_folder import RunFolder
from hybrid_coordinator.errors import Unavailable

NICENESS = 19
"""Whatever else wants the processor goes first."""

ASKED_TO_END = 128 + signal.SIGTERM
"""The status of a program that kept what it had done and ended."""


@dataclass(frozen=True, slots=True)
class TrainingProcess:
    """A process with a session of its own, to which all that it starts belongs too."""

    run_id: str
    process: Process

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    @property
    def ending(self) -> str:
        """How it ended, for a person; nothing for one that ended well, or because it was asked to."""
        code = self.process.returncode
        if not code or code == ASKED_TO_END:
            return ""
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"

    def pause(self, paused: bool) -> None:
        """Stop it and all that belongs to it, or let them go on. Idempotent."""
        self._tell_all(signal.SIGSTOP if paused else signal.SIGCONT)

    async def end(self, polite_s: float) -> None:
        """Ask it to end, then force it, and let go of it. One that stands still ends too; a dead one is let go of."""
        with anyio.CancelScope(shield=True):
            if self.alive:
                with suppress(ProcessLookupError):
                    self.process.terminate()
                self.pause(False)
                with anyio.move_on_after(polite_s):
                    await self.process.wait()
            self._tell_all(signal.SIGKILL)
            await self.process.wait()
            await self.process.aclose()

    def _tell_all(self, what: signal.Signals) -> None:
        """A session whose leader is gone hears nothing: its number may belong to somebody else by now."""
        if self.alive:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, what)


async def start(run_id: str, program: Sequence[str], folder: RunFolder) -> TrainingProcess:
    """Start a program on a run's folder. Must be called on the event loop's thread: with it, the process dies.

    Raises Unavailable.
    """
    try:
        with open_log(folder.log) as log:
            process = await anyio.open_process(
                [*program, str(folder.path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise Unavailable(f"the training of {run_id!r} could not be started ({error.strerror}); try again") from error
    with suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
    return TrainingProcess(run_id, process)
