"""What recording costs the processor: redacting a text, pricing an answer, appending an interaction to the ledger.

Appends come in two ways. In the closed way a number of callers each append one after the other. In the open way
appends are started at an even rate, as a busy gateway does, whether or not earlier ones have returned; the cost of
keeping the pace is measured with appends that do nothing, and taken off. Processor time is that of all threads.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from rich.console import Console
from rich.table import Table

from hybrid_coordinator.backends.ledger.sql import SqlLedger
from hybrid_coordinator.domain.interaction import AgentType, Interaction
from hybrid_coordinator.domain.query import Profile, Speciality, Usage
from hybrid_coordinator.domain.route import Route, Target
from hybrid_coordinator.logic.pricing import price_usage
from hybrid_coordinator.logic.redaction import redact

APPENDS = 8_000
CALLERS = (1, 16, 256)
RATE = 1_000
TOKENS = (100, 4_000)
LETTERS_PER_TOKEN = 4
SEED = 7
SAID = """
the server listens on a port and its key is read from a file when nginx starts so pass the path as an option
def load(config: dict[str, str]) -> None: return config.get('timeout', 30) raise ValueError http://localhost:8080/
"""
PRICED_MODEL = "claude-sonnet-4-5"
PRICED_USAGE = Usage(2_000, 300, cache_read_tokens=1_500)
ROUTE = Route(Target.LOCAL, ("local", "remote"), "seen before", 0.8, 0.8, 2, Speciality.CODE, Profile.DEFAULT)

Figures = dict[str, Any]
Append = Callable[[Interaction], Awaitable[None]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--appends", type=int, default=APPENDS, help="how many for each row (default: %(default)s)")


async def measure(arguments: argparse.Namespace) -> Figures:
    texts = {tokens: _text(tokens) for tokens in TOKENS}
    closed = {
        str(callers): await _with_ledger(partial(_closed, callers=callers, appends=arguments.appends))
        for callers in CALLERS
    }
    return {
        "appends": arguments.appends,
        "closed": closed,
        "open": await _with_ledger(lambda ledger: _open_net(ledger.append, arguments.appends)),
        "patient": await _with_ledger(
            lambda ledger: _open_net(partial(ledger.append, patient=True), arguments.appends)
        ),
        "redact_us": {str(tokens): _cpu_us(partial(redact, text)) for tokens, text in texts.items()},
        "price_us": _cpu_us(partial(price_usage, PRICED_MODEL, PRICED_USAGE, datetime.now(UTC))),
    }


def show(figures: Figures) -> None:
    table = Table("appends", "processor, µs each", "appended a second", "p50, ms", "p99, ms")
    for callers, row in figures["closed"].items():
        table.add_row(f"by {callers} callers", *_cells(row))
    table.add_row(f"{RATE:,} a second", *_cells(figures["open"]))
    table.add_row(f"{RATE:,} a second, patient", *_cells(figures["patient"]))
    console = Console()
    console.print(table)
    for tokens, microseconds in figures["redact_us"].items():
        console.print(f"redacting {int(tokens):,} tokens: {microseconds:.0f} µs")
    console.print(f"pricing an answer of {PRICED_MODEL}: {figures['price_us']:.0f} µs")


def _cells(row: Figures) -> tuple[str, ...]:
    return f"{row['cpu_us']:.0f}", f"{row['per_second']:,.0f}", f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}"


async def _with_ledger(run: Callable[[SqlLedger], Awaitable[Figures]]) -> Figures:
    with tempfile.TemporaryDirectory(prefix="recording-") as folder:
        ledger = await SqlLedger.open(f"sqlite:///{Path(folder) / 'ledger.sqlite'}")
        try:
            return await run(ledger)
        finally:
            await ledger.aclose()


async def _closed(ledger: SqlLedger, callers: int, appends: int) -> Figures:
    waits: list[float] = []

    async def call(caller: int) -> None:
        for number in range(appends // callers):
            await _timed(ledger.append, _interaction(f"{caller}-{number}"), waits)

    wall, cpu = time.perf_counter(), time.process_time()
    async with anyio.create_task_group() as group:
        for caller in range(callers):
            group.start_soon(call, caller)
    return _figures(time.process_time() - cpu, time.perf_counter() - wall, waits)


async def _open_net(append: Append, appends: int) -> Figures:
    """The open way, less what keeping the pace costs."""
    idle = await _open(_nothing, appends)
    row = await _open(append, appends)
    return {**row, "cpu_us": row["cpu_us"] - idle["cpu_us"]}


async def _open(append: Append, appends: int) -> Figures:
    waits: list[float] = []
    wall, cpu = time.perf_counter(), time.process_time()
    async with anyio.create_task_group() as group:
        for number in range(appends):
            group.start_soon(_timed, append, _interaction(str(number)), waits)
            due = wall + (number + 1) / RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
    return _figures(time.process_time() - cpu, time.perf_counter() - wall, waits)


async def _nothing(_interaction: Interaction) -> None:
    pass


async def _timed(append: Append, interaction: Interaction, waits: list[float]) -> None:
    started = time.perf_counter()
    await append(interaction)
    waits.append(time.perf_counter() - started)


def _figures(cpu_s: float, wall_s: float, waits: list[float]) -> Figures:
    ordered = sorted(waits)
    return {
        "cpu_us": cpu_s / len(waits) * 1e6,
        "per_second": len(waits) / wall_s,
        "p50_ms": ordered[len(ordered) // 2] * 1e3,
        "p99_ms": ordered[len(ordered) * 99 // 100] * 1e3,
    }


def _interaction(name: str) -> Interaction:
    return replace(_ONE, id=f"interaction {name}", created_at=datetime.now(UTC))


def _text(tokens: int) -> str:
    """Prose and code in one, with words that every pattern of redaction looks at twice."""
    dice, vocabulary = random.Random(SEED), SAID.split()
    words: list[str] = []
    while sum(map(len, words)) + len(words) < tokens * LETTERS_PER_TOKEN:
        words.append(dice.choice(vocabulary))
    return " ".join(words)


_ONE = Interaction(
    id="",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    query=_text(50),
    response=_text(300),
    agent_type=AgentType.LOCAL,
    model_used="local",
    context_provided=tuple(f"passage {number}" for number in range(5)),
    session_id="a session",
    input_tokens=50,
    output_tokens=300,
    tokens_used=350,
    latency_ms=900,
    first_token_ms=80,
    route=ROUTE,
)


def _cpu_us(act: Callable[[], object]) -> float:
    """The mean over as many repetitions as fit into a fifth of a second."""
    times = 0
    started = time.process_time()
    while (spent := time.process_time() - started) < 0.2 or times == 0:
        act()
        times += 1
    return spent / times * 1e6
