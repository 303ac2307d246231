"""The ledger page by page, over the record in dictionaries."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from hybrid_coordinator.domain.interaction import Correction, Interaction, OutcomeKind, PreferencePair
from hybrid_coordinator.logic.question_key import question_key
from hybrid_coordinator.testing.ledger import MemoryLedger

T = TypeVar("T")

ALL = 1_000_000


class MemoryAnnals:
    """The `Annals` port. A place is the number of a record, from 1."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self._ledger = ledger

    async def successes(
        self, *, min_value: float, before: int | None = None, limit: int
    ) -> list[tuple[int, Interaction]]:
        kept = _page(await self._ledger.recent(limit=ALL), before)
        return [(place, one) for place, one in kept if _is_worth(one, min_value)][:limit]

    async def corrected(self, *, before: int | None = None, limit: int) -> list[tuple[int, Correction]]:
        return _page(await self._ledger.corrections(limit=ALL), before)[:limit]

    async def preferred(self, *, before: int | None = None, limit: int) -> list[tuple[int, PreferencePair]]:
        return _page(await self._ledger.preferences(limit=ALL), before)[:limit]

    async def settled(self, *, since: datetime, after: str = "", limit: int) -> list[Interaction]:
        moments = [
            (one.settled_at, one.id, one)
            for one in await self._ledger.recent(limit=ALL)
            if one.outcome is not None and one.settled_at is not None
        ]
        later = sorted(moment for moment in moments if moment[:2] > (since, after))
        return [one for _, _, one in later[:limit]]

    async def asked(self, key: int, *, limit: int) -> list[Interaction]:
        newest = await self._ledger.recent(limit=ALL)
        return [one for one in newest if question_key(one.query) == key][:limit]


def _page(newest: Sequence[T], before: int | None) -> list[tuple[int, T]]:
    placed = [(len(newest) - number, one) for number, one in enumerate(newest)]
    return [(place, one) for place, one in placed if before is None or place < before]


def _is_worth(interaction: Interaction, min_value: float) -> bool:
    success = interaction.outcome is not None and interaction.outcome.kind is OutcomeKind.SUCCESS
    worth = interaction.value is not None and interaction.value.total >= min_value
    return success and worth and interaction.failure is None
