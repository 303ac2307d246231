"""Gaps in a real ledger, grouped by a real embedder, worded and filled by a real small model."""

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.backends.http import open_client
from hybrid_coordinator.backends.ledger.sql import SqlLedger
from hybrid_coordinator.backends.models.llama_server import LlamaServerModel
from hybrid_coordinator.backends.models.llamacpp_process import Access
from hybrid_coordinator.backends.models.streaming import Patience
from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, ValueScore
from hybrid_coordinator.domain.query import Prompt, Query, Role, Turn, fold
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.flows.filling import Filler, FillPolicy, FillSummary, Judged
from hybrid_coordinator.flows.gaps import Gaps
from hybrid_coordinator.flows.proposing import Proposer
from hybrid_coordinator.logic.gaps import SYNTHETIC, GapPolicy
from hybrid_coordinator.logic.synthetic import SyntheticPolicy, Way
from hybrid_coordinator.ports import Model
from hybrid_coordinator.testing import ManualClock, MemoryKnowledge
from learned_items import FAILURE, NOON, asked
from servers import llama_server, nobody

CERTIFICATES = (
    "The client certificate of the kubelet expires tomorrow, what now?",
    "How do I renew the kubelet's serving certificate?",
    "Why was the kubelet certificate not renewed?",
)
DISKS = ("The root filesystem is nearly full", "Which files fill up the disk?", "How do I get disk space back?")
SMALL = ModelCard("small", Location.REMOTE, input_price=1_000_000, output_price=2_000_000)


@pytest.fixture(scope="module")
def llama() -> Iterator[Access]:
    with llama_server() as access:
        yield access


@asynccontextmanager
async def model_at(access: Access) -> AsyncIterator[Model]:
    client = open_client(trust_env=False)
    model = LlamaServerModel(
        SMALL, base_url=access.address, model="small", client=client, api_key=access.key, patience=Patience()
    )
    async with aclosing(model):
        yield model


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqlLedger]:
    async with aclosing(await SqlLedger.open(f"sqlite:///{tmp_path / 'ledger.db'}")) as ledger:
        for number, question in enumerate([*CERTIFICATES, *DISKS]):
            await ledger.append(asked(f"t{number}", question, outcome=FAILURE, minutes=number))
        yield ledger


@pytest.fixture
def embedder() -> MiniLmEmbedder:
    return MiniLmEmbedder()


def gaps_of(ledger: SqlLedger, embedder: MiniLmEmbedder) -> Gaps:
    clock = ManualClock(NOON + timedelta(hours=1))
    return Gaps(ledger, MemoryKnowledge(), embedder, clock, GapPolicy(min_similarity=0.45))


async def test_questions_in_other_words_are_one_gap_and_it_is_named_by_them(
    ledger: SqlLedger, embedder: MiniLmEmbedder
) -> None:
    found = await gaps_of(ledger, embedder).find()

    assert {frozenset(one.question for one in gap.examples) for gap in found} == {
        frozenset(CERTIFICATES),
        frozenset(DISKS),
    }
    assert all("kubelet" in gap.name or "disk" in gap.name for gap in found)


async def test_the_small_model_words_questions_about_the_gap(
    llama: Access, ledger: SqlLedger, embedder: MiniLmEmbedder
) -> None:
    (gap, *_) = await gaps_of(ledger, embedder).find()

    async with model_at(llama) as model:
        proposals = await Proposer(ledger, embedder, model, SyntheticPolicy()).propose(gap, 5)

    assert len(proposals) == 5
    assert Way.MODEL in [one.way for one in proposals]
    assert all(one.similarity >= 0.5 for one in proposals)


async def test_without_the_model_the_same_gap_is_asked_about_in_its_own_words(
    ledger: SqlLedger, embedder: MiniLmEmbedder
) -> None:
    (gap, *_) = await gaps_of(ledger, embedder).find()

    async with nobody() as url, model_at(Access(url, "")) as model:
        proposals = await Proposer(ledger, embedder, model, SyntheticPolicy()).propose(gap, 5)

    assert [one.way for one in proposals] == [Way.TEMPLATE] * 5


class Vendor:
    """Answers with the small model, as if it were far away, and records what that cost."""

    def __init__(self, model: Model, ledger: SqlLedger) -> None:
        self._model = model
        self._ledger = ledger
        self._count = 0

    async def ask(self, query: Query) -> Interaction:
        prompt = Prompt((Turn(Role.USER, (query.text,)),), max_tokens=query.max_tokens, temperature=0.0)
        async with aclosing(self._model.stream(prompt)) as pieces:
            said = fold([piece async for piece in pieces])
        usage = said.finished.usage
        self._count += 1
        record = Interaction(
            id=f"v{self._count}",
            created_at=NOON + timedelta(hours=2, seconds=self._count),
            query=query.text,
            response=said.text,
            agent_type=AgentType.REMOTE,
            model_used="small",
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cost=SMALL.cost(usage.input_tokens, usage.output_tokens),
            tags=query.tags,
        )
        await self._ledger.append(record)
        return record

    async def settle(self, interaction_id: str, outcome: Outcome) -> Interaction:
        return await self._ledger.settle(interaction_id, outcome, ValueScore(0.8, {}, {}), NOON)


async def test_filling_settles_what_was_verified_and_nothing_else_and_keeps_to_the_budget(
    llama: Access, ledger: SqlLedger, embedder: MiniLmEmbedder
) -> None:
    gaps = gaps_of(ledger, embedder)
    (gap, *_) = await gaps.find()
    async with model_at(llama) as model:
        vendor = Vendor(model, ledger)
        proposer = Proposer(ledger, embedder, model, SyntheticPolicy())
        policy = FillPolicy(max_tokens=120, context_tokens=100)
        doors = (vendor.ask, vendor.settle, ledger, MemoryKnowledge(), embedder)
        filling = Filler(gaps, proposer, *doors, [SMALL], policy).fill(
            gap.name, budget_usd=0.0012, permitted=True, questions=3
        )
        async with aclosing(filling) as events:
            told = [event async for event in events]

    records = await ledger.tagged(SYNTHETIC, since=None, limit=10)
    judged = [event for event in told if isinstance(event, Judged)]
    assert judged
    assert {one.id for one in records if one.outcome} == {
        event.interaction.id for event in judged if event.verification.verified
    }
    assert isinstance(told[-1], FillSummary)
    assert told[-1].spent == sum(one.cost for one in records) <= 1_200
