"""Processes under measurement: on which core they run, where they listen, what they use."""

import os
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, STDOUT

import anyio
from anyio.abc import Process

from hybrid_coordinator.errors import Unavailable

START_S = 120.0
STOP_S = 20.0
EXCERPT = 2_000

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Cores:
    """Which cores the load (with the upstream) and the gateway run on; all of them when there is only one."""

    load: frozenset[int]
    gateway: frozenset[int]

    @property
    def apart(self) -> bool:
        return self.load.isdisjoint(self.gateway)


def choose_cores(available: Sequence[int]) -> Cores:
    """The first core for the load and the second for the gateway."""
    first, *others = sorted(available)
    return Cores(frozenset({first}), frozenset({others[0] if others else first}))


@contextmanager
def on_cores(cores: frozenset[int]) -> Iterator[None]:
    """This thread, and the processes it starts meanwhile, run on these cores only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is started, and the pattern that finds its URL in what it prints."""

    command: Sequence[str]
    environment: Mapping[str, str]
    announcement: str = r"listening on (http://\S+)"


@dataclass(frozen=True, slots=True)
class Running:
    """A server that has said where it listens. When it was started is on the clock of `time.perf_counter`."""

    pid: int
    url: str
    started_at: float


@asynccontextmanager
async def running(launch: Launch, log: Path, cores: frozenset[int]) -> AsyncIterator[Running]:
    """Start a server and wait for its URL; it is stopped at the end.

    Raises Unavailable when it does not come up. Its last words are added to that, and to any Unavailable of the block.
    """
    started_at = time.perf_counter()
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as sink, on_cores(cores):
        process = await anyio.open_process(
            launch.command, stdin=DEVNULL, stdout=sink, stderr=STDOUT, env=launch.environment
        )
    try:
        yield Running(process.pid, await _announced(process, log, launch), started_at)
    except Unavailable as error:
        raise Unavailable(f"{error}; the server's last words: {_read(log)[-EXCERPT:]}") from error
    finally:
        with anyio.CancelScope(shield=True):
            await _stop(process)


async def _announced(process: Process, log: Path, launch: Launch) -> str:
    with anyio.move_on_after(START_S):
        while process.returncode is None:
            if found := re.search(launch.announcement, _read(log)):
                return found.group(1)
            await anyio.sleep(0.02)
    raise Unavailable(f"{launch.command!r} did not say where it listens")


def _read(log: Path) -> str:
    return log.read_text(errors="replace")


async def _stop(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
        with anyio.move_on_after(STOP_S):
            await process.wait()
    if process.returncode is None:
        process.kill()
    await process.wait()


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process and all its descendants used up to now, and hold."""

    cpu_s: float
    rss_mb: float


def footprint(pid: int) -> Footprint:
    """Processes that ended are not counted, nor what they used."""
    family = _family(pid)
    cpu_ticks = sum(one.cpu_ticks for one in family)
    return Footprint(cpu_ticks / _TICKS_PER_S, sum(one.rss_pages for one in family) * _PAGE_BYTES / 1e6)


@dataclass(frozen=True, slots=True)
class _Stat:
    """A line of /proc/PID/stat, see proc(5)."""

    pid: int
    parent: int
    cpu_ticks: int
    rss_pages: int


def _family(pid: int) -> list[_Stat]:
    everyone = {stat.pid: stat for stat in _stats()}
    found = [everyone[pid]] if pid in everyone else []
    for member in found:  # grows while it is walked
        found += [stat for stat in everyone.values() if stat.parent == member.pid]
    return found


def _stats() -> Iterator[_Stat]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "stat").read_text(errors="replace")
        except OSError:  # it ended meanwhile
            continue
        fields = line.rpartition(")")[2].split()
        yield _Stat(int(folder.name), int(fields[1]), int(fields[11]) + int(fields[12]), int(fields[21]))
