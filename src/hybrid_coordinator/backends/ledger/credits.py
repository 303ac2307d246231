"""How passages fared as context, and how the questions fared that went without them by chance."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, distinct, func, not_, select

from hybrid_coordinator.backends.ledger.database import Database, Kept, in_parts
from hybrid_coordinator.backends.ledger.interactions import require
from hybrid_coordinator.backends.ledger.tables import ALIKE, credits, interactions
from hybrid_coordinator.domain.learning import Arm, Injection, Uses
from hybrid_coordinator.ports import PassageRecord

_C = credits.c
_I = interactions.c


class Credits(Kept):
    """One row for each passage of each settled interaction."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        insert = database.insert(credits)
        self._put_credit = insert.on_conflict_do_update(
            index_elements=["passage_id", "interaction_id"],
            set_={"credit": insert.excluded.credit, "withheld": insert.excluded.withheld},
        )

    async def credit(self, interaction_id: str, credits: Mapping[str, float]) -> Mapping[str, PassageRecord]:
        """As the port says; an unknown interaction raises NotFound."""
        given = dict(credits)

        def work(connection: Connection) -> dict[str, PassageRecord]:
            self._say(connection, interaction_id, given, withheld=False)
            return _records(connection, list(given))

        return await self._database.write(work)

    async def withhold(self, interaction_id: str, credits: Mapping[str, float]) -> None:
        """As the port says; an unknown interaction raises NotFound."""
        given = dict(credits)
        await self._database.write(lambda connection: self._say(connection, interaction_id, given, withheld=True))

    def _say(self, connection: Connection, interaction_id: str, given: Mapping[str, float], *, withheld: bool) -> None:
        session = require(connection, interaction_id)
        said_before = and_(_C.interaction_id == interaction_id, _C.withheld == withheld)
        connection.execute(delete(credits).where(said_before)).close()
        said = {"interaction_id": interaction_id, "withheld": withheld, "session": session}
        rows = [{**said, "passage_id": passage_id, "credit": credit} for passage_id, credit in given.items()]
        if rows:
            connection.execute(self._put_credit, rows).close()

    async def uses(self, passage_ids: Sequence[str]) -> Mapping[str, Uses]:
        arms: dict[tuple[str, bool], Arm] = {}
        for some in in_parts(passage_ids):
            rows = await self._database.all(_ARMS.where(_C.passage_id.in_(some)))
            arms.update(((row[0], row[1]), Arm(*row[2:])) for row in rows)
        return {id: Uses(arms.get((id, False), Arm()), arms.get((id, True), Arm())) for id in passage_ids}

    async def credited(self, interaction_ids: Sequence[str]) -> Mapping[str, Mapping[str, float]]:
        found: dict[str, dict[str, float]] = {}
        for some in in_parts(interaction_ids):
            for row in await self._database.all(_EARNED.where(_C.interaction_id.in_(some))):
                found.setdefault(row.interaction_id, {})[row.passage_id] = row.credit
        return found

    async def injections(self, *, limit: int) -> list[Injection]:
        rows = await self._database.all(_INJECTED.limit(limit))
        return list(_injections(rows))


_ARMS = select(
    _C.passage_id,
    _C.withheld,
    func.count(),
    func.sum(_C.credit),
    func.sum(_C.credit * _C.credit),
    func.count(distinct(_C.session)),
).group_by(_C.passage_id, _C.withheld)

_EARNED = select(_C.interaction_id, _C.passage_id, _C.credit).where(not_(_C.withheld))

_INJECTED: Select[Any] = (
    select(_C.passage_id, _C.credit, _I.context_provided, _I.similarities)
    .join_from(interactions, credits, and_(_C.interaction_id == _I.id, not_(_C.withheld)))
    .where(ALIKE)
    .order_by(_I.place.desc())
)


def _injections(rows: Sequence[Row[Any]]) -> Iterator[Injection]:
    for row in rows:
        similar = dict(zip(row.context_provided, row.similarities, strict=False))
        if row.passage_id in similar:
            yield Injection(similar[row.passage_id], row.credit)


def _records(connection: Connection, passage_ids: Sequence[str]) -> dict[str, PassageRecord]:
    query = (
        select(_C.passage_id, func.count(), func.sum(_C.credit))
        .where(_C.passage_id.in_(passage_ids), not_(_C.withheld))
        .group_by(_C.passage_id)
    )
    return {passage_id: PassageRecord(uses, credit) for passage_id, uses, credit in connection.execute(query)}
