"""What every ledger promises to those who learn from it."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from hybrid_coordinator.backends.ledger.database import Database
from hybrid_coordinator.backends.ledger.engines import Store, open_store
from hybrid_coordinator.backends.ledger.sql import SqlLedger
from hybrid_coordinator.domain.learning import Arm, Injection, Uses
from hybrid_coordinator.errors import NotFound
from hybrid_coordinator.logic.question_key import question_key
from hybrid_coordinator.ports import Ledger, PassageRecord
from hybrid_coordinator.testing import MemoryLedger
from postgresql import Cluster
from recorded import BAD, FAILURE, FULL, GOOD, NOON, SUCCESS, plain


class LearningContract:
    """The promises of the port."""

    # Values, and what is learned from them

    async def test_what_was_settled_elsewhere_waits_for_its_value_oldest_first(self, ledger: Ledger) -> None:
        settled = replace(plain("a"), outcome=SUCCESS, settled_at=NOON)
        for one in (settled, plain("unsettled"), FULL, replace(settled, id="b")):
            await ledger.append(one)

        waiting = await ledger.unscored(limit=9)
        await ledger.score({"a": GOOD, "nobody": GOOD})

        assert waiting == [settled, replace(settled, id="b")]
        assert await ledger.unscored(limit=9) == [replace(settled, id="b")]
        assert await ledger.get("a") == replace(settled, value=GOOD)

    async def test_only_as_many_as_asked_for_wait(self, ledger: Ledger) -> None:
        for number in range(3):
            await ledger.append(replace(plain(f"i{number}"), outcome=SUCCESS, settled_at=NOON))
        first = await ledger.unscored(limit=2)
        await ledger.score(dict.fromkeys(("i0", "i1", "i2"), GOOD))

        assert [one.id for one in first] == ["i0", "i1"]
        assert [one.id for one in await ledger.unlearned(limit=2)] == ["i0", "i1"]

    async def test_no_values_score_nothing(self, ledger: Ledger) -> None:
        await ledger.score({})
        await ledger.mark_learned([])

        assert await ledger.unlearned(limit=9) == []

    async def test_what_got_a_value_waits_to_be_learned_from_until_it_was(self, ledger: Ledger) -> None:
        for one in (FULL, plain("a"), replace(FULL, id="b")):
            await ledger.append(one)
        before = await ledger.unlearned(limit=9)

        await ledger.mark_learned([FULL])

        assert before == [FULL, replace(FULL, id="b")]
        assert await ledger.unlearned(limit=9) == [replace(FULL, id="b")]

    async def test_a_new_outcome_or_value_is_learned_from_again(self, ledger: Ledger) -> None:
        for one in (FULL, replace(FULL, id="b"), replace(FULL, id="c")):
            await ledger.append(one)
        await ledger.mark_learned(await ledger.unlearned(limit=9))

        settled = await ledger.settle("full", SUCCESS, GOOD, NOON + timedelta(seconds=1))
        await ledger.score({"b": GOOD})

        assert await ledger.unlearned(limit=9) == [settled, replace(FULL, id="b")]

    async def test_what_was_settled_since_it_was_learned_from_stays_unlearned(self, ledger: Ledger) -> None:
        await ledger.append(FULL)
        settled = await ledger.settle("full", FAILURE, BAD, NOON + timedelta(days=1))

        await ledger.mark_learned([FULL])

        assert await ledger.unlearned(limit=9) == [settled]

    async def test_a_value_given_later_makes_a_filed_interaction_unfiled(self, ledger: Ledger) -> None:
        settled = replace(plain("a"), outcome=SUCCESS, settled_at=NOON)
        await ledger.append(settled)
        await ledger.mark_filed([settled])

        await ledger.score({"a": GOOD})

        assert await ledger.unfiled(limit=9) == [replace(settled, value=GOOD)]

    async def test_questions_of_one_key_are_kin(self, ledger: Ledger) -> None:
        asked = ("Which port does nginx use?", "which ports nginx uses", "How old is the cat?", "?")
        for number, query in enumerate(asked):
            await ledger.append(replace(plain(f"i{number}"), query=query))

        kin = await ledger.kin([question_key(asked[0]), question_key(asked[2]), 0, 1])

        assert {key: count for key, count in kin.items() if count} == {
            question_key(asked[0]): 2,
            question_key(asked[2]): 1,
            0: 1,
        }
        assert await ledger.kin([]) == {}

    async def test_what_is_tagged_is_found_newest_first(self, ledger: Ledger) -> None:
        long = "x" * 5_000
        odd = ('a"b', "100%", "", "\x00\ud800", long)
        for number in range(3):
            await ledger.append(replace(plain(f"i{number}", minute=number), tags=("seen", "seen", *odd)))
        await ledger.append(replace(plain("other", minute=9), tags=("unseen", "100x", "x" * 4_999)))

        async def tagged(tag: str, since: datetime | None = None, limit: int = 9) -> list[str]:
            return [one.id for one in await ledger.tagged(tag, since=since, limit=limit)]

        assert [await tagged(tag) for tag in odd] == [["i2", "i1", "i0"]] * len(odd)
        assert await tagged("seen", limit=2) == ["i2", "i1"]
        assert await tagged("seen", since=NOON + timedelta(minutes=1)) == ["i2", "i1"]
        assert await tagged("see") == []

    async def test_the_tags_of_an_append_that_came_too_late_lead_nowhere(self, ledger: Ledger) -> None:
        await ledger.append(replace(plain("a"), tags=("first",)))
        await ledger.append(replace(plain("a"), tags=("second",)))

        assert await ledger.tagged("second", since=None, limit=9) == []
        assert len(await ledger.tagged("first", since=None, limit=9)) == 1

    async def test_trouble_is_found_newest_first(self, ledger: Ledger) -> None:
        good = replace(FULL, failure=None, outcome=replace(SUCCESS, user_feedback=None), tags=(), parent_id=None)
        for one in (
            replace(good, id="failed", outcome=replace(FAILURE, user_feedback=None)),
            replace(good, id="cut short", failure="the caller hung up"),
            replace(good, id="disliked", outcome=replace(SUCCESS, user_feedback=-1)),
            replace(good, id="on the edge", value=replace(GOOD, total=0.4)),
            replace(good, id="poor", value=replace(GOOD, total=0.39), created_at=NOON + timedelta(minutes=5)),
            replace(plain("rejected"), parent_id="instead", tags=("rejected",)),
            replace(plain("digest"), parent_id="on the edge", tags=("digest",)),
            replace(good, id="instead"),
            replace(good, id="poor and failed", outcome=FAILURE, value=BAD, created_at=NOON + timedelta(minutes=6)),
        ):
            await ledger.append(one)

        async def troubled(limit: int = 9, since: datetime | None = None) -> list[str]:
            return [one.id for one in await ledger.troubled(limit=limit, low_value=0.4, since=since)]

        every = ["poor and failed", "instead", "poor", "disliked", "cut short", "failed"]
        assert await troubled() == every
        assert await troubled(limit=3) == every[:3]
        assert await troubled(since=NOON + timedelta(minutes=5)) == ["poor and failed", "poor"]

    async def test_what_is_kept_out_is_named_with_its_first_reason(self, ledger: Ledger) -> None:
        await ledger.append(plain("a"))
        await ledger.exclude("a", "it holds a name", NOON)
        await ledger.exclude("a", "again", NOON)

        with pytest.raises(NotFound, match="'nobody'"):
            await ledger.exclude("nobody", "gone", NOON)

        assert await ledger.excluded() == {"a": "it holds a name"}

    # How passages fared

    async def test_uses_tell_how_it_went_with_a_passage_and_without(self, ledger: Ledger) -> None:
        for name, session in (("a", "s"), ("b", "s"), ("c", None), ("d", "")):
            await ledger.append(replace(plain(name), session_id=session))
        await ledger.credit("a", {"p1": 1.0, "p2": 0.0})
        await ledger.credit("b", {"p1": 0.5})
        await ledger.credit("c", {"p1": 0.25})
        await ledger.withhold("d", {"p1": 0.5})

        uses = await ledger.uses(["p1", "p2", "unknown"])

        assert uses == {
            "p1": Uses(Arm(3, 1.75, 1.3125, 2), Arm(1, 0.5, 0.25, 1)),
            "p2": Uses(Arm(1, 0.0, 0.0, 1), Arm()),
            "unknown": Uses(),
        }

    async def test_the_control_is_no_use(self, ledger: Ledger) -> None:
        await ledger.append(plain("a"))
        await ledger.append(plain("b"))
        await ledger.withhold("a", {"p1": 1.0})

        assert await ledger.credit("b", {"p1": 0.5}) == {"p1": PassageRecord(1, 0.5)}

    async def test_saying_it_again_replaces_that_side_alone(self, ledger: Ledger) -> None:
        await ledger.append(plain("a"))
        await ledger.credit("a", {"p1": 1.0})
        await ledger.withhold("a", {"p2": 1.0, "p3": 1.0})

        await ledger.withhold("a", {"p2": 0.5})
        await ledger.credit("a", {"p4": 0.5})

        uses = await ledger.uses(["p1", "p2", "p3", "p4"])
        half = Arm(1, 0.5, 0.25, 1)
        assert uses == {"p1": Uses(), "p2": Uses(withheld=half), "p3": Uses(), "p4": Uses(treated=half)}

    async def test_nobody_withholds_from_the_unknown(self, ledger: Ledger) -> None:
        with pytest.raises(NotFound, match="'nobody'"):
            await ledger.withhold("nobody", {"p1": 1.0})

    async def test_injections_tell_similarity_and_credit_newest_first(self, ledger: Ledger) -> None:
        first = replace(FULL, id="first", context_provided=("p1", "p2", "p3"), similarities=(0.9, 0.8))
        second = replace(FULL, id="second", context_provided=("p2",), similarities=(0.7,))
        unknown = replace(FULL, id="unknown", similarities=())
        for one in (first, second, unknown, replace(second, id="unsettled", outcome=None)):
            await ledger.append(one)
        await ledger.credit("first", {"p1": 1.0, "p3": 0.5})
        await ledger.withhold("first", {"p2": 0.5})
        await ledger.credit("second", {"p2": 0.25})
        await ledger.credit("unknown", {"p2": 0.5})

        assert await ledger.injections(limit=9) == [Injection(0.7, 0.25), Injection(0.9, 1.0)]
        assert await ledger.injections(limit=1) == [Injection(0.7, 0.25)]

    async def test_what_passages_earned_is_told_by_interaction(self, ledger: Ledger) -> None:
        for name in ("first", "second", "third"):
            await ledger.append(replace(FULL, id=name))
        await ledger.credit("first", {"p1": 1.0, "p2": 0.25})
        await ledger.withhold("first", {"p3": 0.5})
        await ledger.credit("third", {"p1": 0.0})

        assert await ledger.credited(["third", "first", "second", "nobody"]) == {
            "first": {"p1": 1.0, "p2": 0.25},
            "third": {"p1": 0.0},
        }


class SqlLearningContract(LearningContract):
    """The promises of a ledger in a database. A subclass gives `url`, the address of an empty one."""

    @pytest.fixture
    async def ledger(self, url: str) -> AsyncIterator[SqlLedger]:
        ledger = await SqlLedger.open(url)
        yield ledger
        await ledger.aclose()


class TestMemory(LearningContract):
    @pytest.fixture
    def ledger(self) -> MemoryLedger:
        return MemoryLedger()


class TestSqlite(SqlLearningContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"

    async def test_what_learning_asks_is_looked_up_and_never_searched_row_by_row(self, url: str) -> None:
        await (await SqlLedger.open(url)).aclose()
        store = open_store(url, {}, 1.0)
        ledger = SqlLedger(Database(store))
        plans = planned(store)

        await ledger.unscored(limit=9)
        await ledger.unlearned(limit=9)
        await ledger.unfiled(limit=9)
        await ledger.kin([1, 2])
        await ledger.uses(["p1", "p2"])
        await ledger.injections(limit=9)
        await ledger.recent(limit=9, since=NOON)
        for since in (None, NOON):
            await ledger.tagged("a", since=since, limit=9)
            await ledger.troubled(limit=9, low_value=0.4, since=since)

        await ledger.aclose()
        assert len(plans) == 11
        steps = [step for steps in plans for step in steps]
        used = set(re.findall(r"INDEX (interactions_\w+)", "\n".join(steps)))
        kinds = ("unscored", "unlearned", "unfiled", "by_question", "alike", "troubled", "valued", "by_time")
        assert used == {f"interactions_{kind}" for kind in kinds}
        assert [step for step in steps if _is_search(step)] == []


class TestPostgresql(SqlLearningContract):
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


def _is_search(step: str) -> bool:
    return step.startswith("SCAN") and "_records" in step and " INDEX " not in step
