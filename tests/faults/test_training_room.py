"""The training room as a real process, on weights so small that a run takes seconds: killed, starved and misled."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Generator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from training_child import (
    BRISK,
    SERVICES,
    begin,
    carry_out,
    failure_of,
    lay_out,
    manifest_of,
    pairs,
    row,
    rows,
    wait_until,
)

if any(find_spec(name) is None for name in ("torch", "transformers", "peft", "trl", "gguf")):
    pytest.skip("the extra `train` is not installed", allow_module_level=True)

from hybrid_coordinator.training.base_hash import base_sha256

ENDED, BUSY = 143, 3
STAYING = replace(BRISK, stay_weight=0.5)
KEEP = [{"messages": [{"role": "user", "content": "A list, please."}, {"role": "assistant", "content": "[1, 2]"}]}]

STARTER = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-P", "-m", "hybrid_coordinator.training", sys.argv[1]])
print(child.pid, flush=True)
sys.stdin.read()
"""

TWICE = """
import torch
from hybrid_coordinator.training.failures import translate
from hybrid_coordinator.training.room import Learner
from hybrid_coordinator.training.stages import with_half

learner = Learner(None, None, most_tokens=2)

def work():
    return {"bytes": torch.empty((learner.most_tokens - 1) << 60, dtype=torch.uint8).numel()}

def fail():
    learner.most_tokens = 4
    return work()

print(with_half(learner, work), learner.most_tokens)
try:
    with_half(learner, fail)
except RuntimeError as error:
    print(translate(error).kind)
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny base weights."""
    folder = tmp_path_factory.mktemp("base")
    maker = Path(__file__).parents[1] / "tiny_base.py"
    subprocess.run([sys.executable, str(maker), str(folder)], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def digest(base: Path) -> str:
    return base_sha256(base)


@pytest.fixture(scope="module")
def whole(base: Path, digest: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run-1"
    lay_out(folder, base, base_sha256=digest, recipe=STAYING, train=rows(), pairs=pairs(10), keep=KEEP)
    assert carry_out(folder) == 0, (folder / "log.txt").read_text()
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    mounted = subprocess.run(mounting, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_run_ends_with_a_manifest_that_says_what_was_made_of_what(whole: Path, digest: str) -> None:
    manifest = manifest_of(whole)
    progress = json.loads((whole / "progress.json").read_bytes())

    assert manifest["run_id"] == "run-1"
    assert manifest["base"] == {"name": "tiny", "sha256": digest}
    assert set(manifest["data"]) >= {"train.jsonl", "pairs.jsonl"}
    assert manifest["recipe"]["alpha"] == 8.0
    assert manifest["metrics"]["updates"] == 15
    assert manifest["metrics"]["preference_updates"] == 5
    assert manifest["metrics"]["replayed_texts"] > 0
    assert manifest["metrics"]["tokens_per_s"] > 0
    assert manifest["versions"]["torch"]
    assert "adapter.gguf" in manifest["files"]
    assert progress["spent_s"] > 0
    assert not (whole / "failure.json").exists()


def test_what_a_run_made_does_not_say_where_its_base_lies(whole: Path, base: Path) -> None:
    told = [path.read_text("utf-8", "replace") for path in (whole / "adapter").iterdir()]

    assert told
    assert not any(str(base) in text for text in (*told, (whole / "manifest.json").read_text()))


def test_a_whole_run_is_not_carried_out_again(whole: Path) -> None:
    before = (whole / "manifest.json").stat().st_mtime_ns

    assert carry_out(whole) == 0
    assert (whole / "manifest.json").stat().st_mtime_ns == before


def test_a_run_killed_at_many_moments_ends_with_the_same_weights(
    whole: Path, base: Path, digest: str, tmp_path: Path
) -> None:
    run = lay_out(
        tmp_path / "run-1", base, base_sha256=digest, recipe=STAYING, train=rows(), pairs=pairs(10), keep=KEEP
    )
    moments = (
        lambda: (run / "replay.jsonl").exists(),
        lambda: any((run / "checkpoints").glob("train/checkpoint-*/whole")),
        lambda: any((run / "checkpoints" / "prefer").glob("checkpoint-*")),
        lambda: (run / "adapter").exists(),
    )

    for holds in moments:
        child = begin(run)
        wait_until(child, holds)
        child.kill()
        assert child.wait() == -signal.SIGKILL
        assert not (run / "manifest.json").exists()

    assert carry_out(run) == 0
    assert manifest_of(run)["files"]["adapter.gguf"] == manifest_of(whole)["files"]["adapter.gguf"]


def test_a_run_that_is_asked_to_end_keeps_what_it_learned_and_goes_on(base: Path, digest: str, tmp_path: Path) -> None:
    recipe = replace(BRISK, epochs=200, replay_share=0)
    run = lay_out(tmp_path / "run", base, base_sha256=digest, recipe=recipe, train=rows())
    child = begin(run)
    wait_until(child, lambda: any((run / "checkpoints").glob("train/checkpoint-*/whole")))

    child.terminate()

    assert child.wait(60) == ENDED
    assert any((run / "checkpoints").glob("train/checkpoint-*/whole"))
    assert not (run / "failure.json").exists()
    assert not (run / "manifest.json").exists()


def test_a_second_process_leaves_a_run_at_work_alone(base: Path, digest: str, tmp_path: Path) -> None:
    recipe = replace(BRISK, epochs=500, replay_share=0)
    run = lay_out(tmp_path / "run", base, base_sha256=digest, recipe=recipe, train=rows())
    first = begin(run)
    wait_until(first, lambda: (run / "progress.json").exists())

    assert carry_out(run) == BUSY

    assert first.poll() is None
    first.kill()
    first.wait()


def test_a_run_dies_with_whoever_started_it(base: Path, digest: str, tmp_path: Path) -> None:
    run = lay_out(tmp_path / "run", base, base_sha256=digest, recipe=replace(BRISK, epochs=500), train=rows())
    command = [sys.executable, "-c", STARTER, str(run)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as starter:
        order = json.loads((run / "order.json").read_bytes())
        (run / "order.json").write_text(json.dumps({**order, "parent_pid": starter.pid}))
        assert starter.stdout
        watched = os.pidfd_open(int(starter.stdout.readline()))
        wait_until(starter, lambda: (run / "progress.json").exists())
        starter.kill()

    assert select.select([watched], [], [], 20)[0]
    os.close(watched)


def test_early_stopping_keeps_the_best_epoch(base: Path, digest: str, tmp_path: Path) -> None:
    recipe = replace(BRISK, epochs=60, patience=1, learning_rate=0.05, replay_share=0)
    contrary = [row(f"Where is number {at}?", f"Nowhere, say {chr(97 + at) * 9}.") for at in range(10)]
    train = [row(f"Where is it, {at}?", f"At {at * 37}.") for at in range(12)]
    run = lay_out(tmp_path / "run", base, base_sha256=digest, recipe=recipe, train=train, validation=contrary)

    assert carry_out(run) == 0

    metrics = manifest_of(run)["metrics"]
    assert metrics["stopped_early"]
    assert metrics["watched_by"] == "validation"
    assert metrics["best_epoch"] < metrics["epochs_done"] < 60
    assert metrics["validation_loss_before"] > 0


def test_a_full_disk_is_told_and_the_run_goes_on_when_there_is_room(base: Path, digest: str, small_disk: Path) -> None:
    run = lay_out(small_disk / "run", base, base_sha256=digest, recipe=replace(BRISK, rank=16), train=rows())
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 600_000)

    assert carry_out(run) == 1
    assert failure_of(run)["kind"] == "disk"
    assert not failure_of(run)["final"]
    assert not (run / "manifest.json").exists()

    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=32m", str(small_disk)], check=True)
    assert carry_out(run) == 0
    assert manifest_of(run)["metrics"]["updates"] == 18
    assert not (run / "failure.json").exists()


def test_when_the_time_is_over_the_run_ends_with_what_it_has(base: Path, digest: str, tmp_path: Path) -> None:
    recipe = replace(BRISK, minutes=0.0001, replay_share=0)
    run = lay_out(tmp_path / "run", base, base_sha256=digest, recipe=recipe, train=rows())

    assert carry_out(run) == 0

    metrics = manifest_of(run)["metrics"]
    assert metrics["out_of_time"]
    assert metrics["updates"] == 1


def test_memory_that_is_refused_is_asked_for_once_more_with_half_the_batch() -> None:
    ended = subprocess.run([sys.executable, "-c", TWICE], capture_output=True, text=True, check=True)

    said = [line for line in ended.stdout.splitlines() if not line.startswith("memory ran out at")]
    assert said == ["({'bytes': 0}, True) 1", "memory"]


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"memory_gb": 0.5}, "memory", "at least 1.2 GB and the recipe allows 0.5"),
        ({"device": "cuda"}, "other", "no 'cuda' device"),
        ({"targets": ("no_such_layer",)}, "other", "no_such_layer"),
        ({"length": 8}, "data", "no row fits into 8 tokens"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused_with_the_next_step(
    base: Path, digest: str, tmp_path: Path, change: dict[str, object], kind: str, said: str
) -> None:
    recipe = replace(BRISK, replay_share=0, **change)  # type: ignore[arg-type]
    run = lay_out(tmp_path / "run", base, base_sha256=digest, recipe=recipe, train=rows())

    assert carry_out(run) == 1

    failure = failure_of(run)
    assert (failure["kind"], failure["final"]) == (kind, True)
    assert said in failure["error"]


def test_data_is_refused_before_anything_slow_begins(base: Path, digest: str, tmp_path: Path) -> None:
    run = lay_out(tmp_path / "run", base, base_sha256=digest, train=rows(SERVICES[:1]))

    assert carry_out(run) == 1

    assert failure_of(run)["kind"] == "data"
    assert "load" not in (run / "log.txt").read_text()


@pytest.mark.parametrize("spoil", ["hash", "gone", "garbage"])
def test_another_base_than_ordered_is_refused(base: Path, digest: str, tmp_path: Path, spoil: str) -> None:
    garbage = tmp_path / "garbage.gguf"
    garbage.write_bytes(b"GGUF, or so it says")
    path = {"hash": base, "gone": tmp_path / "gone.gguf", "garbage": garbage}[spoil]
    wanted = base_sha256(garbage) if spoil == "garbage" else "0" * 64
    run = lay_out(tmp_path / "run", path, base_sha256=wanted, train=rows())

    assert carry_out(run) == 1

    assert failure_of(run)["kind"] == "base"
    assert failure_of(run)["final"]


@pytest.mark.parametrize("order", ["", "[]", "{}", '{"run_id": 1, "base": {}, "recipe": {}}'])
def test_an_order_that_makes_no_sense_is_refused(tmp_path: Path, order: str) -> None:
    (tmp_path / "order.json").write_text(order)

    assert carry_out(tmp_path) == 1

    assert failure_of(tmp_path)["final"]
