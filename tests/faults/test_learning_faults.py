"""Learning when it is killed, when there are two of it, when clocks, models and disks go wrong. Everything is real."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import anyio
import pytest

from hybrid_coordinator.app import open_house
from hybrid_coordinator.daemon import STEPS
from learning_house import settings_in, stock

TESTS = Path(__file__).parents[1]
NOTED = ("learning_triggered", "pattern_stored", "pattern_quarantined")
"""What a step tells as it goes: a kill between what it did and what it tells of that costs the telling, or doubles it."""

BEFORE, AFTER = False, True

KILLS = (
    *((step, "", 1, AFTER) for step in STEPS),
    ("ingest", "bury", 1, AFTER),
    ("ingest", "take_in", 1, BEFORE),
    ("ingest", "take_in", 1, AFTER),
    ("ingest", "write", 1, AFTER),
    ("score", "score", 1, BEFORE),
    ("score", "score", 1, AFTER),
    ("score", "note", 1, BEFORE),
    ("extract", "mark_learned", 1, AFTER),
    ("extract", "apply", 5, AFTER),
    ("extract", "mark_learned", 9, AFTER),
    ("extract", "put", 1, AFTER),
    ("curate", "apply", 2, AFTER),
    ("curate", "save", 1, BEFORE),
    ("curate", "amend", 1, AFTER),
    ("curate", "put", 1, AFTER),
    ("train", "set_aside", 2, AFTER),
    ("train", "write", 8, AFTER),
    ("train", "publish", 1, AFTER),
    ("measure", "claim", 2, AFTER),
    ("measure", "save", 1, BEFORE),
    ("measure", "save", 1, AFTER),
)


class Nursery:
    """Starts processes that learn in a folder."""

    def __init__(self, orders: IO[str], answers: IO[str]) -> None:
        self._orders = orders
        self._answers = answers

    def learn(self, folder: Path, **fate: Any) -> int:
        """How a process ended that had this fate."""
        print(json.dumps({"folder": str(folder), **fate}), file=self._orders, flush=True)
        return int(self._answers.readline())

    def learn_all(self, folder: Path) -> dict[str, Any]:
        """What remains of a process that nobody disturbed."""
        assert self.learn(folder) == 0
        remains = json.loads(folder.with_suffix(".json").read_text())
        assert isinstance(remains, dict)
        return remains


@contextmanager
def open_nursery() -> Iterator[Nursery]:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, TESTS / "learning_child.py"], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin
        assert process.stdout
        yield Nursery(process.stdin, process.stdout)
        process.stdin.close()


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with open_nursery() as opened:
        yield opened


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with something to learn from, of which nothing is learned."""
    folder = tmp_path_factory.mktemp("stocked") / "house"
    anyio.run(_stock, folder)
    return folder


async def _stock(folder: Path) -> None:
    async with open_house(settings_in(folder)) as house:
        await stock(house, datetime.now(UTC))


@pytest.fixture(scope="module")
def undisturbed(stocked: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What remains where nobody is killed."""
    folder = tmp_path_factory.mktemp("undisturbed") / "house"
    shutil.copytree(stocked, folder)
    return nursery.learn_all(folder)


def _told(remains: Mapping[str, Any], name: str) -> dict[str, int]:
    """Events by kind, but for those that are told as a step goes."""
    return {kind: count for kind, count in remains[name].items() if kind.split()[-1] not in NOTED}


def test_there_is_something_of_every_kind_to_learn(undisturbed: dict[str, Any]) -> None:
    """Or else the kills below would show nothing."""
    assert {item[0] for item in undisturbed["items"].values()} == {"candidate", "proven", "merged", "quarantined"}
    assert len(undisturbed["values"]) >= 30
    assert len(undisturbed["dead"]) == 10
    assert undisturbed["shown"] == undisturbed["due"]
    assert undisturbed["pairs"]
    assert undisturbed["broken_at"] is None
    assert undisturbed["left"] == [0, 0, 0]
    assert _told(undisturbed, "own_lines")


@pytest.mark.parametrize(("step", "call", "times", "after"), KILLS)
def test_killed_anywhere_a_fresh_process_comes_to_the_same_end(
    stocked: Path,
    undisturbed: dict[str, Any],
    nursery: Nursery,
    tmp_path: Path,
    step: str,
    call: str,
    times: int,
    after: bool,
) -> None:
    folder = tmp_path / "house"
    shutil.copytree(stocked, folder)

    ended = nursery.learn(folder, step=step, call=call, times=times, after=after)
    remains = nursery.learn_all(folder)

    assert ended == -signal.SIGKILL
    for name in undisturbed.keys() - {"events", "own_lines"}:
        assert remains[name] == undisturbed[name], name
    assert _told(remains, "events") == _told(undisturbed, "events")
    assert _told(remains, "own_lines") == _told(undisturbed, "own_lines")
    assert remains["own_lines"] == {k.split()[1]: n for k, n in remains["events"].items() if k.startswith("hybrid")}
    assert remains["own_lines"]["pattern_stored"] <= undisturbed["own_lines"]["pattern_stored"]
