"""What it all came to."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hybrid_coordinator.domain.interaction import AgentType, CacheUse, Interaction
from hybrid_coordinator.domain.query import Profile, Speciality
from hybrid_coordinator.domain.route import Route, Target
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.flows.budgets import Budgets
from hybrid_coordinator.flows.measures import Measurer
from hybrid_coordinator.flows.reports import Reporter
from hybrid_coordinator.flows.stopwatch import Stopwatch
from hybrid_coordinator.logic.auditing import LEAST_SESSIONS
from hybrid_coordinator.logic.budgets import BudgetPolicy
from hybrid_coordinator.testing import ManualClock, MemoryCatalog, MemoryKnowledge, MemoryLedger

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
ROUTE = Route(Target.LOCAL, ("small",), "seen before", 0.9, 0.9, 2, Speciality.GENERAL, Profile.DEFAULT)
LOCAL = Interaction("local", NOON, "q", "r", AgentType.LOCAL, "small", route=ROUTE)
REMOTE = replace(LOCAL, id="remote", agent_type=AgentType.REMOTE, cost=1_000)


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


@pytest.fixture
def reporter(ledger: MemoryLedger) -> Reporter:
    return reporting(ledger)


def reporting(ledger: MemoryLedger, budgets: Budgets | None = None) -> Reporter:
    clock = ManualClock(NOON)
    measurer = Measurer(ledger, MemoryCatalog(), clock, Stopwatch(clock), high_value=0.7, dimension=384)
    return Reporter(ledger, MemoryKnowledge(), measurer, clock, 0.7, budgets)


async def test_nothing_recorded_has_no_shares_and_no_saving(reporter: Reporter) -> None:
    report = await reporter.report()

    assert (report.local_share, report.cache_hit_share, report.escalation_share) == (None, None, None)
    assert report.savings.saving is None
    assert report.savings.verdict.startswith("not enough evidence yet")
    assert report.standings == {}


async def test_recalls_and_escalations_are_shares_of_what_they_were_tried_on(
    reporter: Reporter, ledger: MemoryLedger
) -> None:
    await ledger.append(LOCAL)
    await ledger.append(replace(LOCAL, id="recalled", cache=CacheUse.EXACT))
    await ledger.append(replace(REMOTE, id="given instead"))
    await ledger.append(replace(REMOTE, id="another"))
    await ledger.append(replace(LOCAL, id="rejected", parent_id="given instead", tags=("rejected",)))

    report = await reporter.report()

    assert (report.cache_hits, report.cache_hit_share) == (1, 1 / 4)
    assert report.escalation_share == 1 / 3


async def test_savings_are_audited_against_the_held_out(reporter: Reporter, ledger: MemoryLedger) -> None:
    for number in range(LEAST_SESSIONS):
        await ledger.append(replace(LOCAL, id=f"routed {number}", session_id=f"routed {number}"))
        held_out = replace(REMOTE, id=f"plain {number}", session_id=f"plain {number}", holdout=True)
        await ledger.append(replace(held_out, cost=1_000 + number))

    savings = (await reporter.report(days=1)).savings

    assert (savings.sessions, savings.held_out_sessions) == (LEAST_SESSIONS, LEAST_SESSIONS)
    assert savings.saving is not None
    assert savings.saving.value == pytest.approx(1_000 + (LEAST_SESSIONS - 1) / 2)
    assert savings.share == pytest.approx(1.0)
    assert savings.verdict.startswith("routing saves money")


async def test_standings_are_todays(ledger: MemoryLedger) -> None:
    budgets = Budgets(ledger, ManualClock(NOON), BudgetPolicy(hard_usd=0.001))
    budgets.note(replace(REMOTE, asker="colleague"))

    report = await reporting(ledger, budgets).report()

    assert {name: standing.level.value for name, standing in report.standings.items()} == {"colleague": "hard"}


@pytest.mark.parametrize("days", [0, -1, 36_501])
async def test_a_span_that_is_none_is_bad_input(reporter: Reporter, days: int) -> None:
    with pytest.raises(BadInput, match="days is"):
        await reporter.report(days)
