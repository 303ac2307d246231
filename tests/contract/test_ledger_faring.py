"""What every ledger promises to those who compare how versions of a model fare."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hybrid_coordinator.backends.ledger.sql import SqlLedger
from hybrid_coordinator.domain.interaction import HUNG_UP, REJECTED_TAG, CacheUse, Interaction, Outcome, OutcomeKind
from hybrid_coordinator.domain.learning import Arm
from hybrid_coordinator.domain.measures import Fared
from hybrid_coordinator.logic.gaps import SYNTHETIC
from hybrid_coordinator.ports import Ledger
from hybrid_coordinator.testing import MemoryLedger
from hybrid_coordinator.testing.faring import sum_fared
from postgresql import Cluster
from recorded import FAILURE, NOON, SUCCESS, plain

PARTIAL = Outcome(OutcomeKind.PARTIAL)
REJECTED: dict[str, Any] = {"tags": (REJECTED_TAG,), "failure": "not trusted: it says it cannot"}


def answered(id: str, outcome: Outcome | None = None, **given: Any) -> Interaction:
    answer = replace(plain(id), outcome=outcome, settled_at=NOON if outcome else None, channel="answer")
    return replace(answer, **given)


async def fared(ledger: Ledger, *answers: Interaction) -> Fared:
    for one in answers:
        await ledger.append(one)
    return (await ledger.fared(["small"], NOON))["small"]


class FaringContract:
    """The promises of the port."""

    async def test_a_model_that_answered_nothing_comes_back_empty(self, ledger: Ledger) -> None:
        await ledger.append(answered("a", SUCCESS))

        assert await ledger.fared(["small+v1"], NOON) == {"small+v1": Fared()}
        assert await ledger.fared([], NOON) == {}
        assert await ledger.fared(["small"], NOON + timedelta(seconds=1)) == {"small": Fared()}

    async def test_each_session_counts_once_with_its_mean(self, ledger: Ledger) -> None:
        found = await fared(
            ledger,
            answered("a", SUCCESS, session_id="s"),
            answered("b", FAILURE, session_id="s"),
            answered("c", PARTIAL, session_id="t"),
            answered("d", session_id="t"),
            answered("e", session_id="u"),
            answered("f", SUCCESS),
            answered("g", FAILURE, session_id=""),
        )

        assert found == Fared(Arm(4, 2.0, 1.5, 4), interactions=7)

    async def test_a_bad_word_is_a_failure_whatever_the_outcome_says(self, ledger: Ledger) -> None:
        found = await fared(ledger, answered("a", Outcome(OutcomeKind.SUCCESS, user_feedback=-1)))

        assert found.arm == Arm(1, 0.0, 0.0, 1)

    async def test_what_our_own_checks_rejected_is_a_failure(self, ledger: Ledger) -> None:
        found = await fared(
            ledger, answered("a", **REJECTED), answered("b", SUCCESS, **REJECTED), answered("c", SUCCESS)
        )

        assert found == Fared(Arm(3, 1.0, 1.0, 3), interactions=3, rejected=2)

    async def test_an_answer_that_broke_off_is_a_failure_unless_the_asker_left(self, ledger: Ledger) -> None:
        found = await fared(
            ledger,
            answered("a", failure="the engine died"),
            answered("b", SUCCESS, failure="the engine died"),
            answered("c", failure=HUNG_UP),
            answered("d", SUCCESS, failure=HUNG_UP),
        )

        assert found == Fared(Arm(3, 1.0, 1.0, 3), interactions=4, failed=2)

    async def test_practice_memories_reports_and_what_is_kept_out_do_not_count(self, ledger: Ledger) -> None:
        await ledger.append(answered("excluded", FAILURE))
        await ledger.exclude("excluded", "somebody else's", NOON)

        found = await fared(
            ledger,
            answered("tagged", FAILURE, tags=("a", SYNTHETIC)),
            answered("synthetic", FAILURE, channel=SYNTHETIC),
            answered("remembered", FAILURE, cache=CacheUse.EXACT),
            answered("tracked", FAILURE, channel="track"),
            answered("reported", FAILURE, channel="telemetry:ralph-events"),
            answered("counted", SUCCESS, tags=("Rejected", "telemetry:", f'"{REJECTED_TAG}"')),
        )

        assert found == Fared(Arm(1, 1.0, 1.0, 1), interactions=1)

    async def test_the_wait_is_the_mean_over_those_that_came_to_a_word(self, ledger: Ledger) -> None:
        found = await fared(ledger, answered("a", first_token_ms=100), answered("b", first_token_ms=201), answered("c"))

        assert found == Fared(interactions=3, first_token_ms=150.5)

    async def test_versions_are_told_apart_in_one_session(self, ledger: Ledger) -> None:
        for id, model, outcome in (("a", "small+v1", SUCCESS), ("b", "small+v2", FAILURE), ("c", "small", SUCCESS)):
            await ledger.append(answered(id, outcome, model_used=model, session_id="s"))

        found = await ledger.fared(["small+v1", "small+v2"], NOON)

        assert found == {
            "small+v1": Fared(Arm(1, 1.0, 1.0, 1), interactions=1),
            "small+v2": Fared(Arm(1, 0.0, 0.0, 1), interactions=1),
        }

    async def test_whatever_happened_is_added_up_as_it_is_one_by_one(self, ledger: Ledger) -> None:
        chance = Random(7)
        answers = [_some_answer(chance, f"i{number}") for number in range(300)]

        found = await fared(ledger, *answers)

        expected = sum_fared(answers)
        assert found.arm.credit == pytest.approx(expected.arm.credit)
        assert found.arm.squares == pytest.approx(expected.arm.squares)
        assert found.first_token_ms == pytest.approx(expected.first_token_ms)
        counts = [(one.arm.uses, one.interactions, one.rejected, one.failed) for one in (found, expected)]
        assert counts[0] == counts[1]
        assert min(counts[0]) > 0


def _some_answer(chance: Random, id: str) -> Interaction:
    return answered(
        id,
        chance.choice([None, SUCCESS, FAILURE, PARTIAL, Outcome(OutcomeKind.PARTIAL, user_feedback=-1)]),
        session_id=chance.choice([None, "", *(f"s{number}" for number in range(40))]),
        tags=tuple(tag for tag in (REJECTED_TAG, SYNTHETIC, "a") if chance.random() < 0.2),
        failure=chance.choice([None, None, None, HUNG_UP, "the engine died"]),
        channel=chance.choice(["", "answer", "answer", "relay", "track", "telemetry:aidb-events", SYNTHETIC]),
        cache=chance.choice([CacheUse.NONE, CacheUse.NONE, CacheUse.SEMANTIC]),
        first_token_ms=chance.choice([None, chance.randrange(2_000)]),
    )


class SqlFaringContract(FaringContract):
    """The promises of a ledger in a database. A subclass gives `url`, the address of an empty one."""

    @pytest.fixture
    async def ledger(self, url: str) -> AsyncIterator[SqlLedger]:
        ledger = await SqlLedger.open(url)
        yield ledger
        await ledger.aclose()


class TestMemory(FaringContract):
    @pytest.fixture
    def ledger(self) -> MemoryLedger:
        return MemoryLedger()


class TestSqlite(SqlFaringContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"


class TestPostgresql(SqlFaringContract):
    @pytest.fixture
    def url(self, cluster: Cluster) -> str:
        return cluster.emptied()
