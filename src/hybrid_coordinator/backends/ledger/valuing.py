"""What an interaction is worth, whether it was learned from, and which ones went wrong."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    bindparam,
    func,
    select,
    union,
    update,
)

from hybrid_coordinator.backends.ledger.database import Database, Kept, in_parts
from hybrid_coordinator.backends.ledger.interactions import marking, require, seen_values, spanned
from hybrid_coordinator.backends.ledger.rows import tag_key, to_interaction, value_values
from hybrid_coordinator.backends.ledger.tables import (
    TROUBLED,
    UNLEARNED,
    UNSCORED,
    VALUED,
    exclusions,
    interactions,
    tags,
)
from hybrid_coordinator.domain.interaction import REJECTED_TAG, Interaction, ValueScore

_I = interactions.c


class Valuing(Kept):
    """What the steps of the learning loop ask about interactions."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._add_exclusion = database.insert(exclusions).on_conflict_do_nothing(index_elements=["interaction_id"])

    async def unscored(self, *, limit: int) -> list[Interaction]:
        return await self._interactions(select(interactions).where(UNSCORED).order_by(_I.place).limit(limit))

    async def score(self, values: Mapping[str, ValueScore]) -> None:
        rows = [{"scored_id": id, **value_values(value)} for id, value in values.items()]
        if rows:
            await self._database.run(_SCORE, rows)

    async def kin(self, keys: Sequence[int]) -> Mapping[int, int]:
        held: dict[int, int] = {}
        for some in in_parts(keys):
            query = select(_I.question_key, func.count()).where(_I.question_key.in_(some)).group_by(_I.question_key)
            held.update((key, count) for key, count in await self._database.all(query))
        return held

    async def unlearned(self, *, limit: int) -> list[Interaction]:
        return await self._interactions(select(interactions).where(UNLEARNED).order_by(_I.place).limit(limit))

    async def mark_learned(self, interactions: Sequence[Interaction]) -> None:
        if interactions:
            await self._database.run(_MARK_LEARNED, [seen_values(one) for one in interactions])

    async def tagged(self, tag: str, *, since: datetime | None, limit: int) -> list[Interaction]:
        query = (
            select(interactions)
            .join(tags, tags.c.place == _I.place)
            .where(tags.c.tag == tag_key(tag), spanned(since, tags.c.place))
        )
        return await self._interactions(query.order_by(tags.c.place.desc()).limit(limit))

    async def troubled(self, *, limit: int, low_value: float, since: datetime | None = None) -> list[Interaction]:
        """As the port says; what replaced a rejected answer is as new as that rejection."""
        wrong = select(_I.place).where(TROUBLED, spanned(since)).order_by(_I.place.desc())
        poor = select(_I.place).where(VALUED, _I.value_score < low_value, spanned(since)).order_by(_I.place.desc())
        kinds = (kind.limit(limit).subquery() for kind in (wrong, poor, _replacements(since)))
        places = union(*(select(kind.c.place) for kind in kinds))
        query = select(interactions).where(_I.place.in_(places)).order_by(_I.place.desc()).limit(limit)
        return await self._interactions(query)

    async def exclude(self, interaction_id: str, why: str, at: datetime) -> None:
        row = {"interaction_id": interaction_id, "excluded_at": at, "why": why}

        def work(connection: Connection) -> None:
            require(connection, interaction_id)
            connection.execute(self._add_exclusion, row).close()

        await self._database.write(work)

    async def excluded(self) -> Mapping[str, str]:
        rows = await self._database.all(select(exclusions.c.interaction_id, exclusions.c.why))
        return {row.interaction_id: row.why for row in rows}

    async def _interactions(self, query: Select[Any]) -> list[Interaction]:
        return await self._database.found(query, to_interaction)


def _replacements(since: datetime | None) -> Select[Any]:
    rejected = interactions.alias()
    return (
        select(_I.place)
        .join_from(tags, rejected, tags.c.place == rejected.c.place)
        .join(interactions, _I.id == rejected.c.parent_id)
        .where(tags.c.tag == REJECTED_TAG, spanned(since))
        .order_by(tags.c.place.desc())
    )


_SCORE = (
    update(interactions)
    .where(_I.id == bindparam("scored_id"))
    .values(
        value_score=bindparam("value_score"),
        value_parts=bindparam("value_parts"),
        value_weights=bindparam("value_weights"),
        learned=False,
        filed=False,
    )
)

_MARK_LEARNED = marking(learned=True)
