"""A process that starts others, each of which learns in a data folder and may kill itself at a given place.

One order a line on stdin, one answer a line on stdout. The parts are imported once, and each order is carried out by a
process of its own, which opens the folder anew.
"""

import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import anyio

from hybrid_coordinator.app import open_house
from hybrid_coordinator.daemon import Progressed, Stepped
from learning_house import look_at, rewired, settings_in

WRITES = frozenset((
    "amend", "append", "apply", "bury", "claim", "correct", "credit", "forget", "mark_learned", "mark_published",
    "mark_written", "note", "pack", "prefer", "publish", "put", "release", "remove", "save", "score", "set_aside",
    "swap", "take_in", "withhold", "write",
))  # fmt: skip
REMAINS = "remains.json"


@dataclass
class Fate:
    """What is written in which step, in order; and where it ends: at the end of a step (`write` 0), or before or after
    that write of it (from 1 on)."""

    step: str = ""
    write: int = 0
    after: bool = False
    at: int = 0
    written: list[list[str]] = field(default_factory=lambda: [[]])

    def begin(self, call: str) -> None:
        """A write begins."""
        self.written[-1].append(call)
        self._meet(after=False)

    def end(self) -> None:
        """A write has returned."""
        self._meet(after=True)

    def turn(self, step: str) -> None:
        """A step has come to its end."""
        if (self.step, self.write) == (step, 0):
            os.kill(os.getpid(), signal.SIGKILL)
        self.written.append([])
