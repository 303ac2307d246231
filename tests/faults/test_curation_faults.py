"""Curation when it is killed, when there are two of it, and when there is very much. Everything here is real."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from curation import Workshop, learned
from hybrid_coordinator.backends.keepsake import FileKeepsake
from hybrid_coordinator.backends.knowledge.edge import EdgeKnowledge
from hybrid_coordinator.backends.ledger.records import Records
from hybrid_coordinator.domain.learning import Change, Learned, Stage
from hybrid_coordinator.logic.curation import Bookmark, pack_bookmark
from hybrid_coordinator.testing import HashEmbedder, ManualClock

DEADLINE_S = 60.0
PORT = "Which port does the gateway use?"
ASKED = "How do I restart the billing service?"
STEPS = "1. Run `systemctl restart billing`.\n2. Check that port 8080 answers."
ITEMS = (
    learned("first", ASKED, STEPS),
    learned("double", ASKED, STEPS, days=1),
    learned("old", PORT, "The gateway listens on port 80.", days=2),
    learned("new", PORT, "The gateway listens on port 443.", days=3),
)
SETTLED = {
    "first": Stage.CANDIDATE,
    "double": Stage.MERGED,
    "old": Stage.SUPERSEDED,
    "new": Stage.CANDIDATE,
}
MANY = 1_000

CURATE = """
import sys
import anyio
from pathlib import Path
from faults.test_curation_faults import curate_and_die
anyio.run(curate_and_die, Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
"""


class Fatal:
    """A port whose call of one name, the so-manyth, is the last thing that this process does."""

    def __init__(self, port: Any, call: str, times: int) -> None:
        self._port = port
        self._call = call
        self._left = times

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        return self._last(method) if name == self._call else method

    def _last(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any, **named: Any) -> Any:
            result = await method(*arguments, **named)
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call


@asynccontextmanager
async def opened(folder: Path, wrap: Callable[[Any], Any] = lambda port: port) -> AsyncIterator[Workshop]:
    """The stores of a folder, each seen through a wrap."""
    embedder = HashEmbedder()
    records = await Records.open(f"sqlite:///{folder / 'ledger.sqlite'}")
    knowledge = await EdgeKnowledge.open(folder / "knowledge", embedder.identity)
    try:
        yield Workshop(
            catalog=wrap(records.catalog),
            knowledge=wrap(knowledge),
            embedder=embedder,
            ledger=records.ledger,
            clock=ManualClock(),
            keepsake=wrap(FileKeepsake(folder / "curation")),
        )
    finally:
        await knowledge.aclose()
        await records.aclose()


async def curate_and_die(folder: Path, call: str, times: int) -> None:
    """Curate until one call has returned so often."""
    async with opened(folder, lambda port: Fatal(port, call, times)) as workshop:
        await workshop.curate()


async def _stages(workshop: Workshop) -> dict[str, Stage]:
    return {item.id: item.stage for item in await workshop.catalog.browse(None, limit=MANY)}


@pytest.mark.parametrize(
    ("call", "times"),
    [
        ("put", 1),
        ("mark_published", 1),
        ("apply", 1),
        ("apply", 2),
        ("save", 1),
        ("amend", 1),
        ("remove", 2),
        ("mark_published", 2),
    ],
)
async def test_killed_anywhere_the_next_run_comes_to_the_same_end(tmp_path: Path, call: str, times: int) -> None:
    async with opened(tmp_path) as workshop:
        await workshop.learn(*ITEMS)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    killed = subprocess.run(
        [sys.executable, "-c", CURATE, str(tmp_path), call, str(times)], env=environment, timeout=DEADLINE_S
    )
    assert killed.returncode == -signal.SIGKILL

    async with opened(tmp_path) as workshop:
        await workshop.curate()

        assert await _stages(workshop) == SETTLED
        assert {passage.id for passage in await workshop.found(PORT)} <= {"new", "first"}
        assert (await workshop.item("first")).learned_from == ("from first", "from double")
        assert await workshop.catalog.check_log() is None
        assert await workshop.catalog.unpublished(limit=9) == []


async def test_two_daemons_at_once_come_to_the_same_end_as_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    records = [await Records.open(url) for _ in range(2)]
    embedder = HashEmbedder()
    knowledge = await EdgeKnowledge.open(tmp_path / "knowledge", embedder.identity)
    workshops = [Workshop(catalog=one.catalog, ledger=one.ledger, knowledge=knowledge) for one in records]
    await workshops[0].learn(*ITEMS)

    async with anyio.create_task_group() as group:
        for workshop in workshops:
            group.start_soon(workshop.curate)
    for workshop in workshops:
        await workshop.curate()

    assert await _stages(workshops[0]) == SETTLED
    assert (await workshops[0].item("first")).learned_from == ("from first", "from double")
    assert await workshops[0].catalog.check_log() is None
    await knowledge.aclose()
    for one in records:
        await one.aclose()


def _many() -> Sequence[Learned]:
    return [learned(f"{n:05}", f"How is part {n} of machine {n * 7} oiled?", f"Use oil {n}.") for n in range(MANY)]


async def test_among_very_many_only_what_is_new_is_compared(tmp_path: Path) -> None:
    """And a round over all of them embeds nothing."""
    async with opened(tmp_path) as workshop:
        items = _many()
        changes = [Change(item.id, "learn", None, item, "extract") for item in items]
        log = await workshop.catalog.apply(changes, workshop.clock.now())
        await workshop.publisher.restore()
        await workshop.keepsake.save(pack_bookmark(Bookmark(log[-1].place, log[-1].hash)))
        await workshop.learn(replace(items[777], id="double", draft=replace(items[777].draft, id="double")))
        embedder = workshop.embedder
        assert isinstance(embedder, HashEmbedder)
        embedder.embedded.clear()

        await workshop.curate()

        assert await workshop.stage("double") is Stage.MERGED
        assert len(embedder.embedded) <= 3
        (passage,) = await workshop.knowledge.get(["00000"])
        assert passage.payload["freshness"] == 1.0
