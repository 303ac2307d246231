"""What every agenda promises."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from hybrid_coordinator.backends.ledger.records import Records
from hybrid_coordinator.domain.learning import StepState
from hybrid_coordinator.ports import Agenda
from hybrid_coordinator.testing import MemoryAgenda
from postgresql import Cluster

NOON = datetime(2026, 3, 4, 12, 0, 0, 123456, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


class AgendaContract:
    """The promises of the port."""

    async def test_a_lease_is_held_by_one_at_a_time(self, agenda: Agenda) -> None:
        first = await agenda.claim("learning", "a", NOON, 60)
        second = await agenda.claim("learning", "b", later(60), 60)

        assert (first, second) == (True, False)
        assert await agenda.holder("learning", later(60)) == "a"

    async def test_a_lease_that_ran_out_is_free(self, agenda: Agenda) -> None:
        await agenda.claim("learning", "a", NOON, 60)

        assert await agenda.holder("learning", later(61)) is None
        assert await agenda.claim("learning", "b", later(61), 60)
        assert await agenda.holder("learning", later(61)) == "b"
        assert not await agenda.claim("learning", "a", later(62), 60)

    async def test_the_holder_renews_its_lease(self, agenda: Agenda) -> None:
        await agenda.claim("learning", "a", NOON, 60)

        assert await agenda.claim("learning", "a", later(50), 60)
        assert not await agenda.claim("learning", "b", later(100), 60)

    async def test_a_lease_from_a_clock_that_has_gone_back_is_free(self, agenda: Agenda) -> None:
        await agenda.claim("learning", "a", later(3600), 60)

        assert await agenda.claim("learning", "b", NOON, 60)
        assert not await agenda.claim("learning", "a", NOON, 60)

    async def test_leases_of_other_names_do_not_meet(self, agenda: Agenda) -> None:
        await agenda.claim("learning", "a", NOON, 60)

        assert await agenda.claim("training", "b", NOON, 60)
        assert await agenda.holder("nothing", NOON) is None

    async def test_a_lease_is_given_back_by_its_holder_alone(self, agenda: Agenda) -> None:
        await agenda.claim("learning", "a", NOON, 60)

        await agenda.release("learning", "b")
        of_another = await agenda.holder("learning", NOON)
        await agenda.release("learning", "a")
        await agenda.release("learning", "a")

        assert of_another == "a"
        assert await agenda.holder("learning", NOON) is None
        assert await agenda.claim("learning", "b", NOON, 60)

    async def test_of_many_who_claim_at_once_one_gets_it(self, agenda: Agenda) -> None:
        got: list[str] = []

        async def claim(holder: str) -> None:
            if await agenda.claim("learning", holder, NOON, 60):
                got.append(holder)

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(claim, f"h{number}")

        assert len(got) == 1
        assert await agenda.holder("learning", NOON) == got[0]

    async def test_the_last_state_of_a_step_is_kept(self, agenda: Agenda) -> None:
        full = StepState("score", NOON, 0.1 + 0.2, 7, "it broke \x00\ud800", "7 scored", {"b": [1, None], "a": {}})
        await agenda.note(StepState("score", NOON, 1.0, 3, "", "", {"b": 1}))
        await agenda.note(StepState("extract"))
        await agenda.note(full)

        assert await agenda.states() == {"score": full, "extract": StepState("extract")}


class SqlAgendaContract(AgendaContract):
    """The promises of an agenda in a database. A subclass gives `url`, the address of an empty one."""

    @pytest.fixture
    async def agenda(self, url: str) -> AsyncIterator[Agenda]:
        records = await Records.open(url)
        yield records.agenda
        await records.aclose()

    async def test_of_two_that_opened_it_one_gets_the_lease(self, agenda: Agenda, url: str) -> None:
        got: list[str] = []
        other = await Records.open(url)

        async def claim(through: Agenda, holder: str) -> None:
            if await through.claim("learning", holder, NOON, 60):
                got.append(holder)

        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(claim, agenda, f"here{number}")
                group.start_soon(claim, other.agenda, f"there{number}")

        assert len(got) == 1
        assert await other.agenda.holder("learning", NOON) == await agenda.holder("learning", NOON) == got[0]
        await other.aclose()


class TestMemory(AgendaContract):
    @pytest.fixture
    def agenda(self) -> MemoryAgenda:
        return MemoryAgenda()


class TestSqlite(SqlAgendaContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"


class TestPostgresql(SqlAgendaContract):
    @pytest.fixture
    def url(self, cluster: Cluster) -> str:
        return cluster.emptied()
