"""`python -P -m hybrid_coordinator.training RUN_FOLDER`: carries out the run whose order lies in the folder.

It ends with 0 when the run is whole, 1 with the reason in `failure.json`, 3 while another process is at the run, and
143 when it was asked to end; it goes on where it was when it is started again. torch is imported once the order and
the material have been read and found good.
"""

import logging
import os
import sys
from pathlib import Path

from filelock import FileLock, Timeout

from hybrid_coordinator.logic.recipes import resolve
from hybrid_coordinator.quick_imports import quick_imports
from hybrid_coordinator.training.checkpoints import Shelf
from hybrid_coordinator.training.data import read_curriculum
from hybrid_coordinator.training.failures import FAILURE, Stopped, report, translate
from hybrid_coordinator.training.limits import StopSign, be_modest, bound_memory, check_memory, die_with_parent
from hybrid_coordinator.training.manifest import MANIFEST
from hybrid_coordinator.training.order import Order, read_order
from hybrid_coordinator.training.progress import Tracker
from hybrid_coordinator.training.room import CHECKPOINTS, Room
from hybrid_coordinator.training.weights import read_weights

logger = logging.getLogger(__name__)

WHOLE, FAILED, BUSY, ENDED = 0, 1, 3, 143

LOCK_WAIT_S = 5.0
"""Whoever only looks whether the lock is held holds it for a moment."""


def main(folder: Path) -> int:
    """How the process ends."""
    stop = StopSign()
    try:
        with FileLock(folder / "lock", timeout=LOCK_WAIT_S):
            return _run(folder, stop)
    except Timeout:
        return BUSY
    except Stopped:
        return ENDED


def _run(folder: Path, stop: StopSign) -> int:
    if (folder / MANIFEST).exists():
        return WHOLE
    (folder / FAILURE).unlink(missing_ok=True)
    try:
        _carry_out(folder, stop)
    except Stopped:
        raise
    except Exception as error:
        logger.exception("the run broke off")
        Shelf(folder / CHECKPOINTS).sweep()
        report(folder, translate(error))
        return FAILED
    return WHOLE


def _carry_out(folder: Path, stop: StopSign) -> None:
    order = read_order(folder)
    die_with_parent(order.parent_pid)
    threads = be_modest(order.threads)
    tracker = Tracker(folder)
    try:
        _enter(folder, order, threads, tracker, stop)
    finally:
        tracker.close()


def _enter(folder: Path, order: Order, threads: int, tracker: Tracker, stop: StopSign) -> None:
    """Everything that can be refused is refused before torch is there; what it takes up does not count as work."""
    curriculum = read_curriculum(folder)
    weights = read_weights(order.base)
    check_memory(weights.parameters, order.recipe.memory_gb)
    with quick_imports():
        from hybrid_coordinator.training.devices import choose_device

    recipe = resolve(
        order.recipe,
        parameters=weights.parameters,
        rows=len(curriculum.train),
        device=choose_device(order.recipe.device),
    )
    with quick_imports():
        from hybrid_coordinator.training.stages import carry_out

    bound_memory(recipe.memory_gb)
    carry_out(Room(folder, order, recipe, curriculum, weights, threads, tracker, stop))


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(code)  # torch's threads keep nothing worth an orderly end, and one could wait for them
