"""Learning when it is killed, when there are two of it, when clocks, models and disks go wrong. Everything is real."""

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest

from hybrid_coordinator.app import House, open_house
from hybrid_coordinator.daemon import STEPS, Stepped
from hybrid_coordinator.errors import Conflict
from hybrid_coordinator.logic.extraction_policy import ExtractionPolicy
from hybrid_coordinator.logic.learning_pace import LearningPace
from hybrid_coordinator.settings import LocalSettings, PatienceSettings
from hybrid_coordinator.testing import ManualClock
from learning_child import Nursery, open_nursery
from learning_house import ALL, answers, look_at, open_backends, settings_in, stock, twin_houses
from room import learn
from servers import Script, hang, hang_up, reply, scripted_server

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
        await stock(house, datetime.now(UTC))


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
    assert remains["own_lines"] == {k.split()[1]: n for k, n in remains["events"].items() if k.startswith("hybrid")}
    assert remains["own_lines"]["pattern_stored"] <= undisturbed["own_lines"]["pattern_stored"]


def _comparable(remains: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in remains.items() if name not in ("events", "own_lines")}


async def test_while_one_daemon_learns_another_waits_its_turn(stocked: Path, tmp_path: Path) -> None:
    copy(stocked, tmp_path / "house")
    settings = settings_in(tmp_path / "house", pace=LearningPace(quiet_s=0.0))
    async with twin_houses(settings) as (first, second):
        async with aclosing(first.daemon.run_once()) as events:
            await anext(events)
            with pytest.raises(Conflict, match="is learning on these stores"):
                await learn(second)
            assert (await second.daemon.status()).holder == (await first.daemon.status()).holder

        done = await learn(second)

    assert done["score"]["scored"] == len(list(answers())) + 10 - 3


async def test_two_daemons_that_take_the_lease_from_each_other_come_to_the_same_end(
    stocked: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    """Their leases have run out whenever the other one looks."""
    copy(stocked, tmp_path / "house")
    async with twin_houses(settings_in(tmp_path / "house")) as houses:
        async with anyio.create_task_group() as group:
            for house in houses:
                group.start_soon(learn, house)
        for house in houses:
            await learn(house)
        await houses[0].history.catch_up(most=ALL)
        remains = await look_at(houses[0])

    assert _comparable(remains) == _comparable(undisturbed)
    assert _told(remains, "events") == _told(undisturbed, "events")


async def test_a_clock_that_goes_back_at_every_step_changes_nothing(
    stocked: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    copy(stocked, tmp_path / "house")
    clock = ManualClock(datetime.now(UTC))
    async with open_backends(settings_in(tmp_path / "house")) as behind:
        house = House(settings_in(tmp_path / "house"), replace(behind, clock=clock))
        for _ in range(2):
            async with aclosing(house.daemon.run_once()) as events:
                async for event in events:
                    clock.advance(-60.0)
                    assert not isinstance(event, Stepped) or not event.state.error
        await house.history.catch_up(most=ALL)
        remains = await look_at(house)

    assert _comparable(remains) == _comparable(undisturbed)
    assert _told(remains, "events") == _told(undisturbed, "events")


INVENTED = {"name": "wipe", "description": "Wipe it.", "steps": ["Run `rm -rf /srv` on every host."], "tags": ["wipe"]}


def _saying(text: str) -> Script:
    delta = json.dumps({"choices": [{"delta": {"content": text}}]})
    stop = json.dumps({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    return reply(f"data: {delta}\n\ndata: {stop}\n\ndata: [DONE]\n\n".encode())


@pytest.mark.parametrize("script", [hang_up, hang, _saying("Colourless green ideas"), _saying(json.dumps(INVENTED))])
async def test_a_local_model_that_is_no_help_costs_no_skill_and_adds_nothing(
    stocked: Path, undisturbed: dict[str, Any], tmp_path: Path, script: Script
) -> None:
    copy(stocked, tmp_path / "house")
    async with scripted_server(script) as server:
        settings = settings_in(
            tmp_path / "house",
            extraction=ExtractionPolicy(model_timeout_s=0.2),
            local=LocalSettings(llama_cpp_base_url=server.url),
            patience=PatienceSettings(retries=0),
        )
        async with open_house(settings) as house:
            for _ in range(2):
                await learn(house)
            await house.history.catch_up(most=ALL)
            remains = await look_at(house)

    assert server.requests
    assert "rm -rf" not in json.dumps(remains)
    assert remains["shown"] == remains["due"] == undisturbed["due"]
