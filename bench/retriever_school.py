"""Outcomes for search to learn from: questions of a set are asked, and whoever finds the right passage says so."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from hybrid_coordinator.backends.keepsake import FileKeepsake
from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind, ValueScore
from hybrid_coordinator.domain.knowledge import CONTEXT_COLLECTIONS, Probe
from hybrid_coordinator.domain.versions import ModelVersion
from hybrid_coordinator.flows.adapted_questions import RETRIEVER, AdaptedQuestions, Way
from hybrid_coordinator.flows.enacting import Enactor
from hybrid_coordinator.flows.lineup import Lineup
from hybrid_coordinator.flows.retriever_examples import ExampleGatherer
from hybrid_coordinator.flows.retriever_training import RetrieverTrainer
from hybrid_coordinator.flows.versions import Versions
from hybrid_coordinator.logic.canary import CanaryPolicy
from hybrid_coordinator.logic.retriever_adapter import load_adapters
from hybrid_coordinator.logic.retriever_gate import RetrieverPolicy
from hybrid_coordinator.ports import Embedder, Knowledge
from hybrid_coordinator.testing import ManualClock, MemoryAnnals, MemoryLedger, MemoryRuns, MemoryWorkshop

SHOWN = 5


class School:
    """The product's own trainer over a ledger that fills up as questions are asked."""

    def __init__(self, knowledge: Knowledge, embedder: Embedder, folder: Path, policy: RetrieverPolicy) -> None:
        self._knowledge = knowledge
        self._embedder = embedder
        self._clock = ManualClock()
        self._ledger = MemoryLedger()
        self._runs = MemoryRuns()
        self._keepsake = FileKeepsake(folder / "retriever.npz")
        canary = CanaryPolicy()
        adapted = AdaptedQuestions(self._runs, self._keepsake, embedder.identity, self._clock, share=canary.share)
        enactor = Enactor(self._runs, Lineup(MemoryWorkshop(), {}, {}), self._clock, _forget, canary)
        annals = MemoryAnnals(self._ledger)
        gatherer = ExampleGatherer(self._ledger, annals, knowledge, embedder, self._clock, policy)
        versions = Versions(self._runs, MemoryWorkshop(), enactor)
        self._trainer = RetrieverTrainer(
            gatherer, adapted, self._runs, versions, knowledge, embedder, self._clock, policy
        )

    async def ask(self, question: str, gains: Mapping[str, float]) -> bool:
        """Show what is found; whether that helped is recorded and given back."""
        [vector] = await self._embedder.embed([question])
        found = await self._knowledge.search(Probe(question, vector), CONTEXT_COLLECTIONS, limit=SHOWN)
        shown = tuple(passage.id for passage in found)
        right = [id for id in shown if gains.get(id, 0.0) > 0]
        await self._record(question, shown, right)
        return bool(right)

    async def learn(self) -> tuple[ModelVersion | None, Way, str]:
        """What came of it, the way it searches (whatever was decided of it), and what the trainer said."""
        worked = await self._trainer.work()
        newest = next(iter(await self._runs.versions(RETRIEVER)), None)
        if newest is None:
            return None, Way(), worked.detail
        return newest, Way(newest.name, load_adapters(await self._keepsake.load())[newest.name]), worked.detail

    async def _record(self, question: str, shown: tuple[str, ...], right: list[str]) -> None:
        self._clock.advance(60.0)
        kind = OutcomeKind.SUCCESS if right else OutcomeKind.FAILURE
        name, now = self._clock.new_id(), self._clock.now()
        await self._ledger.append(
            Interaction(name, now, question, "", AgentType.LOCAL, "local", shown, channel="answer")
        )
        credits = {id: float(id in right) for id in shown} if right else dict.fromkeys(shown[:1], 0.0)
        await self._ledger.settle(
            name, Outcome(kind), ValueScore(float(bool(right)), {}, {}), now + timedelta(seconds=1)
        )
        await self._ledger.credit(name, credits)


async def _forget(_kind: str, **_fields: object) -> None:
    """Nobody reads what happens here."""
