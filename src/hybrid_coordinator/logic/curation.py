"""Where curation stands in the log of changes, and which changes it has to look at."""

import json
from dataclasses import asdict, dataclass

from hybrid_coordinator.domain.learning import Change, LoggedChange
from hybrid_coordinator.errors import Damaged


@dataclass(frozen=True, slots=True)
class CurationPolicy:
    """Minutes between two rounds over everything that was learned, for its use, its age and the code below it."""

    round_minutes: float = 15.0


@dataclass(frozen=True, slots=True)
class Bookmark:
    """The last change that was looked at; place 0 is before the first. The hash tells one log from another."""

    place: int = 0
    hash: str = ""


def pack_bookmark(bookmark: Bookmark) -> bytes:
    """As JSON."""
    return json.dumps(asdict(bookmark)).encode()


def unpack_bookmark(content: bytes) -> Bookmark:
    """The beginning for no content at all. Raises Damaged for anything but a packed one."""
    if not content:
        return Bookmark()
    try:
        place, hash_ = map(json.loads(content).get, ("place", "hash"))
    except (ValueError, AttributeError) as error:
        raise Damaged(f"{content[:40]!r} is no bookmark; curation begins anew") from error
    if not isinstance(place, int) or not isinstance(hash_, str):
        raise Damaged(f"{content[:40]!r} is no bookmark; curation begins anew")
    return Bookmark(place, hash_)


def is_marked(bookmark: Bookmark, logged: LoggedChange | None) -> bool:
    """Whether the change at the bookmark's place is the one that it was put at."""
    return logged is not None and (logged.place, logged.hash) == (bookmark.place, bookmark.hash)


def needs_comparing(change: Change) -> bool:
    """Whether an item came into service by it, or says something else since."""
    before, after = change.before, change.after
    if after is None or not after.served:
        return False
    if before is None or not before.served:
        return True
    return (before.draft.key, before.draft.text) != (after.draft.key, after.draft.text)
