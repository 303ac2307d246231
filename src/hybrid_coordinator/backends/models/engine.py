"""The built-in llama.cpp engine: one child process, started when it is needed and watched over."""

import signal
from dataclasses import dataclass

import anyio

from hybrid_coordinator.backends.models.gguf import check_gguf
from hybrid_coordinator.backends.models.llamacpp_process import Access, Child, Weights, launch
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.ports import Clock

LAST_BREATH_S = 1.0
"""A dying process closes its connections a moment before it is known to be dead."""


@dataclass(frozen=True, slots=True)
class EnginePolicy:
    """How long loading may take, how long a polite stop, and how restarts are spaced, all in seconds."""

    load_s: float = 120.0
    stop_s: float = 2.0
    first_backoff_s: float = 1.0
    longest_backoff_s: float = 60.0

    def backoff_s(self, failures: int) -> float:
        """The wait after so many failures in a row: none after one, then the first wait, doubled each time."""
        if failures < 2:
            return 0.0
        doublings = min(failures - 2, 30)  # past any sensible limit, and far from an overflow
        return float(min(self.longest_backoff_s, self.first_backoff_s * 2**doublings))


class LlamaCppEngine:
    """Owns the child process. However many ask at once, one child is started."""

    def __init__(self, weights: Weights, clock: Clock, policy: EnginePolicy) -> None:
        self._weights = weights
        self._clock = clock
        self._policy = policy
        self._lock = anyio.Lock()
        self._child: Child | None = None
        self._suspect = False
        self._failures = 0
        self._not_before = 0.0

    @property
    def process_id(self) -> int | None:
        """Of the child, while it runs."""
        return self._child.process.pid if self._child and self._child.alive else None

    async def start(self) -> Access:
        """Where the engine listens, once it does. Idempotent while it runs; raises ModelUnavailable when it cannot."""
        async with self._lock:
            child = await self._living() or await self._spawn()
            return child.access

    async def check(self) -> None:
        """Raise ModelUnavailable unless it runs or, as far as can be told without trying, would start now."""
        if self.process_id is None:
            self._check_backoff()
            await check_gguf(self._weights.path)

    async def died(self) -> bool:
        """Whether the child is dead; one that is dying is waited for, for a moment."""
        child = self._child
        if child:
            with anyio.move_on_after(LAST_BREATH_S):
                await child.process.wait()
        return child is not None and not child.alive

    async def died_by_itself(self) -> bool:
        """Whether it is dead, and nobody killed it."""
        return await self.died() and self._child is not None and self._child.process.returncode != -signal.SIGKILL

    def note_success(self) -> None:
        """A whole answer was given: what failed before is forgiven."""
        self._failures = 0

    def note_trouble(self) -> None:
        """An answer broke off: the child may be dying, and the next start takes a closer look."""
        self._suspect = True

    async def stop(self) -> None:
        """End the child. Idempotent; a later start begins anew."""
        async with self._lock:
            child, self._child = self._child, None
            if child:
                await child.end(self._policy.stop_s)

    async def _living(self) -> Child | None:
        child = self._child
        if child and self._suspect:
            with anyio.move_on_after(LAST_BREATH_S):
                await child.process.wait()
            self._suspect = False
        if child and not child.alive:
            self._child = None
            self._note_failure()
            await child.end(self._policy.stop_s)
        return self._child

    async def _spawn(self) -> Child:
        self._check_backoff()
        await check_gguf(self._weights.path)
        try:
            self._child = await launch(self._weights, load_s=self._policy.load_s, stop_s=self._policy.stop_s)
        except ModelUnavailable:
            self._note_failure()
            raise
        return self._child

    def _note_failure(self) -> None:
        self._failures += 1
        self._not_before = self._clock.monotonic() + self._policy.backoff_s(self._failures)

    def _check_backoff(self) -> None:
        wait = self._not_before - self._clock.monotonic()
        if wait > 0:
            raise ModelUnavailable(
                f"the built-in engine failed {self._failures} times in a row on {str(self._weights.path)!r}; "
                f"it may be started again in {wait:.0f} s",
                retry_after_s=wait,
            )
