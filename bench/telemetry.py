"""How fast telemetry is taken in: lines of all four sources, through the real tailer into a real ledger.

The lines are made, with a seed: some tell of no interaction, one in fifty is malformed, and one in a hundred is there
twice. Files lie on the disk of the temporary folder, and so does the SQLite ledger.
"""

import random
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import anyio
import orjson

from hybrid_coordinator.backends.clock import SystemClock
from hybrid_coordinator.backends.ledger.database import Database
from hybrid_coordinator.backends.ledger.event_log import SqlEventLog
from hybrid_coordinator.backends.telemetry.finding import Whereabouts
from hybrid_coordinator.backends.telemetry.tailing import TailedFiles
from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind
from hybrid_coordinator.domain.telemetry import Event, TelemetrySource
from hybrid_coordinator.flows.telemetry import Intake
from hybrid_coordinator.logic.telemetry_places import TailingPolicy, TelemetryPlace

LINES = 100_000
SEED = 7
START = datetime(2026, 3, 1, tzinfo=UTC)
FILL_BATCH = 5_000
PAUSE_S = 0.005
SUBJECTS = ("nginx", "systemd", "the flake", "PostgreSQL", "the firewall", "gnome-keyring", "podman", "the test suite")
ACTIONS = ("configure", "debug", "explain", "upgrade", "roll back", "speed up", "move", "document")
WORDS = (
    "services",
    "enable",
    "true",
    "rebuild",
    "switch",
    "config",
    "port",
    "the",
    "a",
    "of",
    "file",
    "restart",
    "unit",
)


@dataclass(frozen=True, slots=True)
class Ingest:
    """What taking in came to. `loop_late_ms` are the 50th, 90th and 99th percentile."""

    rows_in_ledger: int
    lines: int
    events: int
    dead_letters: int
    seconds: float
    cpu_seconds: float
    slowest_batch_s: float
    grown_mb: float
    loop_late_ms: Sequence[float]

    @property
    def lines_s(self) -> float:
        return self.lines / self.seconds


def _ralph(rng: random.Random, text: str) -> dict[str, object]:
    return {
        "event": rng.choice(("task_completed", "task_completed", "task_failed", "iteration_completed")),
        "task_id": f"t{rng.randrange(10**6)}",
        "prompt": text,
        "output": " ".join(rng.choices(WORDS, k=60)),
        "backend": "aider",
        "iteration": rng.randint(1, 6),
        "exit_code": 0,
        "context": {"files_modified": ["auth.py", "models.py"], "lines_changed": 245, "tests_passed": True},
    }


def _aidb(rng: random.Random, text: str) -> dict[str, object]:
    return {
        "event_type": rng.choice(("query", "completion", "query_completion", "error", "cache_hit")),
        "query": text,
        "response": " ".join(rng.choices(WORDS, k=80)),
        "llm_used": rng.choice(("local", "remote")),
        "model": "Qwen2.5-Coder-7B",
        "tokens_input": rng.randint(20, 900),
        "tokens_output": rng.randint(20, 600),
        "latency_ms": rng.randint(90, 4000),
        "cache_hit": False,
        "success": rng.random() < 0.9,
    }


def _hybrid(rng: random.Random, text: str) -> dict[str, object]:
    return {
        "event": "route_decided",
        "query": text,
        "confidence_score": round(rng.random(), 2),
        "route": "remote",
        "reasoning": "Complex query, low local confidence",
        "context_used": ["best-practices", "codebase-context"],
        "value_score": round(rng.random(), 2),
    }


def _vscode(rng: random.Random, text: str) -> dict[str, object]:
    return {
        "event_type": "completion",
        "extension": "continue",
        "model_used": "Qwen/Qwen2.5-Coder-7B",
        "is_local": True,
        "prompt_tokens": rng.randint(20, 900),
        "completion_tokens": rng.randint(5, 200),
        "latency_ms": rng.randint(40, 900),
        "success": True,
        "context": {"file": "server.py", "language": "python", "cursor_line": rng.randint(1, 900)},
    }


_MAKERS = {
    TelemetrySource.RALPH: _ralph,
    TelemetrySource.AIDB: _aidb,
    TelemetrySource.HYBRID: _hybrid,
    TelemetrySource.VSCODE: _vscode,
}


def made_lines(source: TelemetrySource) -> Iterator[bytes]:
    """Lines of one source without end, the same every time."""
    rng = random.Random(f"{SEED} {source}")
    at, line = START, b""
    while True:
        at += timedelta(seconds=rng.expovariate(0.2))
        text = f"How do I {rng.choice(ACTIONS)} {rng.choice(SUBJECTS)} number {rng.randrange(10**5)}?"
        if rng.random() < 0.01 and line:
            yield line
        elif rng.random() < 0.02:
            yield f'{{"event": "task_completed", "prompt": "{text}'.encode()
        else:
            line = orjson.dumps({**_MAKERS[source](rng, text), "timestamp": at.isoformat()})
            yield line


def write_files(folder: Path, lines: int) -> None:
    """One file a source, each with a fourth of the lines."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in TelemetrySource:
        with (folder / f"{source}.jsonl").open("wb") as file:
            file.writelines(line + b"\n" for line in islice(made_lines(source), lines // len(TelemetrySource)))


async def fill(log: SqlEventLog, rows: int) -> None:
    """Put so many interactions into the ledger, each with an event."""
    for first in range(0, rows, FILL_BATCH):
        await log.take_in([_old_event(number) for number in range(first, min(rows, first + FILL_BATCH))], ())


def _old_event(number: int) -> Event:
    at = START - timedelta(seconds=number)
    interaction = Interaction(
        id=f"old-{number}",
        created_at=at,
        query=f"How do I {ACTIONS[number % 8]} {SUBJECTS[number % 7]} of host {number}?",
        response="Set it in the file of its module and switch. " * 6,
        agent_type=AgentType.LOCAL,
        model_used="small",
        outcome=Outcome(OutcomeKind.SUCCESS),
        settled_at=at,
        channel="telemetry:aidb-events",
    )
    return Event(f"{number:032x}", TelemetrySource.AIDB, "completion", at, {"query": interaction.query}, interaction)


async def ingest(folder: Path, rows_in_ledger: int, lines: int = LINES) -> Ingest:
    """Take in lines beside a ledger that holds so many interactions already."""
    database = await Database.open(f"sqlite:///{folder / 'ledger.sqlite'}")
    log = SqlEventLog(database)
    await fill(log, rows_in_ledger)
    write_files(folder / "telemetry", lines)
    places = [TelemetryPlace(str(folder / "telemetry"))]
    whereabouts = Whereabouts(places, folder / "own" / "hybrid-events.jsonl")
    files = TailedFiles(whereabouts, folder / "dead-letters.jsonl", TailingPolicy())
    try:
        return await _measure(Intake(files, log, SystemClock()), rows_in_ledger)
    finally:
        await files.aclose()
        await database.aclose()


async def _watch_loop(late_ms: list[float]) -> None:
    """How late the event loop comes to those who wait: what taking in adds to an answer."""
    while True:
        due = time.perf_counter() + PAUSE_S
        await anyio.sleep(PAUSE_S)
        late_ms.append((time.perf_counter() - due) * 1000)


async def _measure(intake: Intake, rows_in_ledger: int) -> Ingest:
    late_ms: list[float] = []
    async with anyio.create_task_group() as group:
        group.start_soon(_watch_loop, late_ms)
        taken = await _take_in(intake, rows_in_ledger)
        group.cancel_scope.cancel()
    late_ms.sort()
    return replace(taken, loop_late_ms=[late_ms[len(late_ms) * share // 100] for share in (50, 90, 99)])


async def _take_in(intake: Intake, rows_in_ledger: int) -> Ingest:
    before_mb, started, cpu_started = _peak_mb(), time.perf_counter(), time.process_time()
    events = letters = lines = 0
    slowest, more = 0.0, True
    while more:
        batch_started = time.perf_counter()
        worked = await intake.work()
        slowest = max(slowest, time.perf_counter() - batch_started)
        events += worked.done
        letters += worked.counts["dead_letters"]
        lines += sum(worked.counts.values())
        more = worked.more
    return Ingest(
        rows_in_ledger=rows_in_ledger,
        lines=lines,
        events=events,
        dead_letters=letters,
        seconds=time.perf_counter() - started,
        cpu_seconds=time.process_time() - cpu_started,
        slowest_batch_s=slowest,
        grown_mb=_peak_mb() - before_mb,
        loop_late_ms=(),
    )


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_ingest(rows_in_ledger: int) -> Ingest:
    """The figures beside so many interactions. `grown_mb` is by how much the peak of memory rose meanwhile."""
    folder = Path(tempfile.mkdtemp(prefix="hybrid-telemetry-"))
    try:
        return anyio.run(ingest, folder, rows_in_ledger)
    finally:
        shutil.rmtree(folder)
