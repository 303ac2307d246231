"""How a run that is under way stands: whether it gets on, whether it takes too long, and how that is told."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hybrid_coordinator.domain.training import Progress, Run, RunState

STAGES = ("", "load", "replay", "train", "prefer", "convert", "check", "likelihood")
"""In their order."""

GRACE_S = 300.0
"""For a run to end by itself when its time is over."""

REACHED, FRUITLESS, AGAIN = "reached", "fruitless", "again"
"""Notes of a run: how far it was when it last broke off, how often it broke off without getting any further, and when
it is launched again."""

PAUSES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
"""Before a run that got no further is launched again, for the first time, the second, and so on: memory, a disk or a
vendor may come back meanwhile."""


def is_overdue(run: Run) -> bool:
    """Whether a run has taken longer than it may; one without a bound never has."""
    minutes = run.recipe.minutes
    return minutes > 0.0 and run.spent_s > minutes * 60 + GRACE_S


def broken_off(run: Run, now: datetime, pauses: Sequence[timedelta] = ()) -> Run:
    """The run, with notes that say that it broke off where it is now, and when it goes on: at once, unless it got no
    further and there are `pauses`, the last of which is the longest."""
    reached = _place(run.progress)
    further = reached > _read_place(run.notes.get(REACHED, ""))
    fruitless = 0 if further else fruitless_breaks(run) + 1
    stage, done = reached
    again = now + pauses[min(fruitless, len(pauses)) - 1] if fruitless and pauses else now
    notes = {**run.notes, FRUITLESS: str(fruitless), AGAIN: again.isoformat()}
    if further:
        notes[REACHED] = f"{stage} {done}"
    return replace(run, notes=notes)


def fruitless_breaks(run: Run) -> int:
    """How often a run has broken off since it last got further."""
    return int(run.notes.get(FRUITLESS, "0"))


def goes_on_at(run: Run) -> datetime | None:
    """When a run that broke off is launched again; None for one that is at work."""
    again = run.notes.get(AGAIN)
    return datetime.fromisoformat(again) if again and run.state is RunState.WAITING else None


def tell_progress(progress: Progress) -> str:
    """Such as `train 12 of 80, 4 min left`."""
    if not progress.stage:
        return "beginning"
    told = f"{progress.stage} {progress.done:,} of {progress.total:,}" if progress.total else progress.stage
    return told if progress.seconds_left is None else f"{told}, {progress.seconds_left / 60:.0f} min left"


def _place(progress: Progress) -> tuple[int, int]:
    return (STAGES.index(progress.stage) if progress.stage in STAGES else 0), progress.done


def _read_place(text: str) -> tuple[int, int]:
    stage, _, done = text.partition(" ")
    return (int(stage), int(done)) if done else (0, 0)
