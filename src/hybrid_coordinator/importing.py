"""Import much at once, in two thirds of the time."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """To be entered around imports of hundreds of modules. Nothing of them is garbage, so nobody looks for it
    meanwhile; and what is there at the end is there to stay, so nobody looks through it later or at the exit."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
