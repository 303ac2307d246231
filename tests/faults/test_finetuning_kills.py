"""Training when processes are killed. The coordinator, the trainer's process, the ledger and the folders are real."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from finetuning_child import DIES_ALWAYS, DIES_ONCE, KILLS_ITS_COORDINATOR_ONCE, Academy, open_academy
from finetuning_room import FinetuningRoom, publish, some_rows

BEFORE, AFTER = False, True

KILLS = (
    ("agenda.claim", 1, AFTER),
    ("runs.put_run", 1, BEFORE),
    ("workshop.freeze", 1, AFTER),
    ("runs.put_run", 2, AFTER),
    ("trainer.launch", 1, BEFORE),
    ("trainer.launch", 1, AFTER),
    ("runs.put_run", 3, AFTER),
    ("trainer.poll", 1, AFTER),
    ("workshop.manifest", 1, AFTER),
    ("runs.keep_sources", 1, AFTER),
    ("runs.apply", 1, BEFORE),
    ("runs.apply", 1, AFTER),
    ("agenda.release", 1, BEFORE),
)


@pytest.fixture(scope="module")
def academy() -> Iterator[Academy]:
    with open_academy() as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a dataset, where nothing was trained."""
    anyio.run(publish, FinetuningRoom(tmp_path).dataset, some_rows())
    return tmp_path


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(("call", "times", "after"), KILLS)
def test_killed_anywhere_a_fresh_process_brings_the_one_run_to_its_one_version(
    academy: Academy, folder: Path, call: str, times: int, after: bool
) -> None:
    killed = academy.train(folder, call=call, times=times, after=after)
    remains = academy.train_on(folder)

    assert killed == -signal.SIGKILL
    [[state, attempts, version, error]] = remains["runs"]
    assert (state, version, error) == ("finished", "small+v1", "")
    assert attempts <= 2
    assert remains["versions"] == ["small+v1"]
    assert remains["sources"] == {"small+v1": remains["trained"][0]}
    assert remains["log"] == 1
    assert not any(map(is_alive, remains["left"]))


def test_killed_before_anything_was_frozen_the_run_has_failed_and_the_way_is_free(
    academy: Academy, folder: Path
) -> None:
    killed = academy.train(folder, call="workshop.freeze", times=1, after=BEFORE)
    remains = academy.train_on(folder)

    assert killed == -signal.SIGKILL
    assert remains["runs"] == [["failed", 0, "", "it was broken off before it began; start it again"]]
    assert remains["versions"] == []
    assert remains["lease"] is None


def test_a_trainer_dies_with_its_coordinator_and_goes_on_with_the_next(academy: Academy, folder: Path) -> None:
    killed = academy.train(folder, KILLS_ITS_COORDINATOR_ONCE)
    remains = academy.train_on(folder, KILLS_ITS_COORDINATOR_ONCE)

    assert killed == -signal.SIGKILL
    assert remains["runs"] == [["finished", 2, "small+v1", ""]]
    assert not any(map(is_alive, remains["left"]))


def test_a_trainer_that_is_killed_is_launched_again(academy: Academy, folder: Path) -> None:
    remains = academy.train_on(folder, DIES_ONCE)

    assert remains["runs"] == [["finished", 2, "small+v1", ""]]


def test_a_trainer_that_is_always_killed_at_one_place_is_given_up(academy: Academy, folder: Path) -> None:
    remains = academy.train_on(folder, DIES_ALWAYS)

    [[state, attempts, version, error]] = remains["runs"]
    assert (state, attempts, version) == ("failed", 4, "")
    assert error.startswith("it broke off 3 times without getting any further; the training process")
    assert remains["versions"] == []
    assert remains["lease"] is None
