"""Learning when it is killed, when there are two of it, when clocks, models and disks go wrong. Everything is real."""

import json
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream

from hybrid_coordinator.app import House, open_house
from hybrid_coordinator.daemon import STEPS, Stepped
from hybrid_coordinator.errors import Conflict
from hybrid_coordinator.logic.extraction_policy import ExtractionPolicy
from hybrid_coordinator.logic.learning_pace import LearningPace
from hybrid_coordinator.settings import LearningSettings, LocalSettings, PatienceSettings
from hybrid_coordinator.testing import ManualClock
from learning_child import Nursery, open_nursery
from learning_house import ALL, answers, look_at, look_at_dataset, open_backends, settings_in, stock, twin_houses
from room import learn
from servers import Script, hang, hang_up, reply, scripted_server

NOTED = ("learning_triggered", "pattern_stored", "pattern_quarantined", "dataset_updated")
"""Told as a step goes: a kill between what was done and what is told of it costs the telling, or doubles it."""

NOW = datetime.now(UTC)

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
    ("extract", "put", 1, AFTER),
    ("curate", "apply", 2, AFTER),
    ("curate", "save", 1, BEFORE),
    ("curate", "amend", 1, AFTER),
    ("train", "set_aside", 2, AFTER),
    ("train", "write", 8, AFTER),
    ("train", "publish", 1, AFTER),
    ("measure", "claim", 2, AFTER),
    ("measure", "save", 1, BEFORE),
    ("measure", "save", 1, AFTER),
)


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
        await stock(house, NOW)


def copy(folder: Path, to: Path) -> None:
    """A copy that leaves the holes in the files of the vector store holes."""
    subprocess.run(["cp", "-a", "--sparse=always", str(folder), str(to)], check=True)


@pytest.fixture(scope="module")
def undisturbed(stocked: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What remains where nobody is killed."""
    folder = tmp_path_factory.mktemp("undisturbed") / "house"
    copy(stocked, folder)
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
    copy(stocked, folder)

    ended = nursery.learn(folder, step=step, call=call, times=times, after=after)
    remains = nursery.learn_all(folder)

    assert ended == -signal.SIGKILL
    for name in undisturbed.keys() - {"events", "own_lines"}:
        assert remains[name] == undisturbed[name], name
    assert _told(remains, "events") == _told(undisturbed, "events")
    assert _told(remains, "own_lines") == _told(undisturbed, "own_lines")
    written, kept = remains["own_lines"]["pattern_stored"], remains["events"]["hybrid-events pattern_stored"]
    assert written == kept <= undisturbed["own_lines"]["pattern_stored"]


async def test_while_one_daemon_learns_another_waits_its_turn(stocked: Path, tmp_path: Path) -> None:
    copy(stocked, tmp_path / "house")
    async with twin_houses(settings_in(tmp_path / "house")) as (first, second):
        async with aclosing(first.daemon.run_once()) as events:
            await anext(events)
            with pytest.raises(Conflict, match="is learning on these stores"):
                await learn(second)
            assert (await second.daemon.status()).holder == (await first.daemon.status()).holder

        done = await learn(second)

    assert done["score"]["scored"] == len(list(answers())) + 10 - 3


OUT_OF_DATE = LearningPace(quiet_s=0.0, lease_s=0.0)


async def test_two_daemons_that_take_the_lease_from_each_other_come_to_the_same_end(
    stocked: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    """Their leases have run out whenever the other one looks. What they get in each other's way with is a conflict."""
    copy(stocked, tmp_path / "house")
    async with twin_houses(settings_in(tmp_path / "house", pace=OUT_OF_DATE)) as houses:
        async with anyio.create_task_group() as group:
            for house in houses:
                group.start_soon(_learn_against, house)
        for house in houses:
            await learn(house)
        await houses[0].history.catch_up(most=ALL)
        remains = await look_at(houses[0])

    assert remains["shown"] == remains["due"]
    assert remains["broken_at"] is None
    assert remains["left"] == [0, 0, 0]
    for name in ("values", "history", "pairs", "dead"):
        assert remains[name] == undisturbed[name], name
    assert _stages(remains) == _stages(undisturbed)
    assert _told(remains, "events") == _told(undisturbed, "events")


async def _learn_against(house: House) -> None:
    async with aclosing(house.daemon.run_once()) as events:
        async for event in events:
            if isinstance(event, Stepped) and event.state.error:
                assert event.state.error.startswith("Conflict: "), event.state.error


def _stages(remains: Mapping[str, Any]) -> Counter[str]:
    """Which one of two doubles stays is a matter of who was first."""
    return Counter(item[0] for item in remains["items"].values())


async def test_a_clock_that_goes_back_at_every_batch_changes_nothing(stocked: Path, tmp_path: Path) -> None:
    steady = await _learn_with_clock(stocked, tmp_path / "steady", 0.0)

    going_back = await _learn_with_clock(stocked, tmp_path / "back", -60.0)

    assert steady["left"] == [0, 0, 0]
    assert going_back == steady


async def _learn_with_clock(stocked: Path, folder: Path, seconds: float) -> dict[str, Any]:
    """What remains when the clock stands still but for so many seconds after each batch and each step."""
    copy(stocked, folder)
    clock = ManualClock(NOW)
    async with open_backends(settings_in(folder)) as behind:
        house = House(settings_in(folder), replace(behind, clock=clock))
        for _ in range(2):
            async with aclosing(house.daemon.run_once()) as events:
                async for event in events:
                    clock.advance(seconds)
                    assert not isinstance(event, Stepped) or not event.state.error
        await house.history.catch_up(most=ALL)
        return await look_at(house)


INVENTED = {"name": "wipe", "description": "Wipe it.", "steps": ["Run `rm -rf /srv` on every host."], "tags": ["wipe"]}


def _saying(text: str) -> Script:
    delta = json.dumps({"choices": [{"delta": {"content": text}}]})
    stop = json.dumps({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    return reply(f"data: {delta}\n\ndata: {stop}\n\ndata: [DONE]\n\n".encode())


def _only_ready(answer: Script) -> Script:
    """Says at once that it is ready, and does that when it is asked."""

    async def script(stream: SocketStream) -> None:
        await (answer if next(turns) % 2 else reply(b"{}"))(stream)

    turns = count()
    return script


@pytest.mark.parametrize(
    "script",
    [
        hang_up,
        _only_ready(hang),
        _only_ready(_saying("Colourless green ideas")),
        _only_ready(_saying(json.dumps(INVENTED))),
    ],
)
async def test_a_local_model_that_is_no_help_costs_no_skill_and_adds_nothing(
    stocked: Path, undisturbed: dict[str, Any], tmp_path: Path, script: Script
) -> None:
    copy(stocked, tmp_path / "house")
    async with scripted_server(script) as server:
        settings = settings_in(
            tmp_path / "house",
            extraction=ExtractionPolicy(model_timeout_s=0.1),
            local=LocalSettings(llama_cpp_base_url=server.url),
            patience=PatienceSettings(connect_s=0.2, retries=0),
        )
        async with open_house(settings) as house:
            await learn(house)
            remains = await look_at(house)

    assert server.requests
    assert "rm -rf" not in json.dumps(remains)
    assert remains["shown"] == remains["due"] == undisturbed["due"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    mounted = subprocess.run(mounting, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_on_a_full_disk_the_old_dataset_stays_whole_and_everything_else_is_learned(
    stocked: Path, tmp_path: Path, small_disk: Path
) -> None:
    copy(stocked, tmp_path / "house")
    learning = LearningSettings(finetune_data_path=small_disk / "dataset.jsonl")
    async with open_house(settings_in(tmp_path / "house", learning=learning)) as house:
        await learn(house)
        before, written = look_at_dataset(small_disk), (small_disk / "dataset.jsonl").read_bytes()
        first = next(answers())
        await house.ledger.append(replace(first, id="late", query="How is the late service drained?", settled_at=NOW))
        with (small_disk / "ballast").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(bytes(1024))

        stepped = {
            event.state.step: event.state async for event in house.daemon.run_once() if isinstance(event, Stepped)
        }
        failing = (await house.daemon.status()).failing
        told_full = look_at_dataset(small_disk)
        (small_disk / "ballast").unlink()
        recovered = await learn(house)

    assert [state.step for state in failing] == ["train"]
    assert "StorageFull" in stepped["train"].error
    assert told_full == before
    assert stepped["extract"].done > 0
    assert recovered["train"]["dataset_rows"] > 0
    assert (small_disk / "dataset.jsonl").read_bytes() != written
