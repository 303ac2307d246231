"""Real answers in a real ledger become real items of the catalogue, with a real model, and without it when it dies."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator.backends.clock import SystemClock
from hybrid_coordinator.backends.ledger.catalog import SqlCatalog
from hybrid_coordinator.backends.ledger.database import Database
from hybrid_coordinator.backends.ledger.sql import SqlLedger
from hybrid_coordinator.backends.models.engine import EnginePolicy, LlamaCppEngine
from hybrid_coordinator.backends.models.llamacpp import LlamaCppModel
from hybrid_coordinator.backends.models.llamacpp_process import Weights
from hybrid_coordinator.backends.models.streaming import Patience
from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind, ValueScore
from hybrid_coordinator.domain.learning import Learned, Stage
from hybrid_coordinator.domain.query import Prompt, Spoken
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.flows.extracting import Extractor
from hybrid_coordinator.flows.extracting_patterns import PatternMaker, StrategyBook
from hybrid_coordinator.logic.extraction_check import STRATEGIES
from hybrid_coordinator.logic.extraction_policy import ExtractionPolicy
from hybrid_coordinator.logic.screening import screen
from hybrid_coordinator.logic.strategies import rank_strategies
from hybrid_coordinator.logic.support import Source
from servers import smollm2

QUERY = "How do I rotate the registry credentials?"
RESPONSE = """1. Run `registry-rotate --now` on the host.
2. Restart the puller.
3. Check that the puller is ready.
```sh
systemctl restart puller
```
"""


def turn_of(strategy: str) -> str:
    """The name of an interaction that this strategy is tried first for."""
    return next(str(n) for n in range(200) if rank_strategies({}, STRATEGIES, str(n), 4)[0] == strategy)


@dataclass
class Told:
    """A model that is passed on as it is; what was said first calls for `then`."""

    model: LlamaCppModel
    then: Any = None
    pieces: int = 0

    @property
    def card(self) -> ModelCard:
        return self.model.card

    async def stream(self, prompt: Prompt) -> Any:
        async with aclosing(self.model.stream(prompt)) as pieces:
            async for piece in pieces:
                yield self._count(piece)

    def _count(self, piece: Spoken) -> Spoken:
        self.pieces += 1
        if self.pieces == 5 and self.then:
            self.then()
        return piece

    async def check(self) -> None:
        await self.model.check()

    async def aclose(self) -> None:
        await self.model.aclose()


CARD = ModelCard("small", Location.LOCAL, context_tokens=2048)


@asynccontextmanager
async def small_model() -> AsyncIterator[tuple[LlamaCppModel, LlamaCppEngine]]:
    engine = LlamaCppEngine(Weights(smollm2(), CARD.name, CARD.context_tokens, slots=1), SystemClock(), EnginePolicy())
    async with aclosing(LlamaCppModel(CARD, engine, Patience())) as model:
        yield model, engine


async def extract(folder: Path, model: Told, name: str) -> Learned:
    """What the step makes of one stored interaction, as the catalogue has it after it was opened anew."""
    url = f"sqlite:///{folder / 'ledger.sqlite'}"
    clock = SystemClock()
    async with aclosing(await Database.open(url)) as database:
        ledger, catalog = SqlLedger(database), SqlCatalog(database)
        policy = ExtractionPolicy(max_tokens=120, model_timeout_s=120.0)
        maker = PatternMaker([model], StrategyBook(catalog, ledger, clock, 300.0), policy, busy=lambda: False)
        step = Extractor(ledger, catalog, maker, clock, _note, screen, policy, high_value=0.7)
        asked = datetime(2026, 1, 1, tzinfo=UTC)
        await ledger.append(Interaction(name, asked, QUERY, RESPONSE, AgentType.REMOTE, "away"))
        await ledger.settle(name, Outcome(OutcomeKind.SUCCESS, 1), ValueScore(0.86, {}, {}), clock.now())
        worked = await step.work()
        assert (worked.done, worked.counts) == (1, {"learn": 1})
        assert (await step.work()).done == 0
    async with aclosing(await Database.open(url)) as database:
        [item] = await SqlCatalog(database).browse(limit=10)
        return item


async def _note(kind: str, **fields: Any) -> None:
    assert kind in ("learning_triggered", "pattern_stored")


@pytest.mark.parametrize("strategy", ("extract_skill_v1", "extract_skill_v3"))
async def test_a_stored_answer_becomes_a_skill_that_says_nothing_else(tmp_path: Path, strategy: str) -> None:
    async with small_model() as (small, _):
        told = Told(small)

        item = await extract(tmp_path, told, turn_of(strategy))

    source = Source(RESPONSE)
    assert told.pieces > 5
    assert item.draft.payload["strategy_tried"] == strategy
    assert item.stage is Stage.CANDIDATE
    steps = [line.partition(". ")[2] for line in item.draft.payload["usage_pattern"].splitlines()]
    assert steps
    assert all(source.supports(step) for step in steps)


async def test_a_model_that_is_killed_while_it_extracts_leaves_the_copy(tmp_path: Path) -> None:
    async with small_model() as (small, engine):
        told = Told(small, then=lambda: _kill(engine))

        item = await extract(tmp_path, told, turn_of("extract_skill_v1"))

    assert told.pieces >= 5
    assert (item.strategy, item.draft.payload["strategy_tried"]) == ("extractive", "extractive")
    assert "Restart the puller." in item.draft.payload["usage_pattern"]


def _kill(engine: LlamaCppEngine) -> None:
    assert engine.process_id
    os.kill(engine.process_id, signal.SIGKILL)
