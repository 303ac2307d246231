"""What was learned, in dictionaries, with a log that is chained as the port says."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b

from hybrid_coordinator.domain.learning import Change, Learned, LoggedChange, Stage
from hybrid_coordinator.domain.measures import Stored
from hybrid_coordinator.errors import BadInput, Conflict
from hybrid_coordinator.testing.measuring import sum_stored


class MemoryCatalog:
    """Items by id, and every change of them."""

    def __init__(self) -> None:
        self._items: dict[str, Learned] = {}
        self._changed: dict[str, Learned] = {}
        self._published: set[str] = set()
        self._log: list[LoggedChange] = []

    async def apply(self, changes: Sequence[Change], at: datetime) -> list[LoggedChange]:
        items = dict(self._items)
        for change in changes:
            _make(change, items)
        self._items = items
        return [self._write_down(change, at) for change in changes]

    def _write_down(self, change: Change, at: datetime) -> LoggedChange:
        self._published.discard(change.item_id)
        self._changed.pop(change.item_id, None)
        self._changed[change.item_id] = _to_publish(change)
        previous = self._log[-1].hash if self._log else ""
        place = len(self._log) + 1
        self._log.append(LoggedChange(place, at, change, previous, _hash(place, at, change, previous)))
        return self._log[-1]

    async def get(self, ids: Sequence[str]) -> list[Learned]:
        return [self._items[id] for id in ids if id in self._items]

    async def browse(
        self, stages: Sequence[Stage] | None = None, *, limit: int, after: str | None = None
    ) -> list[Learned]:
        ids = sorted(id for id in self._items if after is None or id > after)
        fitting = [self._items[id] for id in ids if stages is None or self._items[id].stage in stages]
        return fitting[:limit]

    async def learned_from(self, source_ids: Sequence[str]) -> list[Learned]:
        sources = set(source_ids)
        return [item for item in self._items.values() if sources.intersection(item.learned_from)]

    async def signed(self, signature: str) -> list[Learned]:
        return [item for item in self._items.values() if item.signature == signature]

    async def unpublished(self, *, limit: int) -> list[Learned]:
        """As the port says; what was deleted comes as retired, so that it is taken away."""
        return [item for id, item in self._changed.items() if id not in self._published][:limit]

    async def mark_published(self, items: Sequence[Learned]) -> None:
        self._published.update(item.id for item in items if self._changed.get(item.id) == item)

    async def forget_published(self) -> None:
        self._published -= set(self._items)

    async def counts(self) -> Mapping[Stage, int]:
        return Counter(item.stage for item in self._items.values())

    async def stored(self, dimension: int) -> list[Stored]:
        return sum_stored(self.items, dimension)

    @property
    def items(self) -> Mapping[str, Learned]:
        """What there is, by id."""
        return self._items

    async def log(self, *, after: int = 0, item_id: str | None = None, limit: int) -> list[LoggedChange]:
        fitting = [one for one in self._log[after:] if item_id is None or one.change.item_id == item_id]
        return fitting[:limit]

    async def check_log(self) -> int | None:
        previous = ""
        for one in self._log:
            if one.previous_hash != previous or one.hash != _hash(one.place, one.at, one.change, previous):
                return one.place
            previous = one.hash
        return None


def _make(change: Change, items: dict[str, Learned]) -> None:
    if change.before is None and change.after is None:
        raise BadInput(f"the change of {change.item_id!r} changes nothing; say what was, or what shall be")
    if items.get(change.item_id) != change.before:
        raise Conflict(f"{change.item_id!r} was changed by somebody else meanwhile; look at it again")
    if change.after is None:
        items.pop(change.item_id, None)
    else:
        items[change.item_id] = change.after


def _to_publish(change: Change) -> Learned:
    """What the collections should show: the item, or that it is gone."""
    if change.after is not None:
        return change.after
    assert change.before is not None  # `_make` saw to it
    return replace(change.before, stage=Stage.RETIRED)


def _hash(place: int, at: datetime, change: Change, previous: str) -> str:
    return blake2b(repr((place, at, change, previous)).encode(), digest_size=32).hexdigest()
