"""Launching and ending the child process that runs llama.cpp."""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from hybrid_coordinator.backends.models.gguf import NEXT_STEP
from hybrid_coordinator.errors import ModelRefused, ModelUnavailable

CHILD = "hybrid_coordinator.backends.models.llamacpp_child"
LONGEST_ANNOUNCEMENT = 4096
STDERR_TAIL = 600


@dataclass(frozen=True, slots=True)
class Weights:
    """What the engine loads. Each of `slots` requests at a time has the whole context; 0 threads: one a core. An
    `adapter` is a LoRA as GGUF, applied with the strength `scale`."""

    path: Path
    alias: str
    context_tokens: int
    slots: int = 2
    threads: int = 0
    adapter: Path | None = None
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Access:
    """Where a running engine listens, and the key to it."""

    address: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Child:
    """A llama.cpp process that listens, and the file it complains to."""

    process: Process
    access: Access
    complaints: IO[bytes]

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    async def end(self, polite_s: float) -> None:
        """End it, by closing its stdin and then by force, and let go of what is left. A dead one is let go of."""
        await _end(self.process, polite_s)
        self.complaints.close()


async def launch(weights: Weights, *, load_s: float, stop_s: float) -> Child:
    """Start a child and wait until it listens. Raises ModelUnavailable with what it said when it cannot, ModelRefused
    when it ended by itself over an adapter."""
    complaints = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the child
    try:
        return await _launch(weights, load_s, stop_s, complaints)
    except TimeoutError as error:
        raise _failed(weights, f"did not load within {load_s:g} s", complaints) from error
    except _EndedError as error:
        raise _failed(weights, "ended while loading", complaints, by_itself=error.by_itself) from error
    except OSError as error:
        raise _failed(weights, f"could not be started ({error.strerror}) on", complaints) from error
    except BaseException:
        complaints.close()
        raise


class _EndedError(Exception):
    """A child is gone before it listened."""

    def __init__(self, status: int | None) -> None:
        super().__init__(status)
        self.by_itself = status != -signal.SIGKILL  # which is how a machine short of memory ends it


async def _launch(weights: Weights, load_s: float, stop_s: float, complaints: IO[bytes]) -> Child:
    process = await anyio.open_process(
        [sys.executable, "-P", "-m", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=complaints,
        start_new_session=True,  # an interrupt at the terminal is for the parent, which may want a last answer
    )
    key = secrets.token_urlsafe()
    try:
        with anyio.fail_after(load_s):
            address = await _introduce(process, weights, key)
    except (anyio.BrokenResourceError, anyio.EndOfStream, anyio.IncompleteRead) as error:
        await _end(process, stop_s)
        raise _EndedError(process.returncode) from error
    except BaseException:  # a cancelled start, too, must not leave a process behind
        await _end(process, stop_s)
        raise
    return Child(process, Access(address, key), complaints)


async def _introduce(process: Process, weights: Weights, key: str) -> str:
    """Tell the child what to load and hear where it listens."""
    assert process.stdin
    assert process.stdout
    order = {
        "path": str(weights.path),
        "alias": weights.alias,
        "context_tokens": weights.context_tokens,
        "slots": weights.slots,
        "threads": weights.threads,
        "adapters": [[str(weights.adapter), weights.scale]] if weights.adapter else [],
        "key": key,
        "parent_pid": os.getpid(),
    }
    await process.stdin.send(json.dumps(order).encode() + b"\n")
    line = await BufferedByteReceiveStream(process.stdout).receive_until(b"\n", LONGEST_ANNOUNCEMENT)
    return str(json.loads(line)["address"])


async def _end(process: Process, polite_s: float) -> None:
    with anyio.CancelScope(shield=True):
        if process.stdin:
            await process.stdin.aclose()
        with anyio.move_on_after(polite_s):
            await process.wait()
        if process.returncode is None:
            process.kill()
        await process.aclose()


def _failed(weights: Weights, what: str, complaints: IO[bytes], *, by_itself: bool = False) -> ModelUnavailable:
    with complaints:
        complaints.seek(0)
        said = " ".join(complaints.read().decode(errors="replace").split())[-STDERR_TAIL:] or "nothing"
    failed = f"the built-in engine {what} {str(weights.path)!r}"
    if weights.adapter is None:
        return ModelUnavailable(f"{failed}; it said: {said}; if the file is damaged, {NEXT_STEP}")
    told = f"{failed} with the adapter {str(weights.adapter)!r}; it said: {said}; train another one"
    return ModelRefused(told) if by_itself else ModelUnavailable(told)
