"""Load from wrk: so many connections for so long, each asking again as soon as it has its answer."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import anyio

from hybrid_coordinator.errors import BadInput, Unavailable

SCRIPT = Path(__file__).with_name("load.lua")
TURNS_A_RUN = 10_000_000
"""More requests than a run can make, so that no number of a request comes twice."""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one run of wrk."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int
    broken: int

    @property
    def per_s(self) -> float:
        return self.requests / self.seconds

    @property
    def errors(self) -> int:
        return self.refused + self.broken


class Load:
    """Asks the bodies, one a line of a file, in turn. In them TURN becomes a number that never comes again."""

    def __init__(self, bodies: Sequence[str], headers: Mapping[str, str], file: Path) -> None:
        self._file = file
        self._file.write_text("".join(f"{body}\n" for body in bodies))
        self._headers = [f"{name}: {value}" for name, value in headers.items()]
        self.first = bodies[0].replace("TURN", "0")
        self._starts: Iterator[int] = count(step=TURNS_A_RUN)

    async def run(self, url: str, connections: int, seconds: int) -> Run:
        """One thread of wrk. Raises Unavailable when wrk gives up."""
        options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(SCRIPT)]
        headers = [part for header in self._headers for part in ("-H", header)]
        command = [find_wrk(), *options, *headers, url, "--", str(self._file), str(next(self._starts))]
        done = await anyio.run_process(command, check=False)
        if done.returncode:
            raise Unavailable(f"wrk ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
        return read_run(done.stdout.decode())


def find_wrk() -> str:
    found = shutil.which("wrk")
    if found is None:
        raise BadInput("the load comes from wrk, which is not installed: apt-get install wrk")
    return found


def read_run(output: str) -> Run:
    """The run that the last line of the output tells of."""
    return Run(**json.loads(output.splitlines()[-1]))
