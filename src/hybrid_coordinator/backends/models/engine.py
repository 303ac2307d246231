"""The built-in llama.cpp engine: one child process, started when it is needed and watched over."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from hybrid_coordinator.backends.models.gguf import NEXT_STEP, check_gguf
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.ports import Clock

CHILD = "hybrid_coordinator.backends.models.llamacpp_child"
LONGEST_ANNOUNCEMENT = 4096
STDERR_TAIL = 600


@dataclass(frozen=True, slots=True)
class Weights:
    """What the engine loads. Each of `slots` requests at a time has the whole context; 0 threads: one a core."""

    path: Path
    alias: str
    context_tokens: int
    slots: int = 2
    threads: int = 0


@dataclass(frozen=True, slots=True)
class EnginePolicy:
    """How long loading may take, how long a polite stop, and how restarts are spaced, in seconds.

    The first restart comes at once; after `n` more failures in a row the next waits first · 2^(n-1), longest at most.
    """

    load_s: float = 120.0
    stop_s: float = 2.0
    first_backoff_s: float = 1.0
    longest_backoff_s: float = 60.0

    def backoff_s(self, failures: int) -> float:
        if failures < 2:
            return 0.0
        return float(min(self.longest_backoff_s, self.first_backoff_s * 2.0 ** min(failures - 2, 30)))


@dataclass(frozen=True, slots=True)
class Access:
    """Where a running engine listens, and the key to it."""

    address: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Child:
    process: Process
    access: Access
    complaints: IO[bytes]


class LlamaCppEngine:
    """Owns the child process. However many ask at once, one child is started."""

    def __init__(self, weights: Weights, clock: Clock, policy: EnginePolicy = EnginePolicy()) -> None:  # noqa: B008
        self._weights = weights
        self._clock = clock
        self._policy = policy
        self._lock = anyio.Lock()
        self._child: _Child | None = None
        self._failures = 0
        self._not_before = 0.0

    @property
    def process_id(self) -> int | None:
        """Of the child, while it runs."""
        return self._child.process.pid if self._child and self._child.process.returncode is None else None

    async def start(self) -> Access:
        """Where the engine listens, once it does. Idempotent while it runs; raises ModelUnavailable when it cannot."""
        async with self._lock:
            if self._child and self._child.process.returncode is None:
                return self._child.access
            if self._child:
                await self._bury(self._child)
            self.check_backoff()
            await check_gguf(self._weights.path)
            try:
                self._child = await self._spawn()
            except ModelUnavailable:
                self._note_failure()
                raise
            return self._child.access

    def check_backoff(self) -> None:
        """Raise ModelUnavailable while the next start is still to wait."""
        wait = self._not_before - self._clock.monotonic()
        if wait > 0:
            raise ModelUnavailable(
                f"the built-in engine failed {self._failures} times in a row on {str(self._weights.path)!r}; "
                f"it is started again in {wait:.0f} s",
                retry_after_s=wait,
            )

    async def check(self) -> None:
        """Raise ModelUnavailable unless it runs or could be started now, as far as can be told without starting it."""
        if self.process_id is None:
            self.check_backoff()
            await check_gguf(self._weights.path)

    def note_success(self) -> None:
        """A whole answer was given: what failed before is forgiven."""
        self._failures = 0

    async def stop(self) -> None:
        """End the child: by closing its stdin, and by force if that does not do. Idempotent."""
        async with self._lock:
            child, self._child = self._child, None
            if child:
                await _end(child.process, self._policy.stop_s)
                child.complaints.close()

    async def _bury(self, child: _Child) -> None:
        """A child died unasked: let go of what is left of it."""
        self._child = None
        self._note_failure()
        await child.process.aclose()
        child.complaints.close()

    def _note_failure(self) -> None:
        self._failures += 1
        self._not_before = self._clock.monotonic() + self._policy.backoff_s(self._failures)

    async def _spawn(self) -> _Child:
        complaints = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the child
        process = await anyio.open_process(
            [sys.executable, "-m", CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            start_new_session=True,  # an interrupt at the terminal is for the parent, which may want a last answer
        )
        key = secrets.token_urlsafe()
        try:
            with anyio.fail_after(self._policy.load_s):
                address = await self._introduce(process, key)
        except TimeoutError as error:
            await _end(process, 0.0)
            raise self._failed(f"did not load within {self._policy.load_s:g} s", complaints) from error
        except (anyio.BrokenResourceError, anyio.EndOfStream, anyio.IncompleteRead) as error:
            await _end(process, self._policy.stop_s)
            raise self._failed(f"ended with status {process.returncode} while loading", complaints) from error
        except BaseException:
            await _end(process, 0.0)
            complaints.close()
            raise
        return _Child(process, Access(address, key), complaints)

    async def _introduce(self, process: Process, key: str) -> str:
        """Tell the child what to load and hear where it listens."""
        assert process.stdin
        assert process.stdout
        order = {
            "path": str(self._weights.path),
            "alias": self._weights.alias,
            "context_tokens": self._weights.context_tokens,
            "slots": self._weights.slots,
            "threads": self._weights.threads,
            "key": key,
            "parent_pid": os.getpid(),
        }
        await process.stdin.send(json.dumps(order).encode() + b"\n")
        line = await BufferedByteReceiveStream(process.stdout).receive_until(b"\n", LONGEST_ANNOUNCEMENT)
        return str(json.loads(line)["address"])

    def _failed(self, what: str, complaints: IO[bytes]) -> ModelUnavailable:
        complaints.seek(0)
        tail = complaints.read().decode(errors="replace").strip()[-STDERR_TAIL:]
        complaints.close()
        return ModelUnavailable(
            f"the built-in engine {what} {str(self._weights.path)!r}; it said: {tail or 'nothing'}; "
            f"if the file is damaged, {NEXT_STEP}"
        )


async def _end(process: Process, polite_s: float) -> None:
    with anyio.CancelScope(shield=True):
        if process.stdin:
            await process.stdin.aclose()
        with anyio.move_on_after(polite_s):
            await process.wait()
        if process.returncode is None:
            process.kill()
        await process.aclose()
