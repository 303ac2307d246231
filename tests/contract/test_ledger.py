"""What every ledger promises, and what those in SQL promise besides."""

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import fields, replace
from datetime import timedelta, timezone
from functools import partial
from pathlib import Path

import anyio
import psycopg
import pytest
from sqlalchemy import Connection

from hybrid_coordinator.backends.ledger.engines import SCHEMA, open_store
from hybrid_coordinator.backends.ledger.learning_tables import (
    changes,
    events,
    learned,
    leases,
    lineage,
    positions,
    steps,
    written,
)
from hybrid_coordinator.backends.ledger.reading import LARGEST_RESULT, LONGEST_CELL
from hybrid_coordinator.backends.ledger.run_tables import (
    exam_answers,
    model_versions,
    runs,
    version_changes,
    version_sources,
)
from hybrid_coordinator.backends.ledger.schema import (
    SINCE_FORM_2,
    SINCE_FORM_3,
    STEPS,
    add_learning,
    add_runs,
    upgrade,
)
from hybrid_coordinator.backends.ledger.sql import SqlLedger
from hybrid_coordinator.backends.ledger.tables import credits, exclusions, interactions, tags
from hybrid_coordinator.backends.ledger.views import VIEWS, View
from hybrid_coordinator.domain.interaction import (
    AgentType,
    CacheUse,
    Correction,
    Interaction,
    OutcomeKind,
    Spending,
)
from hybrid_coordinator.domain.knowledge import Source
from hybrid_coordinator.domain.learning import Arm, Uses
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.errors import (
    BadInput,
    Conflict,
    NotFound,
    RefusedStatement,
    SettingError,
    StoreBusy,
    Unavailable,
)
from hybrid_coordinator.logic.auditing import ArmSums, RatioSums
from hybrid_coordinator.logic.question_key import question_key
from hybrid_coordinator.ports import EvidenceRecord, Ledger, PassageRecord
from hybrid_coordinator.testing import MemoryLedger
from postgresql import Cluster
from recorded import BAD, FAILURE, FULL, GOOD, NOON, PAIR, ROUTE, SUCCESS, plain

TRAINING_TABLES = (runs, model_versions, version_changes, version_sources, exam_answers)
LEARNING_TABLES = (learned, lineage, changes, leases, steps, events, positions, written)


class LedgerContract:
    """The promises of the port."""

    async def test_every_field_of_an_interaction_comes_back_as_it_was(self, ledger: Ledger) -> None:
        unlike_default = [field for field in fields(Interaction) if getattr(FULL, field.name) != field.default]

        await ledger.append(FULL)

        assert len(unlike_default) == len(fields(Interaction))
        assert await ledger.get("full") == FULL

    async def test_what_is_unknown_comes_back_as_unknown(self, ledger: Ledger) -> None:
        await ledger.append(plain("a"))

        assert await ledger.get("a") == plain("a")

    async def test_the_parts_of_a_value_keep_their_order(self, ledger: Ledger) -> None:
        await ledger.append(FULL)

        kept = await ledger.get("full")

        assert kept.value is not None
        assert kept.value.explain() == GOOD.explain()

    @pytest.mark.parametrize(
        "text",
        ["", "a\x00b", "\x01\x10\x1b\x7f", "\x100000", "lone \ud800 and \udfff", "𝔘\u202e\ufeff", "x" * 1_000_000],
        ids=["empty", "nul", "controls", "looks-escaped", "surrogates", "marks", "a-million"],
    )
    async def test_any_text_comes_back_as_it_was(self, ledger: Ledger, text: str) -> None:
        odd = replace(FULL, query=text, response=text, session_id=text[:100], failure=text, tags=(text,))

        await ledger.append(odd)

        assert await ledger.get("full") == odd
        assert await ledger.recent(limit=1, session_id=text[:100]) == [odd]

    async def test_appending_an_id_twice_keeps_the_first(self, ledger: Ledger) -> None:
        await ledger.append(plain("a"))
        await ledger.append(replace(plain("a"), response="Something else."))

        assert await ledger.recent(limit=9) == [plain("a")]

    async def test_an_unknown_id_is_not_found(self, ledger: Ledger) -> None:
        with pytest.raises(NotFound, match="'nobody'"):
            await ledger.get("nobody")
        with pytest.raises(NotFound, match="'nobody'"):
            await ledger.settle("nobody", SUCCESS, GOOD, NOON)

    async def test_settling_twice_keeps_the_last(self, ledger: Ledger) -> None:
        await ledger.append(plain("a"))
        await ledger.settle("a", SUCCESS, GOOD, NOON)

        later = NOON + timedelta(days=1)
        settled = await ledger.settle("a", FAILURE, BAD, later)

        assert settled == replace(plain("a"), outcome=FAILURE, value=BAD, settled_at=later)
        assert await ledger.get("a") == settled

    async def test_credit_adds_up_over_interactions(self, ledger: Ledger) -> None:
        await ledger.append(plain("a"))
        await ledger.append(plain("b"))
        await ledger.credit("a", {"p1": 1.0, "p2": 1.0})

        records = await ledger.credit("b", {"p1": 0.5})

        assert records == {"p1": PassageRecord(uses=2, credit=1.5)}

    async def test_credit_of_the_same_interaction_is_replaced(self, ledger: Ledger) -> None:
        await ledger.append(plain("a"))
        await ledger.credit("a", {"p1": 1.0, "p2": 1.0})

        records = await ledger.credit("a", {"p1": 0.0})
        await ledger.append(plain("b"))
        of_another = await ledger.credit("b", {"p2": 0.5})

        assert records == {"p1": PassageRecord(uses=1, credit=0.0)}
        assert of_another == {"p2": PassageRecord(uses=1, credit=0.5)}

    async def test_no_credit_is_no_record(self, ledger: Ledger) -> None:
        await ledger.append(plain("a"))

        assert await ledger.credit("a", {}) == {}

    async def test_the_recent_come_newest_first_and_only_those_that_fit(self, ledger: Ledger) -> None:
        for minute, session in enumerate(("s", "s", "t", None)):
            await ledger.append(replace(plain(f"i{minute}", minute=minute), session_id=session))
        await ledger.settle("i0", SUCCESS, GOOD, NOON)
        await ledger.settle("i2", FAILURE, BAD, NOON)

        async def recent(**filters: object) -> list[str]:
            return [one.id for one in await ledger.recent(**{"limit": 9, **filters})]  # type: ignore[arg-type]

        assert await recent() == ["i3", "i2", "i1", "i0"]
        assert await recent(limit=2) == ["i3", "i2"]
        assert await recent(session_id="s") == ["i1", "i0"]
        assert await recent(since=NOON + timedelta(minutes=2)) == ["i3", "i2"]
        assert await recent(min_value=0.2) == ["i2", "i0"]
        assert await recent(min_value=0.86) == ["i0"]
        assert await recent(outcome="failure") == ["i2"]
        assert await recent(session_id="s", min_value=0.7, outcome="success") == ["i0"]

    async def test_corrections_come_back_newest_first(self, ledger: Ledger) -> None:
        first = Correction("c1", NOON, "Which port?", "8092")
        second = Correction(
            "c2",
            NOON + timedelta(minutes=1),
            "Which \x00?",
            "Q\ud800",
            -1,
            "no longer here",
            ("t",),
            origin=Origin.MODEL_INFERENCE,
        )
        await ledger.correct(first)
        await ledger.correct(second)

        assert await ledger.corrections(limit=9) == [second, first]
        assert await ledger.corrections(limit=1) == [second]

    async def test_the_unfiled_come_oldest_first_until_they_are_filed(self, ledger: Ledger) -> None:
        for minute in range(3):
            await ledger.append(plain(f"i{minute}", minute=minute))

        await ledger.mark_filed([await ledger.get("i1")])
        await ledger.mark_filed([])

        assert [one.id for one in await ledger.unfiled(limit=9)] == ["i0", "i2"]
        assert [one.id for one in await ledger.unfiled(limit=1)] == ["i0"]

    async def test_settling_what_was_filed_makes_it_unfiled_again(self, ledger: Ledger) -> None:
        await ledger.append(plain("a"))
        await ledger.mark_filed([plain("a")])

        settled = await ledger.settle("a", SUCCESS, GOOD, NOON)

        assert await ledger.unfiled(limit=9) == [settled]

    async def test_what_was_settled_since_it_was_copied_stays_unfiled(self, ledger: Ledger) -> None:
        await ledger.append(plain("a"))
        copied = await ledger.settle("a", SUCCESS, GOOD, NOON)
        settled = await ledger.settle("a", FAILURE, BAD, NOON + timedelta(seconds=1))

        await ledger.mark_filed([copied])
        after_the_old = await ledger.unfiled(limit=9)
        await ledger.mark_filed([settled])

        assert after_the_old == [settled]
        assert await ledger.unfiled(limit=9) == []

    async def test_nothing_recorded_totals_to_nothing(self, ledger: Ledger) -> None:
        totals = await ledger.totals(None, high_value=0.7)

        assert (totals.interactions, totals.cost, totals.mean_value, totals.mean_latency_ms) == (0, 0, None, None)
        assert (dict(totals.settled), dict(totals.feedback)) == ({}, {})

    async def test_copies_can_be_forgotten(self, ledger: Ledger) -> None:
        await ledger.append(FULL)
        await ledger.mark_filed([FULL])
        await ledger.put_source(Source("/repo", "a.py", "h1", ("p1",)))
        before = await ledger.unfiled(limit=5)

        await ledger.forget_copies()

        assert before == []
        assert [one.id for one in await ledger.unfiled(limit=5)] == [FULL.id]
        assert await ledger.roots() == []

    async def test_totals_are_sums_over_the_span(self, ledger: Ledger) -> None:
        whole = replace(FULL, failure=None, parent_id=None, latency_ms=100)
        local = replace(whole, id="l", agent_type=AgentType.LOCAL, outcome=FAILURE, value=BAD)
        unsettled = replace(plain("c", minute=9), agent_type=AgentType.CONTEXT_ONLY, latency_ms=40)
        digest = replace(plain("d", minute=1), agent_type=AgentType.LOCAL, parent_id="w", latency_ms=7)
        for one in (FULL, replace(whole, id="w"), local, unsettled, digest):
            await ledger.append(one)
        await ledger.correct(Correction("c1", NOON, "Which port?", "8092"))

        ever = await ledger.totals(None, high_value=0.86)
        lately = await ledger.totals(NOON + timedelta(minutes=9), high_value=0.7)

        assert (ever.interactions, ever.local, ever.remote, ever.context_only, ever.failed) == (5, 1, 1, 1, 1)
        assert (dict(ever.settled), dict(ever.feedback)) == ({"success": 2, "failure": 1}, {1: 2, -1: 1})
        assert (ever.high_value, ever.scored, ever.corrections) == (2, 3, 1)
        assert ever.mean_value == pytest.approx((0.86 + 0.86 + 0.2) / 3)
        assert ever.mean_relevance_local == pytest.approx(1 / 3)
        assert (ever.input_tokens, ever.output_tokens, ever.remote_tokens) == (33, 36, 46)
        assert (ever.tokens_saved, ever.cost, ever.cost_saved) == (234, 27_000_000_000_000, 270)
        assert ever.mean_latency_ms == pytest.approx((100 + 100 + 40) / 3)
        assert (lately.interactions, lately.context_only, lately.corrections, lately.scored) == (1, 1, 0, 0)

    async def test_totals_tell_recalls_escalations_and_prompt_caching(self, ledger: Ledger) -> None:
        rejected = replace(plain("r"), parent_id="w", tags=("rejected",), cache_read_tokens=7, cache_write_tokens=2)
        for one in (
            replace(plain("e1"), cache=CacheUse.EXACT),
            replace(plain("e2"), cache=CacheUse.EXACT),
            replace(plain("s"), cache=CacheUse.SEMANTIC, cache_read_tokens=30),
            rejected,
            replace(plain("digest"), parent_id="w", tags=("digest", 'un"rejected"')),
            replace(plain("said so itself"), tags=("rejected",)),
        ):
            await ledger.append(one)

        totals = await ledger.totals(None, high_value=0.7)

        assert dict(totals.recalled) == {"exact": 2, "semantic": 1}
        assert totals.escalations == 1
        assert (totals.cache_read_tokens, totals.cache_write_tokens) == (37, 2)

    async def test_a_patient_append_is_kept_like_any_other(self, ledger: Ledger) -> None:
        await ledger.append(FULL, patient=True)

        assert await ledger.get("full") == FULL

    async def test_pairs_come_back_newest_first_and_the_first_of_an_id_is_kept(self, ledger: Ledger) -> None:
        later = replace(PAIR, id="later", created_at=NOON + timedelta(minutes=1))
        await ledger.prefer(PAIR)
        await ledger.prefer(later)
        await ledger.prefer(replace(PAIR, chosen="something else"))

        assert await ledger.preferences(limit=9) == [later, PAIR]
        assert await ledger.preferences(limit=1) == [later]

    async def test_evidence_comes_back_with_its_interaction_newest_first(self, ledger: Ledger) -> None:
        for minute in range(3):
            await ledger.append(plain(f"i{minute}", minute=minute))
        await ledger.keep_evidence("i2", b"")
        await ledger.keep_evidence("i0", b"before")
        await ledger.keep_evidence("i0", bytes(range(256)))

        kept = await ledger.evidence(limit=9)

        oldest = EvidenceRecord(plain("i0"), bytes(range(256)))
        assert kept == [EvidenceRecord(plain("i2", minute=2), b""), oldest]
        assert await ledger.evidence(limit=1) == kept[:1]

    async def test_evidence_of_an_unknown_interaction_is_not_found(self, ledger: Ledger) -> None:
        with pytest.raises(NotFound, match="'nobody'"):
            await ledger.keep_evidence("nobody", b"features")

        assert await ledger.evidence(limit=9) == []

    async def test_spending_is_the_money_of_everything_and_the_tokens_of_remote_answers(self, ledger: Ledger) -> None:
        remote = replace(plain("r", minute=1), agent_type=AgentType.REMOTE, tokens_used=100, cost=30)
        for one in (
            remote,
            replace(remote, id="r2", cost=5),
            replace(remote, id="of another", asker="colleague"),
            replace(plain("at home", minute=1), tokens_used=1_000, cost=2),
            replace(remote, id="too early", created_at=NOON),
        ):
            await ledger.append(one)

        spent = await ledger.spent(NOON + timedelta(minutes=1))

        assert dict(spent) == {"": Spending(37, 200), "colleague": Spending(30, 100)}

    async def test_arms_are_summed_over_sessions(self, ledger: Ledger) -> None:
        routed = replace(plain("a1"), route=ROUTE, session_id="a", cost=10, outcome=SUCCESS, value=GOOD)
        for one in (
            routed,
            replace(routed, id="a2", cost=20, outcome=replace(SUCCESS, kind=OutcomeKind.PARTIAL)),
            replace(routed, id="rejected", session_id=None, parent_id="b", cost=3, outcome=None, value=None),
            replace(routed, id="b", session_id=None, cost=4, outcome=None, value=None),
            replace(plain("recalled"), route=ROUTE, cache=CacheUse.EXACT, session_id=""),
            replace(routed, id="plain way", session_id="c", cost=100, outcome=FAILURE, holdout=True),
        ):
            await ledger.append(one)

        arms = await ledger.audited(None)

        assert arms[True] == ArmSums(RatioSums(1, 100, 1, 10_000, 1, 100), RatioSums(1, 0.0, 1, 0.0, 1, 0.0))
        assert arms[False].cost == RatioSums(3, 37, 4, 30**2 + 7**2, 4 + 1 + 1, 2 * 30 + 7)
        assert arms[False].success == RatioSums(1, 1.5, 2, 2.25, 4, 3.0)

    async def test_what_was_not_routed_here_is_in_no_arm(self, ledger: Ledger) -> None:
        await ledger.append(plain("reported"))
        await ledger.append(replace(plain("context"), route=ROUTE, agent_type=AgentType.CONTEXT_ONLY))
        await ledger.append(replace(plain("too early"), route=ROUTE))

        arms = await ledger.audited(NOON + timedelta(seconds=1))
        ever = await ledger.audited(None)

        assert [arm for arm in arms.values() if arm.cost.units] == []
        assert ever[False].cost.units == 1

    async def test_many_come_back_in_the_order_asked_and_the_unknown_are_passed_over(self, ledger: Ledger) -> None:
        for one in (plain("i0"), plain("i1"), plain("i2"), FULL):
            await ledger.append(one)

        found = await ledger.get_all(["i2", "nobody", "full", "i0"])

        assert found == [plain("i2"), FULL, plain("i0")]
        assert await ledger.get_all([]) == []
        assert await ledger.get_all([f"i{number}" for number in range(1_200)]) == [plain(f"i{n}") for n in range(3)]

    async def test_sources_are_kept_replaced_and_forgotten(self, ledger: Ledger) -> None:
        first = Source("/repo", "a.py", "h1", ("p1", "p2"))
        changed = Source("/repo", "a.py", "h2", ())
        unreadable = Source("/repo", "caf\udce9.py", "h3", ("p3",))
        await ledger.put_source(first)
        before = await ledger.source("/repo", "a.py")
        await ledger.put_source(changed)
        await ledger.put_source(unreadable)
        await ledger.put_source(Source("/other", "a.py", "h4", ()))

        after = await ledger.sources("/repo")
        await ledger.remove_source("/repo", "a.py")
        await ledger.remove_source("/repo", "a.py")

        assert before == first
        assert after == [changed, unreadable]
        assert await ledger.source("/repo", "a.py") is None
        assert await ledger.sources("/repo") == [unreadable]

    async def test_the_roots_are_those_with_something_indexed(self, ledger: Ledger) -> None:
        for root, path in (("/b", "x"), ("/a", "x"), ("/a", "y"), ("/c", "x")):
            await ledger.put_source(Source(root, path, "h", ()))
        await ledger.remove_source("/c", "x")

        assert sorted(await ledger.roots()) == ["/a", "/b"]

    async def test_closing_twice_is_fine(self, ledger: Ledger) -> None:
        await ledger.aclose()
        await ledger.aclose()


class SqlLedgerContract(LedgerContract):
    """The promises of a ledger in a database. A subclass gives `url`, the address of an empty one."""

    @pytest.fixture
    async def ledger(self, url: str) -> AsyncIterator[SqlLedger]:
        ledger = await SqlLedger.open(url)
        yield ledger
        await ledger.aclose()

    async def test_what_was_acknowledged_is_there_after_opening_again(self, ledger: SqlLedger, url: str) -> None:
        await ledger.append(FULL)
        await ledger.aclose()

        again = await SqlLedger.open(url)

        assert await again.get("full") == FULL
        await again.aclose()

    async def test_many_at_once_are_all_kept(self, ledger: SqlLedger) -> None:
        async with anyio.create_task_group() as group:
            for number in range(200):
                group.start_soon(ledger.append, plain(f"i{number}"))

        assert len({one.id for one in await ledger.recent(limit=999)}) == 200

    async def test_one_that_fails_takes_no_neighbour_with_it(self, ledger: SqlLedger) -> None:
        refused: list[BaseException] = []

        async def settle_nobody() -> None:
            try:
                await ledger.settle("nobody", SUCCESS, GOOD, NOON)
            except NotFound as error:
                refused.append(error)

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(ledger.append, plain(f"i{number}"))
                group.start_soon(settle_nobody)

        assert len(refused) == 20
        assert len(await ledger.recent(limit=99)) == 20

    async def test_a_number_no_database_holds_is_bad_input(self, ledger: SqlLedger) -> None:
        with pytest.raises(BadInput):
            await ledger.append(replace(plain("a"), cost=2**70))

        await ledger.append(plain("b"))

        assert [one.id for one in await ledger.recent(limit=9)] == ["b"]

    async def test_one_append_that_is_refused_takes_no_neighbour_with_it(self, ledger: SqlLedger) -> None:
        refused: list[str] = []

        async def append(one: Interaction) -> None:
            try:
                await ledger.append(one)
            except BadInput:
                refused.append(one.id)

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(append, replace(plain(f"i{number}"), cost=2**70 if number == 7 else 0))

        assert refused == ["i7"]
        assert len(await ledger.recent(limit=99)) == 19

    async def test_closing_keeps_what_still_waits(self, ledger: SqlLedger, url: str) -> None:
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(partial(ledger.append, plain(f"i{number}"), patient=True))
            await anyio.lowlevel.checkpoint()
            await ledger.aclose()

        again = await SqlLedger.open(url)
        assert len(await again.recent(limit=99)) == 20
        await again.aclose()

    async def test_a_time_without_a_zone_is_refused(self, ledger: SqlLedger) -> None:
        with pytest.raises(BadInput, match="no zone"):
            await ledger.append(replace(plain("a"), created_at=NOON.replace(tzinfo=None)))

    async def test_times_of_other_zones_come_back_in_utc(self, ledger: SqlLedger) -> None:
        elsewhere = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))

        await ledger.append(replace(plain("a"), created_at=elsewhere))

        kept = (await ledger.get("a")).created_at
        assert (kept, kept.utcoffset()) == (NOON, timedelta(0))

    async def test_a_clock_that_goes_back_does_not_reorder_a_conversation(self, ledger: SqlLedger) -> None:
        for place, minute in enumerate((0, 1, -60)):
            await ledger.append(replace(plain(f"i{place}", minute=minute), session_id="s"))

        assert [one.id for one in await ledger.recent(limit=2, session_id="s")] == ["i2", "i1"]
        assert [one.id for one in await ledger.unfiled(limit=9)] == ["i0", "i1", "i2"]

    async def test_credit_for_an_unknown_interaction_is_not_found(self, ledger: SqlLedger) -> None:
        with pytest.raises(NotFound, match="'nobody'"):
            await ledger.credit("nobody", {"p1": 1.0})

    async def test_a_correction_kept_twice_is_kept_once(self, ledger: SqlLedger) -> None:
        correction = Correction("c1", NOON, "Which port?", "8092")

        await ledger.correct(correction)
        await ledger.correct(correction)

        assert await ledger.corrections(limit=9) == [correction]

    async def test_a_closed_ledger_says_so(self, ledger: SqlLedger) -> None:
        await ledger.aclose()

        with pytest.raises(Unavailable, match="closed"):
            await ledger.append(plain("a"))

    async def test_opening_twice_at_once_leaves_one_whole_ledger(self, url: str) -> None:
        ledgers: list[SqlLedger] = []

        async def open_one() -> None:
            ledgers.append(await SqlLedger.open(url))

        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(open_one)
        for number, ledger in enumerate(ledgers):
            await ledger.append(plain(f"i{number}"))

        assert len(await ledgers[0].recent(limit=9)) == 4
        for ledger in ledgers:
            await ledger.aclose()

    def test_data_of_a_newer_release_is_refused_and_untouched(self, url: str) -> None:
        store = open_store(url, {}, 1.0)
        upgrade(store, [*STEPS, _add_mood])

        with pytest.raises(Conflict, match=r"newer release.*upgrade hybrid-coordinator"):
            upgrade(store)

        store.dispose()

    async def test_data_of_an_older_release_is_brought_along(self, ledger: SqlLedger, url: str) -> None:
        await ledger.append(FULL)
        store = open_store(url, {}, 1.0)

        upgrade(store, [*STEPS, _add_mood])
        upgrade(store, [*STEPS, _add_mood])

        with store.reading.begin() as connection:
            moods = connection.exec_driver_sql("SELECT id, mood FROM interaction_records").all()
        store.dispose()
        assert [tuple(row) for row in moods] == [("full", "calm")]
        assert await ledger.get("full") == FULL

    async def test_data_of_form_1_is_brought_along(self, ledger: SqlLedger, url: str) -> None:
        await ledger.append(plain("a"))
        store = open_store(url, {}, 1.0)
        with store.writing.begin() as connection:
            _take_back_form_4(connection)
            _take_back_form_3(connection)
            _take_back_form_2(connection)

        upgrade(store)

        store.dispose()
        assert await ledger.get("a") == plain("a")
        await ledger.append(FULL)
        await ledger.keep_evidence("full", b"features")
        assert await ledger.evidence(limit=9) == [EvidenceRecord(FULL, b"features")]
        table = await ledger.read("SELECT asker, holdout FROM interactions", limit=9, timeout_s=5)
        assert sorted(table.rows) == [("", 0), ("colleague", 1)]

    async def test_data_of_form_2_is_brought_along(self, ledger: SqlLedger, url: str) -> None:
        since_then = {"similarities": (), "withheld": (), "origin": Origin.MODEL_INFERENCE, "channel": ""}
        old = replace(FULL, **since_then)  # type: ignore[arg-type]
        await ledger.append(old)
        for number in range(5):
            await ledger.append(replace(old, id=f"i{number}", value=None))
        await ledger.credit("full", {"p1": 1.0})
        store = open_store(url, {}, 1.0)
        with store.writing.begin() as connection:
            _take_back_form_4(connection)
            _take_back_form_3(connection)

        upgrade(store)
        with store.writing.begin() as connection:
            add_learning(connection)  # which may be taken again on its own result

        store.dispose()
        assert await ledger.get("full") == old
        assert await ledger.kin([question_key(old.query)]) == {question_key(old.query): 6}
        assert [one.id for one in await ledger.tagged("b", since=None, limit=2)] == ["i4", "i3"]
        assert await ledger.unlearned(limit=9) == [old]
        assert await ledger.uses(["p1"]) == {"p1": Uses(Arm(1, 1.0, 1.0, 1))}
        await ledger.append(replace(FULL, id="today's"))
        assert await ledger.get("today's") == replace(FULL, id="today's")

    async def test_data_of_form_3_is_brought_along(self, ledger: SqlLedger, url: str) -> None:
        await ledger.append(FULL)
        store = open_store(url, {}, 1.0)
        with store.writing.begin() as connection:
            _take_back_form_4(connection)

        upgrade(store)
        with store.writing.begin() as connection:
            add_runs(connection)  # which may be taken again on its own result

        store.dispose()
        assert await ledger.get("full") == FULL
        for view in ("runs", "model_versions", "model_version_changes", "version_sources", "exam_answers"):
            assert (await ledger.read(f"SELECT * FROM {view}", limit=1, timeout_s=5)).rows == ()

    async def test_a_step_that_fails_leaves_the_data_as_it_was(self, ledger: SqlLedger, url: str) -> None:
        await ledger.append(FULL)
        store = open_store(url, {}, 1.0)

        with pytest.raises(ZeroDivisionError):
            upgrade(store, [*STEPS, _add_mood, _break])
        upgrade(store)  # which would refuse a newer form

        store.dispose()
        assert await ledger.get("full") == FULL

    # Reading with SQL

    async def test_the_statements_of_the_users_document_are_answered(self, ledger: SqlLedger) -> None:
        await ledger.append(replace(FULL, id="a"))
        await ledger.append(replace(FULL, id="b", outcome=FAILURE, value=BAD, agent_type=AgentType.CONTEXT_ONLY))
        await ledger.append(plain("unsettled"))

        valuable = await ledger.read(
            "SELECT COUNT(*) FROM interactions WHERE value_score >= 0.7", limit=10, timeout_s=5
        )
        trend = await ledger.read(
            "SELECT date, AVG(outcome='success') FROM interactions GROUP BY date", limit=10, timeout_s=5
        )
        saved = await ledger.read(
            "SELECT SUM(tokens_saved) FROM interactions WHERE agent_type='context_only'", limit=10, timeout_s=5
        )

        assert valuable.rows == ((1,),)
        assert trend.rows == (("2026-03-04", 0.5),)
        assert saved.rows == ((78,),)

    async def test_the_view_of_interactions_says_what_was_recorded(self, ledger: SqlLedger) -> None:
        await ledger.append(replace(FULL, cost=1_500_000))

        table = await ledger.read("SELECT * FROM interactions", limit=10, timeout_s=5)

        seen = dict(zip(table.columns, table.rows[0], strict=True))
        assert seen == {
            "id": "full",
            "date": "2026-03-04",
            "created_at": "2026-03-04 12:00:00.123456",
            "session_id": "s",
            "parent_id": "earlier",
            "query": "Wie spät? 🕰",
            "response": "Zwölf.",
            "agent_type": "remote",
            "model_used": "large",
            "context_provided": '["p2","p1"]',
            "outcome": "success",
            "user_feedback": 1,
            "iterations": 2,
            "copied": 1,
            "modified": 1,
            "settled_at": "2026-03-04 12:00:01.123456",
            "input_tokens": 11,
            "output_tokens": 12,
            "tokens_used": 23,
            "tokens_saved": 78,
            "latency_ms": 340,
            "first_token_ms": 56,
            "cost_usd": 1.5,
            "cost_saved_usd": 0.00009,
            "route": "local-then-remote",
            "route_reason": "seen before, 92% alike",
            "confidence": 0.1 + 0.2,
            "relevance": 1 / 3,
            "complexity": 7,
            "speciality": "code",
            "profile": "critical",
            "value_score": 0.86,
            "value_parts": '{"outcome":1.0,"feedback":0.65}',
            "tags": '["b","a"]',
            "failure": "the caller hung up",
            "asker": "colleague",
            "cache": "semantic",
            "cache_read_tokens": 5,
            "cache_write_tokens": 6,
            "holdout": 1,
            "similarities": "[0.30000000000000004,1.0]",
            "withheld": '["p3"]',
            "origin": "tool_output_external",
            "channel": "telemetry:ralph-events",
            "question_key": question_key("Wie spät? 🕰"),
            "learned": 0,
        }

    async def test_the_other_views_say_what_was_recorded(self, ledger: SqlLedger) -> None:
        await ledger.append(FULL)
        await ledger.append(plain("a"))
        await ledger.credit("full", {"p1": 1.0})
        await ledger.credit("a", {"p1": 0.5})
        await ledger.append(plain("without"))
        await ledger.withhold("without", {"p1": 0.25})
        await ledger.correct(Correction("c1", NOON, "Which port?", "8092", 1, "full", ("t",)))
        await ledger.put_source(Source("/repo", "a.py", "h1", ("p1", "p2")))
        await ledger.prefer(replace(PAIR, prompt="Which port?", rejected="80"))

        usage = await ledger.read("SELECT * FROM passage_usage", limit=9, timeout_s=5)
        corrections = await ledger.read("SELECT * FROM corrections", limit=9, timeout_s=5)
        sources = await ledger.read("SELECT * FROM sources", limit=9, timeout_s=5)
        preferences = await ledger.read("SELECT * FROM preferences", limit=9, timeout_s=5)

        moment = "2026-03-04 12:00:00.123456"
        assert usage.rows == (("p1", 2, 1.5, 0.75, 1, 0.25),)
        assert corrections.rows == (
            ("c1", "2026-03-04", moment, "Which port?", "8092", 1, "full", '["t"]', "direct_user"),
        )
        assert sources.rows == (("/repo", "a.py", "h1", 2),)
        pair = ("pair", "2026-03-04", moment, "Which port?", "8092", "80", "escalation", "full", "small")
        assert preferences.rows == (pair,)

    @pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
    async def test_the_document_of_the_views_names_their_columns(self, ledger: SqlLedger, view: View) -> None:
        table = await ledger.read(f"SELECT * FROM {view.name}", limit=1, timeout_s=5)

        assert documented_columns(view.name) == table.columns

    @pytest.mark.parametrize(
        "statement",
        [
            "select id from interactions",
            "  \n SELECT id FROM interactions;",
            "-- how many\nSELECT id FROM interactions -- in all",
            "/* how; many */ SELECT id FROM interactions",
            "WITH mine AS (SELECT id FROM interactions) SELECT id FROM mine",
            "SELECT id FROM interactions WHERE query LIKE '%sp_t%' AND lower(model_used) = 'large'",
            "SELECT max(i.id) FROM interactions i JOIN interactions j ON i.id = j.id GROUP BY i.date",
            "SELECT id FROM (SELECT id, rank() OVER (ORDER BY cost_usd) AS place FROM interactions) AS placed",
            "SELECT id FROM interactions WHERE id IN (SELECT id FROM corrections) OR coalesce(cost_usd, 0) > 0",
            "SELECT CASE count(*) WHEN 1 THEN 'full' END FROM (SELECT id FROM interactions UNION SELECT 'full') AS u",
        ],
    )
    async def test_an_ordinary_read_is_answered(self, ledger: SqlLedger, statement: str) -> None:
        await ledger.append(FULL)

        table = await ledger.read(statement, limit=9, timeout_s=5)

        assert table.rows == (("full",),)
        assert not table.truncated

    @pytest.mark.parametrize(
        "statement",
        [
            "",
            "   ",
            "-- only a comment",
            "/* unfinished",
            "hello",
            "SELECT 1; SELECT 2",
            "SELECT id FROM interactions; DROP VIEW interactions",
            "SELECT 1) AS a, (SELECT 2",
            "DELETE FROM interactions",
            "UPDATE interactions SET query = ''",
            "INSERT INTO corrections (id) VALUES ('x')",
            "WITH gone AS (DELETE FROM interaction_records RETURNING id) SELECT id FROM gone",
            "DROP TABLE interaction_records",
            "CREATE TABLE mine (a int)",
            "SELECT 1 INTO mine",
            "SELECT id FROM interactions FOR UPDATE; COMMIT",
            "EXPLAIN SELECT 1",
            "PRAGMA user_version",
            "ATTACH DATABASE ':memory:' AS other",
            "VACUUM",
            "BEGIN",
            "COMMIT",
            "SET search_path = public",
            "COPY interactions TO STDOUT",
            "SELECT * FROM interaction_records",
            'SELECT * FROM "interaction_records"',
            "SELECT * FROM [Interaction_Records]",
            "SELECT * FROM 'interaction_records'",
            "SELECT count(*) FROM interaction_records",
            "SELECT * FROM main.interaction_records",
            "SELECT * FROM hybrid_coordinator.interaction_records",
            "WITH interactions AS (SELECT * FROM interaction_records) SELECT * FROM interactions",
            "SELECT * FROM version_records",
            "SELECT features FROM evidence_records",
            "SELECT * FROM sqlite_master",
            "SELECT count(*) FROM sqlite_schema",
            "SELECT * FROM pragma_table_info('interactions')",
            "SELECT * FROM pg_catalog.pg_authid",
            "SELECT count(*) FROM pg_class",
            "SELECT * FROM information_schema.tables",
            "SELECT load_extension('x')",
            "WITH interactions AS (SELECT load_extension('x') AS id) SELECT id FROM interactions",
            "SELECT readfile('/etc/passwd')",
            "SELECT randomblob(1000000000)",
            "SELECT pg_read_file('/etc/passwd')",
            "SELECT * FROM pg_ls_dir('.')",
            "SELECT pg_sleep(0)",
            "SELECT set_config('statement_timeout', '0', false)",
            "SELECT query_to_xml('SELECT 1', true, true, '')",
            "SELECT lo_import('/etc/passwd')",
            "SELECT count(*) FROM generate_series(1, 10)",
            "SELECT repeat('x', 1000000000)",
            "SELECT max(pg_backend_pid()) OVER () FROM interactions",
            "SELECT id FROM interactions ORDER BY pg_sleep(0)",
            "SELECT id FROM interactions LIMIT length(current_setting('data_directory'))",
            "SELECT id FROM interactions WHERE EXISTS (SELECT 1 FROM pg_user)",
            "SELECT id FROM interactions TABLESAMPLE system (10)",
            "SELECT ?",
            "SELECT $1",
            "SELECT %s",
            "SELECT nothing FROM interactions",
            "SELECT * FROM nowhere",
            "SELECT '\x00'",
            "SELECT '\ud800'",
            "SELECT " + "1," * 50_000 + "1",
        ],
        ids=lambda statement: statement[:40],
    )
    async def test_anything_but_a_read_of_the_views_is_refused(self, ledger: SqlLedger, statement: str) -> None:
        await ledger.append(FULL)

        with pytest.raises(RefusedStatement, match=r"SELECT.*interactions, passage_usage, corrections, sources"):
            await ledger.read(statement, limit=9, timeout_s=5)

        assert await ledger.recent(limit=9) == [FULL]
        assert (await ledger.read("SELECT count(*) FROM interactions", limit=9, timeout_s=5)).rows == ((1,),)

    @pytest.mark.parametrize(
        "statement",
        [
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t WHERE n < 0",
        ],
    )
    async def test_a_statement_that_never_ends_is_stopped(self, ledger: SqlLedger, statement: str) -> None:
        with anyio.fail_after(5), pytest.raises(RefusedStatement, match=r"longer than 0\.2 s"):
            await ledger.read(statement, limit=9, timeout_s=0.2)

    async def test_more_rows_than_asked_for_are_cut_off_and_said_so(self, ledger: SqlLedger) -> None:
        for number in range(3):
            await ledger.append(plain(f"i{number}"))

        two = await ledger.read("SELECT id FROM interactions ORDER BY id", limit=2, timeout_s=5)
        three = await ledger.read("SELECT id FROM interactions ORDER BY id", limit=3, timeout_s=5)

        assert (two.rows, two.truncated) == ((("i0",), ("i1",)), True)
        assert (len(three.rows), three.truncated) == (3, False)

    async def test_a_huge_cell_is_cut_and_marked(self, ledger: SqlLedger) -> None:
        await ledger.append(replace(FULL, response="x" * 1_000_000))

        table = await ledger.read("SELECT response FROM interactions", limit=2, timeout_s=5)

        assert table.rows[0][0] == "x" * LONGEST_CELL + "…"

    async def test_a_huge_result_is_truncated(self, ledger: SqlLedger) -> None:
        for number in range(120):
            await ledger.append(replace(plain(f"i{number}"), response="x" * LONGEST_CELL))

        table = await ledger.read("SELECT response FROM interactions", limit=1000, timeout_s=5)

        assert table.truncated
        assert len(table.rows) == LARGEST_RESULT // LONGEST_CELL

    async def test_ten_thousand_interactions_stay_quick_to_sum_and_to_read(self, ledger: SqlLedger) -> None:
        async with anyio.create_task_group() as group:
            for number in range(10_000):
                group.start_soon(ledger.append, replace(FULL, id=f"i{number}", session_id=f"s{number % 100}"))

        with anyio.fail_after(5):
            totals = await ledger.totals(None, high_value=0.7)
            turns = await ledger.recent(limit=10, session_id="s7")
            table = await ledger.read(
                "SELECT date, avg(value_score) FROM interactions GROUP BY date", limit=9, timeout_s=5
            )

        assert totals.interactions == 10_000
        assert len(turns) == 10
        assert table.rows[0][1] == pytest.approx(0.86)


def _add_mood(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE interaction_records ADD COLUMN mood TEXT DEFAULT 'calm'")


def _take_back_form_4(connection: Connection) -> None:
    for view in VIEWS:
        connection.exec_driver_sql(f"DROP VIEW {view.name}")
    for table in TRAINING_TABLES:
        connection.exec_driver_sql(f"DROP TABLE {table.name}")
    connection.exec_driver_sql("DELETE FROM version_records WHERE version > 3")


def _take_back_form_3(connection: Connection) -> None:
    for table in (tags, exclusions, *LEARNING_TABLES):
        connection.exec_driver_sql(f"DROP TABLE {table.name}")
    for index in (*interactions.indexes, *credits.indexes):
        index.drop(connection)
    for column in SINCE_FORM_3:
        connection.exec_driver_sql(f"ALTER TABLE interaction_records DROP COLUMN {column}")
    connection.exec_driver_sql("ALTER TABLE credit_records DROP COLUMN withheld")
    connection.exec_driver_sql("ALTER TABLE credit_records DROP COLUMN session")
    connection.exec_driver_sql("ALTER TABLE correction_records DROP COLUMN origin")
    connection.exec_driver_sql("DELETE FROM version_records WHERE version > 2")


def _take_back_form_2(connection: Connection) -> None:
    for column in SINCE_FORM_2:
        connection.exec_driver_sql(f"ALTER TABLE interaction_records DROP COLUMN {column}")
    for table in ("preference_records", "evidence_records"):
        connection.exec_driver_sql(f"DROP TABLE {table}")
    connection.exec_driver_sql("DELETE FROM version_records WHERE version > 1")


def _break(_connection: Connection) -> None:
    raise ZeroDivisionError


DOCUMENT = Path(__file__).parents[2] / "docs" / "sql-views.md"


def documented_columns(view: str) -> tuple[str, ...]:
    """The first column of the table under the heading of the view."""
    section = DOCUMENT.read_text(encoding="utf-8").split(f"\n## `{view}`\n", 1)[1].split("\n## ", 1)[0]
    return tuple(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


class TestMemory(LedgerContract):
    @pytest.fixture
    def ledger(self) -> MemoryLedger:
        return MemoryLedger()


class TestSqlite(SqlLedgerContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"

    async def test_a_ledger_of_the_first_release_loads(self, tmp_path: Path) -> None:
        path = tmp_path / "old.sqlite"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript((Path(__file__).parent / "ledger-form-1.sql").read_text(encoding="utf-8"))

        ledger = await SqlLedger.open(f"sqlite:///{path}")

        since_then = {"asker": "", "cache": CacheUse.NONE, "cache_read_tokens": 0, "cache_write_tokens": 0}
        learning = {"similarities": (), "withheld": (), "origin": Origin.MODEL_INFERENCE, "channel": ""}
        old = replace(FULL, **since_then, **learning, holdout=False)  # type: ignore[arg-type]
        assert await ledger.get("full") == old
        assert await ledger.tagged("a", since=None, limit=9) == [old]
        assert await ledger.kin([question_key(FULL.query)]) == {question_key(FULL.query): 1}
        assert await ledger.unlearned(limit=9) == [old]
        assert await ledger.corrections(limit=9) == [Correction("c1", NOON, "Which port?", "8092", 1, "full", ("t",))]
        assert await ledger.sources("/repo") == [Source("/repo", "a.py", "h1", ("p1", "p2"))]
        assert await ledger.credit("full", {"p1": 1.0}) == {"p1": PassageRecord(1, 1.0)}
        await ledger.append(replace(FULL, id="today's"))
        await ledger.keep_evidence("full", b"features")
        await ledger.prefer(PAIR)
        table = await ledger.read("SELECT asker, cache, holdout FROM interactions", limit=9, timeout_s=5)
        assert table.rows == (("", "none", 0), ("colleague", "semantic", 1))
        assert await ledger.get("today's") == replace(FULL, id="today's")
        await ledger.aclose()

    @pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://here/ledger", "not a url"])
    async def test_an_address_that_cannot_be_one_is_a_setting_error(self, url: str) -> None:
        with pytest.raises(SettingError, match="sqlite:///path"):
            await SqlLedger.open(url)


class TestPostgresql(SqlLedgerContract):
    @pytest.fixture
    def url(self, cluster: Cluster) -> str:
        return cluster.emptied()

    async def test_a_server_that_is_not_there_is_unavailable(self, tmp_path: Path) -> None:
        with pytest.raises(Unavailable, match="does not answer"):
            await SqlLedger.open(f"postgresql://ledger@/ledger?host={tmp_path}")

    async def test_the_password_is_in_no_message(self, cluster: Cluster) -> None:
        url = cluster.emptied().replace("ledger@", "nobody:hunter2@")

        with pytest.raises(Unavailable, match="nobody") as caught:
            await SqlLedger.open(url)

        assert "hunter2" not in str(caught.value)

    async def test_a_server_that_dropped_the_connection_is_connected_to_again(
        self, ledger: SqlLedger, url: str
    ) -> None:
        await ledger.append(plain("a"))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND datname = current_database()"
            )

        await ledger.append(plain("b"))

        assert len(await ledger.recent(limit=9)) == 2

    async def test_a_row_that_another_session_locks_is_store_busy(self, url: str) -> None:
        ledger = await SqlLedger.open(url, busy_timeout_s=0.2)
        await ledger.append(plain("a"))
        with psycopg.connect(url) as other:
            other.execute(f"SELECT id FROM {SCHEMA}.interaction_records FOR UPDATE")

            with pytest.raises(StoreBusy, match="held by another"):
                await ledger.settle("a", SUCCESS, GOOD, NOON)

        await ledger.settle("a", SUCCESS, GOOD, NOON)
        assert (await ledger.get("a")).outcome == SUCCESS
        await ledger.aclose()

    async def test_arguments_for_the_driver_reach_it(self, url: str) -> None:
        ledger = await SqlLedger.open(url, connect_args={"application_name": "watched", "options": "-cwork_mem=1MB"})

        with psycopg.connect(url) as connection:
            names = connection.execute("SELECT application_name FROM pg_stat_activity").fetchall()

        assert ("watched",) in names
        await ledger.aclose()
