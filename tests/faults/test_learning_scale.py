"""Learning and its faces beside a ledger that holds very much. Everything here is real."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import insert

from hybrid_coordinator.app import House, open_house
from hybrid_coordinator.app.folder import LEDGER_FILE
from hybrid_coordinator.backends.ledger.database import Database
from hybrid_coordinator.backends.ledger.rows import interaction_values
from hybrid_coordinator.backends.ledger.tables import interactions
from hybrid_coordinator.daemon import Stepped
from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind, ValueScore
from hybrid_coordinator.logic.dataset_card import DatasetPolicy
from learning_house import settings_in

ROWS = 100_000
BATCH = 20_000
WAITING = 3_000
"""So many of the newest wait to be scored; the others have been learned from."""

MOST_ROWS = 10_000
"""So many candidates the dataset is made of: that part of a round grows with them, not with the ledger."""

SLOWEST_S = 30.0
MOST_GROWN_MB = 150
DEADLINE_S = 300.0

MEASURE = """
import sys
from pathlib import Path

import anyio

from faults.test_learning_scale import measure

anyio.run(measure, Path(sys.argv[1]))
"""


def _template() -> dict[str, Any]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    steps = "1. Run `machine oil`.\n2. Run `systemctl restart machine`.\n3. Check that port 8080 answers."
    outcome, value = Outcome(OutcomeKind.SUCCESS, 1), ValueScore(0.9, {"outcome": 1.0}, {"outcome": 0.9})
    one = Interaction("", at, "", steps, AgentType.LOCAL, "small", outcome=outcome, settled_at=at, value=value)
    return interaction_values(one) | {"filed": True, "learned": True}


def _rows(first: int, number: int, now: datetime) -> Iterator[dict[str, Any]]:
    """The rows from `first` on; the last of `number` is the newest, a second old."""
    template = _template()
    unscored = {"value_score": None, "value_parts": None, "value_weights": None, "learned": False}
    for place in range(first, min(number, first + BATCH)):
        at = now - timedelta(seconds=number - place)
        named = {"id": f"row-{place}", "query": f"How is machine {place} oiled?", "question_key": place + 1}
        failed = {"outcome": "failure", "user_feedback": -1} if place % 50 == 0 else {}
        waiting = unscored if number - place <= WAITING else {}
        yield template | named | {"created_at": at, "settled_at": at} | failed | waiting


async def fill(folder: Path, number: int) -> None:
    """Put so many interactions into the ledger of a folder, one a second until now."""
    folder.mkdir()
    now = datetime.now(UTC)
    async with aclosing(await Database.open(f"sqlite:///{folder / LEDGER_FILE}")) as database:
        for first in range(0, number, BATCH):
            await database.run(insert(interactions), list(_rows(first, number, now)))


@asynccontextmanager
async def _timed(times: dict[str, float], name: str) -> AsyncIterator[None]:
    started = time.perf_counter()
    yield
    times[name] = round(time.perf_counter() - started, 3)


async def measure(folder: Path) -> None:
    """Print how long each thing takes, in seconds, and by how much memory grew after the house was open."""
    times: dict[str, float] = {}
    async with open_house(settings_in(folder, dataset=DatasetPolicy(most_rows=MOST_ROWS))) as house:
        before = _peak_mb()
        for name, work in _looks(house).items():
            async with _timed(times, name):
                await work()
        for turn in ("first", "second"):
            async with aclosing(house.daemon.run_once(most_batches=1)) as events:
                states = [event.state async for event in events if isinstance(event, Stepped)]
            assert not any(state.error for state in states)
            times |= {f"{turn} {state.step}": round(state.seconds, 3) for state in states}
        figures = {"times": times, "grown_mb": round(_peak_mb() - before, 1), "scored": await _scored(house)}
    sys.stdout.write(json.dumps(figures) + "\n")


def _looks(house: House) -> dict[str, Callable[[], Awaitable[Any]]]:
    return {
        "health": house.health,
        "report": house.reporter.report,
        "learned": lambda: house.catalog.browse(None, limit=100),
        "gaps": house.learning.gaps.find,
    }


async def _scored(house: House) -> int:
    return WAITING - len(await house.ledger.unscored(limit=WAITING))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(folder: Path) -> dict[str, Any]:
    """The figures of a process of its own, so that memory is that of this house alone."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", MEASURE, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("scale") / "data"
    anyio.run(fill, folder, ROWS)
    return measured(folder)


def test_beside_very_many_interactions_a_round_and_every_face_take_seconds(figures: dict[str, Any]) -> None:
    assert {name: seconds for name, seconds in figures["times"].items() if seconds > SLOWEST_S} == {}
    assert figures["scored"] == 2_000


def test_beside_very_many_interactions_memory_stays_flat(figures: dict[str, Any]) -> None:
    assert figures["grown_mb"] < MOST_GROWN_MB
