"""Money for answers: who permits it, when it ends, and what a stop in between leaves."""

from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind, ValueScore
from hybrid_coordinator.domain.query import Preference, Prompt, Query, Role, Turn, fold
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.errors import BadInput, ModelUnavailable, NotFound, OverBudget
from hybrid_coordinator.flows.filling import (
    Filler,
    FillEvent,
    FillPolicy,
    FillSummary,
    Judged,
    Planned,
    Settle,
    Unanswered,
)
from hybrid_coordinator.flows.gaps import Gaps
from hybrid_coordinator.flows.proposing import Proposer
from hybrid_coordinator.logic.gaps import SYNTHETIC, Gap, GapPolicy
from hybrid_coordinator.logic.synthetic import SyntheticPolicy
from hybrid_coordinator.testing import (
    HashEmbedder,
    ManualClock,
    MemoryKnowledge,
    MemoryLedger,
    Script,
    ScriptedModel,
)
from learned_items import FAILURE, NOON, asked

AWAY = ModelCard("away", Location.REMOTE, input_price=3_000_000, output_price=15_000_000)
BOOT = ("Why does the server not boot?", "The server does not boot again, why?", "Why did the server not boot?")
GOOD = ("Check the boot order in the firmware, then look at the console.",)
POLICY = FillPolicy(max_tokens=100, context_tokens=100)
ANSWER_COST = AWAY.cost(10, 5)


@dataclass
class Plot:
    """A gap in a ledger, a vendor that records what it answers, and the filler between them."""

    vendor: ScriptedModel
    card: ModelCard = AWAY
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON + timedelta(hours=1)))
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    knowledge: MemoryKnowledge = field(default_factory=MemoryKnowledge)
    embedder: HashEmbedder = field(default_factory=HashEmbedder)
    queries: list[Query] = field(default_factory=list)

    async def ask(self, query: Query) -> Interaction:
        self.queries.append(query)
        prompt = Prompt((Turn(Role.USER, (query.text,)),), max_tokens=query.max_tokens)
        async with aclosing(self.vendor.stream(prompt)) as pieces:
            said = fold([piece async for piece in pieces])
        usage = said.finished.usage
        record = Interaction(
            id=self.clock.new_id(),
            created_at=self.clock.now(),
            query=query.text,
            response=said.text,
            agent_type=AgentType.REMOTE,
            model_used=self.card.name,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cost=self.card.cost(usage.input_tokens, usage.output_tokens),
            tags=query.tags,
        )
        await self.ledger.append(record)
        return record

    async def settle(self, interaction_id: str, outcome: Outcome) -> Interaction:
        return await self.ledger.settle(interaction_id, outcome, ValueScore(0.8, {}, {}), self.clock.now())

    @property
    def gaps(self) -> Gaps:
        return Gaps(self.ledger, self.knowledge, self.embedder, self.clock, GapPolicy(min_similarity=0.4))

    async def gap(self) -> Gap:
        (gap,) = await self.gaps.find()
        return gap

    def filler(self, settle: Settle | None = None) -> Filler:
        proposer = Proposer(self.ledger, self.embedder, None, SyntheticPolicy(on_topic=0.3))
        doors = (self.ask, settle or self.settle, self.ledger, self.knowledge, self.embedder)
        return Filler(self.gaps, proposer, *doors, [AWAY], POLICY)

    async def fill(self, budget_usd: float = 1.0, questions: int = 3) -> list[FillEvent]:
        name = (await self.gap()).name
        filling = self.filler().fill(name, budget_usd=budget_usd, permitted=True, questions=questions)
        async with aclosing(filling) as events:
            return [event async for event in events]

    async def synthetic(self) -> list[Interaction]:
        return await self.ledger.tagged(SYNTHETIC, since=None, limit=100)


async def plot_with(*scripts: Script) -> Plot:
    plot = Plot(ScriptedModel(*scripts, card=AWAY))
    for number, question in enumerate(BOOT):
        await plot.ledger.append(asked(f"t{number}", question, outcome=FAILURE, minutes=number))
    return plot


class Killed(Exception):
    """The process is gone."""


def summary(events: list[FillEvent]) -> FillSummary:
    assert isinstance(events[-1], FillSummary)
    return events[-1]


async def test_answers_that_agree_count_as_successes() -> None:
    plot = await plot_with(GOOD)

    events = await plot.fill()

    planned = events[0]
    assert isinstance(planned, Planned)
    assert len(planned.questions) == 3
    assert [type(event) for event in events[1:-1]] == [Judged] * 3
    assert (summary(events).verified, summary(events).spent) == (3, 6 * ANSWER_COST)
    outcomes = [one.outcome.kind for one in await plot.synthetic() if one.outcome]
    assert outcomes == [OutcomeKind.SUCCESS] * 3


async def test_questions_go_out_marked_as_nobodys_and_past_the_cache() -> None:
    plot = await plot_with(GOOD)

    await plot.fill(questions=1)

    tag = (await plot.gap()).tag
    assert [query.tags for query in plot.queries] == [(SYNTHETIC, tag)] * 2
    assert {query.preference for query in plot.queries} == {Preference.REMOTE}
    assert not any(query.wishes.cache for query in plot.queries)


async def test_answers_that_disagree_stay_without_an_outcome() -> None:
    plot = await plot_with(GOOD, ("Buy 2 new servers.",), GOOD, ("Sell 7 old ones.",))

    events = await plot.fill(questions=2)

    assert (summary(events).judged, summary(events).verified) == (2, 0)
    assert all(one.outcome is None for one in await plot.synthetic())


@pytest.mark.parametrize(
    ("permitted", "budget_usd"), [(False, 1.0), (True, 0.0), (True, -1.0), (True, float("nan")), (True, float("inf"))]
)
async def test_nothing_is_asked_without_permission_and_a_budget(permitted: bool, budget_usd: float) -> None:
    plot = await plot_with(GOOD)

    with pytest.raises(BadInput):
        await anext(plot.filler().fill((await plot.gap()).name, budget_usd=budget_usd, permitted=permitted))

    assert plot.queries == []


async def test_an_unknown_gap_is_not_filled() -> None:
    with pytest.raises(NotFound):
        await anext((await plot_with(GOOD)).filler().fill("nothing", budget_usd=1.0, permitted=True))


async def test_it_stops_before_an_answer_that_may_cost_more_than_is_left() -> None:
    plot = await plot_with(GOOD)
    estimate = AWAY.cost(POLICY.context_tokens, POLICY.max_tokens)

    events = await plot.fill(budget_usd=(estimate + 3 * ANSWER_COST) / 1e6)

    assert "budget" in summary(events).why
    assert summary(events).spent <= estimate + 3 * ANSWER_COST
    assert 0 < len(plot.queries) < 6


async def test_filling_again_with_the_same_budget_never_spends_more() -> None:
    plot = await plot_with(GOOD)
    estimate = AWAY.cost(POLICY.context_tokens, POLICY.max_tokens)
    budget = (estimate + 3 * ANSWER_COST) / 1e6

    first, again = await plot.fill(budget), await plot.fill(budget)

    assert summary(again).spent == summary(first).spent
    assert len(await plot.synthetic()) == len(plot.queries)


async def test_a_fill_that_was_stopped_goes_on_where_it_was() -> None:
    plot = await plot_with(GOOD)
    filling = plot.filler().fill((await plot.gap()).name, budget_usd=1.0, permitted=True, questions=3)
    async with aclosing(filling) as events:
        async for event in events:
            if isinstance(event, Judged):
                break

    events_after = await plot.fill()

    asked_questions = [query.text for query in plot.queries]
    assert len(asked_questions) == 6
    assert len(set(asked_questions)) == 3
    assert summary(events_after).judged == 2


async def test_a_kill_between_the_two_answers_costs_no_third() -> None:
    plot = await plot_with(GOOD, [Killed()], GOOD)
    with pytest.raises(Killed):
        await plot.fill(questions=1)

    events = await plot.fill(questions=1)

    assert summary(events).verified == 1
    assert len({query.text for query in plot.queries}) == 1
    assert len(await plot.synthetic()) == 2


async def test_a_kill_between_the_answers_and_their_outcome_costs_nothing() -> None:
    plot = await plot_with(GOOD)

    async def die(interaction_id: str, outcome: Outcome) -> object:
        raise Killed

    filling = plot.filler(die).fill((await plot.gap()).name, budget_usd=1.0, permitted=True, questions=1)
    with pytest.raises(Killed):
        async with aclosing(filling) as events:
            async for _ in events:
                pass

    assert summary(await plot.fill(questions=1)).verified == 1
    assert len(plot.queries) == 2


async def test_a_vendor_that_refuses_is_not_asked_for_ever_and_nothing_is_lost() -> None:
    refusal = [ModelUnavailable("the vendor is busy; try again later")]
    plot = await plot_with(refusal, refusal, GOOD)

    refused, after = await plot.fill(), await plot.fill()

    assert [type(event) for event in refused] == [Planned, Unanswered, Unanswered, FillSummary]
    assert "the vendor is busy" in summary(refused).why
    assert summary(after).verified == 3


async def test_a_spent_key_ends_it_at_once() -> None:
    plot = await plot_with([OverBudget("the budget of key '' is spent; wait until tomorrow")])

    events = await plot.fill()

    assert [type(event) for event in events] == [Planned, Unanswered, FillSummary]


async def test_a_model_without_a_known_price_is_charged_as_the_dearest() -> None:
    plot = await plot_with(GOOD)
    plot.card = replace(AWAY, input_price=0, output_price=0)

    events = await plot.fill(questions=1)

    assert summary(events).spent == 2 * ANSWER_COST
    assert summary(await plot.fill(questions=1)).spent == 2 * ANSWER_COST
