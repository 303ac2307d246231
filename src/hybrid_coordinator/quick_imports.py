"""Import much at once, in two thirds of the time."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quick_imports() -> Iterator[None]:
    """To be entered around imports of hundreds of modules, early in a process. Nothing of them is garbage, so nobody
    looks for it meanwhile; and nobody looks later, or at the exit, through what is there at the end. That goes for all
    that the caller holds by then: what becomes garbage of it in cycles stays until the process ends."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()
