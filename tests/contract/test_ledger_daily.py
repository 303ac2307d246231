"""What every ledger promises to those who measure how learning goes."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from hybrid_coordinator.backends.ledger.database import Database
from hybrid_coordinator.backends.ledger.engines import Store, open_store
from hybrid_coordinator.backends.ledger.records import Records
from hybrid_coordinator.backends.ledger.sql import SqlLedger
from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind, ValueScore
from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.domain.learning import Change, Learned, Stage
from hybrid_coordinator.domain.measures import Day, Served, Stored
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.ports import Catalog, Ledger
from hybrid_coordinator.testing import MemoryCatalog, MemoryLedger
from postgresql import Cluster
from recorded import FAILURE, FULL, GOOD, NOON, SUCCESS, plain

TODAY = NOON.date()
PARTIAL = Outcome(OutcomeKind.PARTIAL)


@dataclass(frozen=True)
class Kept:
    """A ledger and a catalog over the same store."""

    ledger: Ledger
    catalog: Catalog

    async def record(self, *interactions: Interaction) -> None:
        for one in interactions:
            await self.ledger.append(one)

    async def learn(self, *items: Learned) -> None:
        await self.catalog.apply([Change(item.id, "learn", None, item, "extract") for item in items], NOON)

    async def days(self, since: datetime | None = None) -> list[Day]:
        return await self.ledger.daily(since, high_value=0.7)


def item(
    id: str, agent: AgentType | None = None, stage: Stage = Stage.PROVEN, kind: Collection = Collection.SKILLS
) -> Learned:
    payload = {"skill_name": f"Grüße {id}", "example": '"agent_type":"local"'}
    payload |= {"agent_type": agent.value} if agent else {}
    draft = Draft(id, kind, f"how to {id}", f"do {id}", payload)
    return Learned(id, stage, draft, Origin.DIRECT_USER, (f"i-{id}",), "extractive", NOON, NOON)


def valued(id: str, value: float) -> Interaction:
    return replace(plain(id), outcome=SUCCESS, settled_at=NOON, value=ValueScore(value, {"outcome": 1.0}, {}))


def settled(id: str, outcome: Outcome = SUCCESS, agent: AgentType = AgentType.LOCAL) -> Interaction:
    return replace(plain(id), outcome=outcome, settled_at=NOON, agent_type=agent)


def stable(kinds: Sequence[Served] | Sequence[Stored]) -> list[str]:
    return sorted(map(repr, kinds))


class DailyContract:
    """The promises of the ports."""

    async def test_nothing_has_no_days_and_no_kinds(self, kept: Kept) -> None:
        assert await kept.days() == []
        assert await kept.ledger.spread((0.3, 0.5), None) == [0, 0, 0]
        assert await kept.ledger.served(None) == []
        assert await kept.catalog.stored(384) == []

    async def test_a_day_is_the_sum_of_what_was_recorded_on_it(self, kept: Kept) -> None:
        grounded = replace(plain("grounded"), context_provided=("p",), latency_ms=30, tokens_used=3, tokens_saved=9)
        remote = replace(plain("remote"), agent_type=AgentType.REMOTE, latency_ms=70, tokens_used=5, cost=7)
        good = replace(plain("good"), outcome=SUCCESS, settled_at=NOON, value=GOOD, cost_saved=11)
        handed_out = replace(plain("handed out"), agent_type=AgentType.CONTEXT_ONLY, context_provided=("p",))
        half = replace(plain("half"), parent_id="remote", latency_ms=1_000, outcome=FAILURE, settled_at=NOON)
        await kept.record(grounded, remote, good, handed_out, half, settled("partial", PARTIAL), FULL)

        assert await kept.days() == [
            Day(
                TODAY,
                interactions=7,
                answered=4,
                local=3,
                grounded=1,
                judged=2,
                settled=4,
                credit=2.5,
                scored=2,
                high_value=2,
                teachable=1,
                tokens=3 + 5 + FULL.tokens_used,
                remote_tokens=5 + FULL.tokens_used,
                tokens_saved=9 + FULL.tokens_saved,
                cost=7 + FULL.cost,
                cost_saved=11 + FULL.cost_saved,
                latency_ms=100,
            )
        ]

    async def test_days_are_those_of_utc_and_come_earliest_first(self, kept: Kept) -> None:
        east, west = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
        await kept.record(
            replace(plain("late"), created_at=datetime(2026, 3, 4, 23, 59, 59, 999_999, tzinfo=UTC)),
            replace(plain("east"), created_at=datetime(2026, 3, 4, 13, 59, tzinfo=east)),
            replace(plain("west"), created_at=datetime(2026, 3, 4, 12, 0, tzinfo=west)),
        )

        counts = {day.day: day.interactions for day in await kept.days()}

        assert counts == {date(2026, 3, 3): 1, TODAY: 1, date(2026, 3, 5): 1}
        assert list(counts) == sorted(counts)

    async def test_what_was_before_does_not_count(self, kept: Kept) -> None:
        await kept.learn(item("s"))
        await kept.record(settled("before"), replace(valued("after", 0.9), created_at=NOON + timedelta(minutes=1)))
        await kept.ledger.credit("before", {"s": 1.0})
        since = NOON + timedelta(minutes=1)

        assert [(day.interactions, day.reused, day.learned) for day in await kept.days(since)] == [(1, 0, 0)]
        assert await kept.ledger.spread((0.5,), since) == [0, 1]
        assert await kept.ledger.served(since) == []

    async def test_a_day_on_which_something_was_only_learned_counts(self, kept: Kept) -> None:
        await kept.learn(item("a"), item("b", stage=Stage.QUARANTINED))
        await kept.learn(replace(item("gone"), created_at=NOON - timedelta(days=1)))
        await kept.catalog.apply(
            [Change("gone", "rollback", (await kept.catalog.get(["gone"]))[0], None, "person")], NOON
        )

        assert await kept.days() == [Day(TODAY, learned=2)]

    async def test_an_answer_with_several_learned_things_was_reused_once(self, kept: Kept) -> None:
        await kept.learn(item("s1"), item("s2"))
        await kept.record(settled("both"), settled("document"), settled("without"), plain("unsettled"))
        await kept.ledger.credit("both", {"s1": 1.0, "s2": 0.5, "document": 0.5})
        await kept.ledger.credit("document", {"document": 1.0})
        await kept.ledger.withhold("without", {"s1": 1.0})

        assert [(day.answered, day.judged, day.reused) for day in await kept.days()] == [(4, 3, 1)]

    async def test_a_value_on_an_edge_lies_above_it(self, kept: Kept) -> None:
        values = (0.0, 0.29, 0.3, 0.5, 0.7, 1.0)
        await kept.record(*(valued(f"i{number}", value) for number, value in enumerate(values)), plain("unscored"))

        assert await kept.ledger.spread((0.3, 0.5, 0.7), None) == [2, 1, 1, 2]

    async def test_who_taught_and_who_answered_are_told_apart(self, kept: Kept) -> None:
        await kept.learn(item("far", AgentType.REMOTE), item("near", AgentType.LOCAL), item("told"))
        await kept.record(settled("home"), settled("home again"), settled("away", agent=AgentType.REMOTE))
        await kept.ledger.credit("home", {"far": 1.0, "told": 1.0, "file": 0.25})
        await kept.ledger.credit("home again", {"far": 0.0})
        await kept.ledger.credit("away", {"near": 0.5})
        await kept.ledger.withhold("away", {"far": 1.0})

        assert stable(await kept.ledger.served(None)) == stable(
            [
                Served(Collection.SKILLS, AgentType.REMOTE, AgentType.LOCAL, 2, 1.0),
                Served(Collection.SKILLS, None, AgentType.LOCAL, 1, 1.0),
                Served(Collection.SKILLS, AgentType.LOCAL, AgentType.REMOTE, 1, 0.5),
                Served(None, None, AgentType.LOCAL, 1, 0.25),
            ]
        )

    async def test_what_was_learned_is_counted_by_collection_stage_and_teacher(self, kept: Kept) -> None:
        fix = item("fix", AgentType.REMOTE, kind=Collection.ERRORS)
        await kept.learn(item("a", AgentType.REMOTE), item("b", AgentType.REMOTE), item("c", stage=Stage.RETIRED), fix)

        stored = await kept.catalog.stored(384)

        assert {(kind.collection, kind.stage, kind.taught_by): kind.items for kind in stored} == {
            (Collection.SKILLS, Stage.PROVEN, AgentType.REMOTE): 2,
            (Collection.SKILLS, Stage.RETIRED, None): 1,
            (Collection.ERRORS, Stage.PROVEN, AgentType.REMOTE): 1,
        }

    async def test_bytes_are_those_of_the_record_and_of_the_passage_while_it_is_served(self, kept: Kept) -> None:
        proven, retired = item("a"), item("b", stage=Stage.RETIRED)
        await kept.learn(proven, retired)
        payload = '{"skill_name":"Grüße a","example":"\\"agent_type\\":\\"local\\""}'
        passage = len("how to ado a") + len(payload.encode())
        record = passage + len("a" + "Grüße a".encode().decode("latin1") + '["i-a"]' + "[]" + "extractive")

        sizes = {kind.stage: kind.bytes for kind in await kept.catalog.stored(384)}

        assert sizes == {Stage.PROVEN: record + passage + 4 * 384, Stage.RETIRED: record}


class TestMemory(DailyContract):
    @pytest.fixture
    def kept(self) -> Kept:
        catalog = MemoryCatalog()
        return Kept(MemoryLedger(catalog), catalog)


class SqlDailyContract(DailyContract):
    """A subclass gives `url`, the address of an empty database."""

    @pytest.fixture
    async def kept(self, url: str) -> AsyncIterator[Kept]:
        records = await Records.open(url)
        yield Kept(records.ledger, records.catalog)
        await records.aclose()


class TestSqlite(SqlDailyContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"

    async def test_a_span_is_looked_up_by_time_and_its_credits_by_interaction(self, url: str) -> None:
        await (await Records.open(url)).aclose()
        store = open_store(url, {}, 1.0)
        ledger = SqlLedger(Database(store))
        plans = planned(store)

        await ledger.daily(NOON, high_value=0.7)
        await ledger.spread((0.3, 0.5), NOON)
        await ledger.served(NOON)
        await ledger.aclose()

        steps = [step for steps in plans for step in steps]
        assert sum("INDEX interactions_by_time" in step for step in steps) == 3
        assert sum("INDEX credits_by_interaction" in step for step in steps) == 2
        assert [step for step in steps if step.startswith("SCAN")] == ["SCAN learned_records"]  # a few thousand


class TestPostgresql(SqlDailyContract):
    @pytest.fixture
    def url(self, cluster: Cluster) -> str:
        return cluster.emptied()


def planned(store: Store) -> list[list[str]]:
    """What SQLite means to do for each statement that it will be asked to carry out."""
    plans: list[list[str]] = []

    def look(connection: Connection, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        driver: Any = connection.connection.driver_connection
        if statement.startswith("SELECT"):
            plans.append([row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)])

    event.listen(store.reading, "before_cursor_execute", look)
    return plans
