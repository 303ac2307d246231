"""What has to change so that something that was learned was never learned. The log is only ever added to."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from hybrid_coordinator.domain.learning import Change, Learned, LoggedChange, Stage
from hybrid_coordinator.logic.lineage import Sources, stems_from

OUT_OF_SERVICE = frozenset((Stage.RETIRED, Stage.REJECTED, Stage.QUARANTINED))
"""Stages from which nothing comes back by itself: what is there may stay there."""

IsClean = Callable[[Learned], bool]


def turn_back(log: Iterable[LoggedChange]) -> Mapping[str, Learned | None]:
    """The state that each item had before the first of these entries of it, which come oldest first."""
    states: dict[str, Learned | None] = {}
    for entry in log:
        states.setdefault(entry.change.item_id, entry.change.before)
    return states


def last_clean(log: Sequence[LoggedChange], is_clean: IsClean) -> Learned | None:
    """The newest state in an item's log, oldest entry first, that is clean; None when it never was."""
    states = (entry.change.after for entry in reversed(log))
    return next((state for state in states if state is not None and is_clean(state)), None)


def clean_of(origin: str, sources: Sources, undone: frozenset[str]) -> IsClean:
    """Whether a state has nothing of an origin in its lineage, and does not rest on, or give way to, what is undone."""

    def is_clean(state: Learned) -> bool:
        leans = state.id in undone or state.replaced_by in undone or not undone.isdisjoint(state.rests_on)
        return not leans and not stems_from(sources.lineage(state), origin)

    return is_clean


def undo(current: Learned | None, earlier: Learned | None, at: datetime, why: str) -> Change | None:
    """The change that makes an item what it was earlier; one that was not there is retired, never deleted.

    None when there is nothing to do.
    """
    if current is None:
        return (
            None if earlier is None else Change(earlier.id, "rollback", None, _dated(earlier, at, why), "person", why)
        )
    after = replace(current, stage=Stage.RETIRED) if earlier is None else earlier
    if replace(after, changed_at=current.changed_at, why=current.why) == current:
        return None
    return Change(current.id, "rollback", current, _dated(after, at, why), "person", why)


def _dated(item: Learned, at: datetime, why: str) -> Learned:
    return replace(item, changed_at=at, why=why)
