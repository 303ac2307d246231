"""Processes that carry out one order each: whoever gives orders imports nothing, and waits for one exit at a time.

A child reads one order a line on stdin and forks for each, so that its parts are imported once; it answers with how the
fork ended, one line each. `serve_orders` is the child's side, `Orderly` the other end.
"""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import anyio

Order = dict[str, Any]


def serve_orders(do: Callable[[Order], Awaitable[None]]) -> None:
    """Carry out what comes on stdin until it ends, each order in a process of its own."""
    for line in sys.stdin:
        sys.stdout.write(f"{_fork_for(do, json.loads(line))}\n")
        sys.stdout.flush()


def _fork_for(do: Callable[[Order], Awaitable[None]], order: Order) -> int:
    """How a process of its own ended that did as it was told: its exit code, or minus the signal."""
    child = os.fork()
    if not child:
        code = 1
        try:
            anyio.run(do, order)
            code = 0
        finally:  # whatever it was: only the parent takes the next order
            if code:
                traceback.print_exc()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Orderly:
    """The other end."""

    def __init__(self, orders: IO[str], answers: IO[str]) -> None:
        self._orders = orders
        self._answers = answers

    def carry_out(self, folder: Path, **order: Any) -> int:
        """How the process ended that had this order for this folder."""
        print(json.dumps({"folder": str(folder), **order}), file=self._orders, flush=True)
        return int(self._answers.readline())


@contextmanager
def open_orderly(program: str) -> Iterator[Orderly]:
    """One that has its orders carried out by this file, for as long as this lasts."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, program], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin
        assert process.stdout
        yield Orderly(process.stdin, process.stdout)
        process.stdin.close()
