"""A command of the user's that brings a version to where it will answer."""

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import anyio
from anyio.abc import Process

from hybrid_coordinator.domain.training import BaseWeights
from hybrid_coordinator.domain.versions import ModelVersion
from hybrid_coordinator.errors import ModelUnavailable, SettingError

OUTPUT_TAIL = 600


class DeployHook:
    """Runs it with HYBRID_ADAPTER (the path of the adapter), HYBRID_VERSION and HYBRID_BASE (names) in its environment,
    and with HYBRID_ADAPTERS: every adapter that the server must have afterwards, as PATH lists folders.

    It may leave a server behind; when it takes too long, everything that it started is ended.
    """

    def __init__(self, command: str, timeout_s: float = 300.0) -> None:
        """`command` is split as a shell would, and no shell runs it. Raises SettingError when it cannot be split."""
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise SettingError(
                f"the deploy hook {command!r} is no command line ({error}): quote it as a shell"
            ) from error
        if not self._words:
            raise SettingError("the deploy hook is empty: set a command, or none")
        self._timeout_s = timeout_s

    async def run(self, version: ModelVersion, adapter: Path, base: BaseWeights, kept: Sequence[str] = ()) -> str:
        """The end of what it said. `kept` are the paths, as the server knows them, of adapters that it shall keep.

        Raises ModelUnavailable with what it said when it fails or takes too long.
        """
        adapters = os.pathsep.join([*kept, str(adapter)])
        told = [
            f"HYBRID_ADAPTER={adapter}",
            f"HYBRID_ADAPTERS={adapters}",
            f"HYBRID_VERSION={version.name}",
            f"HYBRID_BASE={base.name}",
        ]
        with tempfile.TemporaryFile() as output:  # a pipe would stay open for as long as what it leaves behind
            process = await anyio.open_process(
                ["env", *told, *self._words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                with anyio.fail_after(self._timeout_s):
                    status = await process.wait()
            except TimeoutError as error:
                raise self._failed(f"was not done after {self._timeout_s:g} s", output) from error
            finally:
                await _end(process)
            if status:
                raise self._failed(f"failed with status {status}", output)
            return _tail(output)

    def _failed(self, what: str, output: IO[bytes]) -> ModelUnavailable:
        said = _tail(output) or "nothing"
        return ModelUnavailable(f"the deploy hook {shlex.join(self._words)!r} {what}; it said: {said}; mend it")


async def _end(process: Process) -> None:
    """With its whole session, unless it has ended by itself."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
    with anyio.CancelScope(shield=True):
        await process.aclose()


def _tail(output: IO[bytes]) -> str:
    output.seek(0)
    return " ".join(output.read().decode(errors="replace").split())[-OUTPUT_TAIL:]
