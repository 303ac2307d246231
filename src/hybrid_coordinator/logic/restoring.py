"""How something learned that was taken out of service comes back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from hybrid_coordinator.domain.learning import Learned, LoggedChange, Stage

RESTORABLE = frozenset((Stage.ARCHIVED, Stage.STALE, Stage.SUPERSEDED, Stage.RETIRED))
"""Stages from which an item comes back as it was; what was merged comes back by coming apart."""

PERSON = "person"
REOPENING = frozenset(("restore", "unmerge"))


def last_in_service(log: Sequence[LoggedChange]) -> Learned | None:
    """The item as it was when it was last served; None for one that never was. The log is its own, oldest first."""
    for logged in reversed(log):
        before, after = logged.change.before, logged.change.after
        if before is not None and before.served and not (after is not None and after.served):
            return before
    return None


def put_back(item: Learned, served: Learned, at: datetime) -> Learned:
    """The item back in service as it was. Where it came from stays as it is known now."""
    return replace(
        item,
        stage=served.stage,
        draft=served.draft,
        replaced_by=served.replaced_by,
        why=served.why,
        changed_at=at,
    )


def reopened_by_person(log: Sequence[LoggedChange]) -> bool:
    """Whether a person has put it back once: no merge and no supersession takes it away again."""
    return any(one.change.actor == PERSON and one.change.action in REOPENING for one in log)
