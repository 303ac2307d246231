"""What the process may take of the machine, and how it ends."""

import ctypes
import os
import resource
import signal
import sys
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from hybrid_coordinator.training.failures import Failure, Stopped

PR_SET_PDEATHSIG = 1
"""From <sys/prctl.h>."""

NICENESS = 19
GB = 10**9

BYTES_A_WEIGHT = 4.5
"""Weights of 32 bits, and a moment of two copies of the largest while they are unpacked."""

LEAST_WORK_BYTES = 1.2 * GB
"""Python, torch and the libraries around it, and one short row on its way through a small model."""

LEAST_TOKENS, MOST_TOKENS = 64, 4096
SPARE_SHARE = 0.6
"""So much of the memory that is free once the weights are loaded is taken at most, where the recipe sets no bound."""


def die_with_parent(parent_pid: int) -> None:
    """On Linux the kernel kills this process with the thread that started it; 0 is nobody to die with."""
    if parent_pid and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent_pid:  # it died before the line above took effect
            os._exit(1)


def be_modest(threads: int) -> int:
    """Let everything else on the machine go first; how many threads there are to work with."""
    with suppress(OSError):
        os.nice(NICENESS)
    threads = threads or os.cpu_count() or 1
    first_card = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]  # of several, transformers takes all
    os.environ["CUDA_VISIBLE_DEVICES"] = first_card
    os.environ.update({"OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false", **_ALONE})
    return threads


_ALONE: Mapping[str, str] = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
    "TQDM_DISABLE": "1",
    "WANDB_DISABLED": "true",
}
"""Nothing is fetched, and nobody is told."""


def check_memory(parameters: int, memory_gb: float) -> None:
    """Raise Failure for a model that cannot be trained within the bound, or within what is free now."""
    needed = (parameters * BYTES_A_WEIGHT + LEAST_WORK_BYTES) / GB
    if memory_gb and needed > memory_gb:
        raise Failure(
            f"training this model takes at least {needed:.1f} GB and the recipe allows {memory_gb:g}: "
            "raise `memory_gb`, or choose a smaller base model",
            "memory",
            final=True,
        )
    free = free_memory() / GB
    if needed > free:
        raise Failure(
            f"training this model takes at least {needed:.1f} GB and {free:.1f} are free: "
            "free memory and launch the run again, or choose a smaller base model",
            "memory",
            final=False,
        )


def bound_memory(memory_gb: float) -> None:
    """From now on allocations beyond the bound are refused. What is only mapped, as libraries are, does not count."""
    if memory_gb:
        bound = int(memory_gb * GB) + _status_bytes("VmSize") - _status_bytes("VmRSS")
        resource.setrlimit(resource.RLIMIT_AS, (bound, resource.getrlimit(resource.RLIMIT_AS)[1]))


def spare_memory(parameters: int, memory_gb: float) -> float:
    """Bytes that work may take beside the weights, which are loaded: what is left of the bound, or a share of what is
    free."""
    return memory_gb * GB - parameters * 4 if memory_gb else free_memory() * SPARE_SHARE


def tokens_at_once(layers: int, width: int, inner_width: int, spare: float) -> int:
    """How many tokens of a batch may be on their way through the model together in so many bytes.

    Each layer keeps about 16 vectors of its width and 6 of its inner width a token for the way back, in 32 bits, and
    its adapters about a third as much again.
    """
    a_token = 4 * layers * (16 * width + 6 * inner_width) * 4 / 3
    return int(max(LEAST_TOKENS, min(MOST_TOKENS, (spare - LEAST_WORK_BYTES / 2) / a_token)))


def free_memory() -> int:
    """Bytes that could be had without pushing anything out."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def peak_memory() -> int:
    """The most bytes that this process has held at once."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status_bytes(name: str) -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
    except (OSError, StopIteration):
        return 0


class StopSign:
    """Hears SIGTERM. While `patient`, it is only noted, for whoever comes to a good place to stop."""

    def __init__(self) -> None:
        self.raised = False
        self.patient = False
        signal.signal(signal.SIGTERM, self._hear)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """While something is at work that looks at `raised` itself."""
        self.patient = True
        try:
            yield
        finally:
            self.patient = False

    def _hear(self, number: int, frame: types.FrameType | None) -> None:
        self.raised = True
        if not self.patient:
            raise Stopped
