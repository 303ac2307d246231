"""Interactions: recorded, settled, read back, and copied into the searchable history."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Update,
    and_,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    true,
    update,
)

from hybrid_coordinator.backends.ledger.columns import AnyText, Json
from hybrid_coordinator.backends.ledger.database import Database, Insert, Kept, in_parts
from hybrid_coordinator.backends.ledger.rows import (
    Values,
    interaction_values,
    settlement_values,
    tag_values,
    to_interaction,
)
from hybrid_coordinator.backends.ledger.tables import SESSION, UNFILED, interactions, sources, tags
from hybrid_coordinator.domain.interaction import Interaction, Outcome, ValueScore
from hybrid_coordinator.errors import NotFound

_I = interactions.c

_ANY = interactions.alias()

_SETTLED = ("settled_at", "outcome", "user_feedback", "value_score")
"""What tells one settling of an interaction from another."""


class Additions:
    """The statements that record an interaction, the same for everybody who does."""

    def __init__(self, database: Database) -> None:
        self._interaction = database.insert(interactions).on_conflict_do_nothing(index_elements=["id"])
        self._tag = _tagging(database.insert(tags))

    def rows(self, interaction: Interaction) -> list[tuple[Insert, Values]]:
        """What to add for an interaction, in this order. Adding it twice, or another of its id, changes nothing."""
        tagged = ((self._tag, values) for values in tag_values(interaction))
        return [(self._interaction, interaction_values(interaction)), *tagged]


def _tagging(insert: Insert) -> Insert:
    kept = select(bindparam("kept_tag", type_=AnyText), _I.place).where(
        _I.id == bindparam("kept_id"), _I.tags == bindparam("kept_tags", type_=Json)
    )
    return insert.from_select(["tag", "place"], kept).on_conflict_do_nothing()


class Interactions(Kept):
    """Newest and oldest are by order of recording, so that a clock that goes back moves nothing."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._additions = Additions(database)  # built once: building a statement costs several times its execution

    async def append(self, interaction: Interaction, *, patient: bool = False) -> None:
        await self._database.add(*self._additions.rows(interaction), patient=patient)

    async def get(self, interaction_id: str) -> Interaction:
        found = await self._database.all(select(interactions).where(_I.id == interaction_id))
        if not found:
            raise unknown(interaction_id)
        return to_interaction(found[0])

    async def get_all(self, ids: Sequence[str]) -> list[Interaction]:
        found: dict[str, Interaction] = {}
        for some in in_parts(ids):
            rows = await self._database.all(select(interactions).where(_I.id.in_(some)))
            found.update((row.id, to_interaction(row)) for row in rows)
        return [found[id] for id in ids if id in found]

    async def settle(self, interaction_id: str, outcome: Outcome, value: ValueScore, at: datetime) -> Interaction:
        change = (
            update(interactions)
            .where(_I.id == interaction_id)
            .values(**settlement_values(outcome, value, at), filed=False, learned=False)
            .returning(interactions)
        )

        def work(connection: Connection) -> Interaction:
            row = connection.execute(change).one_or_none()
            if row is None:
                raise unknown(interaction_id)
            return to_interaction(row)

        return await self._database.write(work)

    async def recent(
        self,
        *,
        limit: int,
        session_id: str | None = None,
        since: datetime | None = None,
        min_value: float | None = None,
        outcome: str | None = None,
    ) -> list[Interaction]:
        query = select(interactions).where(spanned(since)).order_by(_I.place.desc()).limit(limit)
        if session_id is not None:
            query = query.where(_I.session_id == session_id)
        if min_value is not None:
            query = query.where(_I.value_score >= min_value)
        if outcome is not None:
            query = query.where(_I.outcome == outcome)
        return await self._database.found(query, to_interaction)

    async def unfiled(self, *, limit: int) -> list[Interaction]:
        query = select(interactions).where(UNFILED).order_by(_I.place).limit(limit)
        return await self._database.found(query, to_interaction)

    async def mark_filed(self, interactions: Sequence[Interaction]) -> None:
        if interactions:
            await self._database.run(_MARK_FILED, [seen_values(one) for one in interactions])

    async def forget_copies(self) -> None:
        def forget(connection: Connection) -> None:
            connection.execute(update(interactions).where(_I.filed).values(filed=False)).close()
            connection.execute(delete(sources)).close()

        await self._database.write(forget)


def spanned(since: datetime | None, place: ColumnElement[int] = _I.place) -> ColumnElement[bool]:
    """Recorded since then. The first place keeps a reader who goes backwards from going on for ever.

    Added to nothing, it is sought in the index by time, and not from the first place on.
    """
    if since is None:
        return true()
    first = select(func.min(_ANY.c.place + literal_column("0"))).where(_ANY.c.created_at >= since).scalar_subquery()
    return and_(_I.created_at >= since, place >= first)


def unknown(interaction_id: str) -> NotFound:
    """The error that says so."""
    return NotFound(f"no interaction {interaction_id!r} in the ledger; list the recent ones to find its id")


def require(connection: Connection, interaction_id: str) -> str:
    """The session it belongs to, or itself without one.

    Raises NotFound unless it is there, and keeps other replicas from writing about it at the same time.
    """
    its_row = select(SESSION).where(_I.id == interaction_id)
    session: str | None = connection.scalar(its_row.with_for_update())
    if session is None:
        raise unknown(interaction_id)
    return session


def marking(**marks: Any) -> Update:
    """Marks interactions that are still settled as `seen_values` says they were seen."""
    unchanged = (_I[name].is_not_distinct_from(bindparam(f"seen_{name}")) for name in _SETTLED)
    return update(interactions).where(_I.id == bindparam("seen_id"), *unchanged).values(**marks)


def seen_values(interaction: Interaction) -> Values:
    """How an interaction was settled when it was seen, for `marking`."""
    values = settlement_values(interaction.outcome, interaction.value, interaction.settled_at)
    return {"seen_id": interaction.id, **{f"seen_{name}": values[name] for name in _SETTLED}}


_MARK_FILED = marking(filed=True)
