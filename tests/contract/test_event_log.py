"""What every event log promises."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hybrid_coordinator.backends.ledger.event_log import LONGEST_KIND
from hybrid_coordinator.backends.ledger.records import Records
from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind
from hybrid_coordinator.domain.telemetry import Event, FilePosition, TelemetrySource
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.ports import EventLog, Ledger
from hybrid_coordinator.testing import MemoryEventLog, MemoryLedger
from postgresql import Cluster

NOON = datetime(2026, 3, 4, 12, 0, 0, 123456, tzinfo=UTC)
ASKED = Interaction(
    id="i1",
    created_at=NOON,
    query="How is nginx configured?",
    response="In nixos/nginx.nix.",
    agent_type=AgentType.REMOTE,
    model_used="large",
    tags=("ralph",),
    outcome=Outcome(OutcomeKind.SUCCESS),
    settled_at=NOON,
    channel="telemetry:ralph-events",
)
EVENT = Event("e1", TelemetrySource.RALPH, "task_completed", NOON, {"task": "a\x00\ud800", "n": [1, None]}, ASKED)
OWN = Event("o1", TelemetrySource.HYBRID, "route_decided", NOON, {"route": "local"}, own=True)
HERE = FilePosition("/logs/a.jsonl", 2**64 - 1, 2**64 - 1, "abc", 64, 1_000, 7)


def counted(events: range) -> list[Event]:
    return [replace(EVENT, id=f"e{n}", interaction=replace(ASKED, id=f"i{n}")) for n in events]


@dataclass(frozen=True, slots=True)
class Books:
    """A log, and the ledger its interactions go to."""

    events: EventLog
    ledger: Ledger


class EventLogContract:
    """The promises of the port."""

    async def test_an_event_brings_its_interaction_along(self, books: Books) -> None:
        new = await books.events.take_in([EVENT, OWN], [HERE])

        assert new == 2
        assert await books.ledger.unscored(limit=9) == [ASKED]
        assert await books.ledger.tagged("ralph", since=None, limit=9) == [ASKED]
        assert await books.events.positions() == [HERE]

    async def test_a_known_event_is_passed_over_and_so_is_its_interaction(self, books: Books) -> None:
        await books.events.take_in(counted(range(3)), [])

        again = await books.events.take_in(counted(range(1, 5)), [])
        changed = await books.events.take_in([replace(EVENT, id="e0", interaction=replace(ASKED, id="other"))], [])

        assert (again, changed) == (2, 0)
        assert [one.id for one in await books.ledger.unscored(limit=9)] == ["i0", "i1", "i2", "i3", "i4"]

    async def test_an_event_that_comes_twice_at_once_is_kept_once(self, books: Books) -> None:
        second = replace(EVENT, kind="task_failed", interaction=replace(ASKED, id="second"))

        assert await books.events.take_in([EVENT, second, EVENT], []) == 1
        assert [one.id for one in await books.ledger.recent(limit=9)] == ["i1"]
        assert await books.events.tally(None) == {("ralph-events", "task_completed"): 1}

    async def test_nothing_to_take_in_is_fine(self, books: Books) -> None:
        assert await books.events.take_in([], []) == 0
        assert await books.events.positions() == []

    async def test_thousands_at_once_are_all_kept(self, books: Books) -> None:
        assert await books.events.take_in(counted(range(3_000)), []) == 3_000
        assert await books.events.take_in(counted(range(3_500)), []) == 500
        assert len(await books.ledger.recent(limit=9_999)) == 3_500

    async def test_a_position_replaces_that_of_its_file(self, books: Books) -> None:
        other = replace(HERE, inode=4)
        moved = replace(HERE, path="/logs/a.1.jsonl", offset=2_000, line=9)
        await books.events.take_in([], [HERE, other])
        await books.events.take_in([EVENT], [moved])

        assert sorted(await books.events.positions(), key=lambda one: one.inode) == [other, moved]

    async def test_files_that_are_gone_are_forgotten(self, books: Books) -> None:
        await books.events.take_in([], [HERE, replace(HERE, inode=4)])

        await books.events.forget([HERE, replace(HERE, inode=5)])
        await books.events.forget([])

        assert await books.events.positions() == [replace(HERE, inode=4)]

    async def test_own_events_wait_until_they_are_written(self, books: Books) -> None:
        more = [replace(OWN, id=f"o{number}") for number in range(2, 5)]
        await books.events.take_in([OWN, EVENT, *more], [])
        nothing_yet = await books.events.written()
        waiting = await books.events.unwritten(limit=2)

        await books.events.mark_written(waiting[-1][0], "hybrid-events.jsonl", 120)
        rest = await books.events.unwritten(limit=9)
        await books.events.mark_written(rest[-1][0], "hybrid-events-2.jsonl", 99)

        assert nothing_yet == ("", 0)
        assert [event for _, event in waiting] == [OWN, more[0]]
        assert [event for _, event in rest] == more[1:]
        assert await books.events.unwritten(limit=9) == []
        assert await books.events.written() == ("hybrid-events-2.jsonl", 99)

    async def test_the_tally_counts_by_source_and_kind(self, books: Books) -> None:
        early = [replace(EVENT, id=f"early{n}", at=NOON - timedelta(days=1), interaction=None) for n in range(2)]
        await books.events.take_in([EVENT, OWN, *early], [])

        ever, lately = await books.events.tally(None), await books.events.tally(NOON)

        assert ever == {("ralph-events", "task_completed"): 3, ("hybrid-events", "route_decided"): 1}
        assert lately == {("ralph-events", "task_completed"): 1, ("hybrid-events", "route_decided"): 1}


class SqlEventLogContract(EventLogContract):
    """The promises of an event log in a database. A subclass gives `url`, the address of an empty one."""

    @pytest.fixture
    async def records(self, url: str) -> AsyncIterator[Records]:
        records = await Records.open(url)
        yield records
        await records.aclose()

    @pytest.fixture
    def books(self, records: Records) -> Books:
        return Books(records.events, records.ledger)

    async def test_what_cannot_be_kept_takes_everything_along(self, books: Books) -> None:
        broken = replace(EVENT, id="e2", interaction=replace(ASKED, id="i2", cost=2**70))

        with pytest.raises(BadInput):
            await books.events.take_in([EVENT, broken], [HERE])

        assert await books.events.positions() == []
        assert await books.ledger.recent(limit=9) == []
        assert await books.events.take_in([EVENT], [HERE]) == 1

    async def test_a_kind_of_any_length_is_kept(self, books: Books) -> None:
        long = "".join(chr(0x4E00 + number % 20_000) for number in range(10_000))

        assert await books.events.take_in([replace(EVENT, kind=long)], []) == 1
        assert await books.events.tally(None) == {("ralph-events", long[:LONGEST_KIND]): 1}

    async def test_the_view_of_events_says_what_was_taken_in(self, books: Books) -> None:
        await books.events.take_in([OWN, replace(EVENT, fields={"b": 1, "a": "ü"})], [])

        table = await books.ledger.read("SELECT * FROM events ORDER BY id", limit=9, timeout_s=5)

        moment = "2026-03-04 12:00:00.123456"
        assert table.rows == (
            ("e1", "2026-03-04", moment, "ralph-events", "task_completed", '{"b":1,"a":"ü"}', "i1", 0),
            ("o1", "2026-03-04", moment, "hybrid-events", "route_decided", '{"route":"local"}', None, 1),
        )


class TestMemory(EventLogContract):
    @pytest.fixture
    def books(self) -> Books:
        ledger = MemoryLedger()
        return Books(MemoryEventLog(ledger), ledger)


class TestSqlite(SqlEventLogContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"


class TestPostgresql(SqlEventLogContract):
    @pytest.fixture
    def url(self, cluster: Cluster) -> str:
        return cluster.emptied()
