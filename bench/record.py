"""How long recording an interaction takes."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import anyio

from hybrid_coordinator.backends.ledger.sql import SqlLedger
from hybrid_coordinator.domain.interaction import AgentType, Interaction
from hybrid_coordinator.domain.query import Profile, Speciality
from hybrid_coordinator.domain.route import Route, Target

PAUSE_S = 0.002
"""Between two records: requests come one by one, and the thread that writes goes to sleep in between."""

WARM_UP = 20

TYPICAL = Interaction(
    id="",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    query="How do I make nginx reload its certificates without dropping connections? " * 3,
    response="Send it SIGHUP: the master process reads the new files and starts new workers. " * 25,
    agent_type=AgentType.LOCAL,
    model_used="small",
    context_provided=tuple(f"8d7a4c1e-0000-4000-8000-{number:012d}" for number in range(5)),
    session_id="a-session",
    input_tokens=900,
    output_tokens=450,
    tokens_used=1350,
    latency_ms=2100,
    route=Route(
        target=Target.LOCAL,
        attempts=("small",),
        reason="92% alike to what is known",
        confidence=0.92,
        relevance=0.92,
        complexity=3,
        speciality=Speciality.GENERAL,
        profile=Profile.DEFAULT,
    ),
)


async def recording_latencies(folder: Path, interactions: int) -> list[float]:
    """Milliseconds of each of so many appends, in order, to a new ledger in the folder, one after the other."""
    ledger = await SqlLedger.open(f"sqlite:///{folder / 'record.sqlite'}")
    taken = []
    for interaction in _typical(WARM_UP + interactions):
        await anyio.sleep(PAUSE_S)
        start = time.perf_counter()
        await ledger.append(interaction)
        taken.append((time.perf_counter() - start) * 1000)
    await ledger.aclose()
    return taken[WARM_UP:]


def _typical(how_many: int) -> Iterator[Interaction]:
    for number in range(how_many):
        yield replace(TYPICAL, id=f"interaction-{number}", created_at=datetime.now(UTC))
