"""Why a run ended without success, in words that say what to do next."""

import errno
import json
import os
from pathlib import Path

from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.training.writing import write_whole

FAILURE = "failure.json"

EXTRA = "install torch (its CPU build where there is no GPU), then: pip install 'hybrid-coordinator[train]'"

_OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "not enough memory", "cannot allocate memory", "bad_alloc")
_DISK_FULL = ("no space left", "os error 28", "disk quota exceeded", "file write failed", "unexpected pos")
"""As the kernel, safetensors and torch say it; neither of those raises an OSError, and torch only says where it was."""


class Failure(Exception):
    """A run cannot go on. `kind` is data, memory, disk, base, extra, time or other; `final` says that trying again
    as it is would end in the same way."""

    def __init__(self, message: str, kind: str, *, final: bool) -> None:
        super().__init__(message)
        self.kind = kind
        self.final = final


class Stopped(Exception):
    """Somebody asked the process to end; what is done is kept, and a later launch goes on with it."""


def translate(error: BaseException) -> Failure:
    """What a foreign error means for the run."""
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, Failure):
        return error
    if isinstance(error, BadInput):
        return Failure(str(error), "base", final=True)
    if is_out_of_memory(error):
        return Failure(
            f"memory ran out, with half as much at a time too ({said}); set a smaller `batch` or `length` in the "
            "recipe, or free memory and launch the run again",
            "memory",
            final=False,
        )
    if _is_disk_full(error):
        return Failure(f"the disk is full ({said}); free some space and launch the run again", "disk", final=False)
    if isinstance(error, ImportError):
        return Failure(f"a part that training needs is missing ({said}); {EXTRA}", "extra", final=True)
    return Failure(f"training broke off ({said}); log.txt of the run tells where", "other", final=False)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was refused, by Python, by torch on a processor or by torch on a card."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _OUT_OF_MEMORY)


def _is_disk_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return any(words in str(error).lower() for words in _DISK_FULL)


def report(folder: Path, failure: Failure) -> None:
    """Leave the reason in the run's folder."""
    told = {"error": str(failure), "kind": failure.kind, "final": failure.final}
    try:
        write_whole(folder / FAILURE, json.dumps(told, ensure_ascii=False).encode())
    except OSError:  # no room even for this: the end of the log and of the process must do
        os.write(2, f"{failure}\n".encode())
