"""How fast learning takes in and values what happened, what it adds to an answer, and what a pattern takes on disk."""

import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import numpy as np

from bench.learning_streams import ops_stream
from bench.retrieval import DATA
from bench.telemetry import fill, ingest
from hybrid_coordinator.app import open_house
from hybrid_coordinator.app.house import House
from hybrid_coordinator.backends.ledger.records import Records
from hybrid_coordinator.daemon import Stepped
from hybrid_coordinator.domain.interaction import AgentType, Outcome, OutcomeKind
from hybrid_coordinator.domain.knowledge import CONTEXT_COLLECTIONS
from hybrid_coordinator.flows.feedback import Track
from hybrid_coordinator.flows.scoring import Scorer
from hybrid_coordinator.logic.scoring import ScoringPolicy
from hybrid_coordinator.settings import load_settings

SCORED = 20_000
REPEATS = 5
WARM_UP = 20

Figures = dict[str, Any]


async def measure_speed(rows: int) -> Figures:
    """Events and interactions a second beside a ledger of so many rows, and by how much memory grew meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        taken = await ingest(Path(folder), rows)
    with tempfile.TemporaryDirectory() as folder:
        scored = await _measure_scoring(Path(folder), max(rows, SCORED))
    return {
        "rows": rows,
        "lines": taken.lines,
        "ingest_events_s": round(taken.lines_s),
        "ingest_cpu_us": round(taken.cpu_seconds / taken.lines * 1e6),
        "ingest_grown_mb": round(taken.grown_mb, 1),
        "loop_late_ms": [round(late, 2) for late in taken.loop_late_ms],
        **scored,
    }


async def _measure_scoring(folder: Path, rows: int) -> Figures:
    records = await Records.open(f"sqlite:///{folder / 'ledger.db'}")
    try:
        await fill(records.events, rows)
        scorer, done = Scorer(records.ledger, ScoringPolicy()), 0
        memory, started = _peak_mb(), time.perf_counter()
        while done < SCORED and (worked := await scorer.work()).done:
            done += worked.done
        seconds = time.perf_counter() - started
    finally:
        await records.aclose()
    return {"scored": done, "score_s": round(done / seconds), "score_grown_mb": round(_peak_mb() - memory, 1)}


async def measure_answers(data: Path = DATA) -> Figures:
    """What learning adds to finding context for a question, and the bytes of what was learned, in a real house.

    Runbooks are tracked as answers to their alerts, called successes and learned. Then each alert is looked up with
    and without what learning does on the way of an answer, in turn, so that both meet the same weather.
    """
    stream = ops_stream(data / "ops_runbooks")
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "HYBRID_DATA_DIR": folder,
            "FINETUNE_DATA_PATH": f"{folder}/rows.jsonl",
            "HYBRID_EXTRACTION_MODELS": "false",  # how long a model takes is measured by `bench extraction`
        }
        settings = load_settings(environment)
        async with open_house(settings) as house:
            questions = [asked.text for asked in stream.order(0)]
            for asked in stream.order(0):
                await _succeed(house, asked.text, stream.corpus[asked.answer])
            await _learn(house)
            added = await _measure_added(house, questions)
            stored = await house.catalog.stored(house.embedder.identity.dimension)
    return {
        "questions": len(questions),
        **added,
        "learned_items": sum(kind.items for kind in stored),
        "bytes_per_pattern": round(sum(kind.bytes for kind in stored) / max(1, sum(kind.items for kind in stored))),
    }


async def _succeed(house: House, question: str, answer: str) -> None:
    tracked = await house.feedback.track(Track(question, answer, AgentType.REMOTE, "bench"))
    await house.feedback.settle(tracked.id, Outcome(OutcomeKind.SUCCESS, 1))


async def _learn(house: House) -> None:
    async for event in house.daemon.run_once():
        if isinstance(event, Stepped) and event.state.error:
            raise RuntimeError(f"{event.state.step}: {event.state.error}")


async def _measure_added(house: House, questions: Sequence[str]) -> Figures:
    """In milliseconds. Questions are embedded before, so that only the search and what follows is timed."""
    await house.embedder.embed(questions)
    plain: list[float] = []
    learned: list[float] = []
    for _ in range(REPEATS):
        for question in questions:
            plain.append(await _timed(house, question, learning=False))
            learned.append(await _timed(house, question, learning=True))
    differences = np.array(learned[WARM_UP:]) - np.array(plain[WARM_UP:])
    return {
        "added_ms_p50": float(np.median(differences)),
        "added_ms_p99": float(np.quantile(learned[WARM_UP:], 0.99) - np.quantile(plain[WARM_UP:], 0.99)),
        "plain_ms_p50": float(np.median(plain[WARM_UP:])),
    }


async def _timed(house: House, question: str, *, learning: bool) -> float:
    started = time.perf_counter()
    if learning:
        await house.augmenter.consult(question)
    else:
        await house.augmenter.find(question, CONTEXT_COLLECTIONS)
    await anyio.lowlevel.checkpoint()
    return (time.perf_counter() - started) * 1000


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
