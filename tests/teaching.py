"""A real ledger with what may, and may not, be taught, for tests of what is made of it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hybrid_coordinator.backends.datasets.jsonl import JsonlDataset
from hybrid_coordinator.backends.ledger.annals import SqlAnnals
from hybrid_coordinator.backends.ledger.catalog import SqlCatalog
from hybrid_coordinator.backends.ledger.database import Database
from hybrid_coordinator.backends.ledger.sql import SqlLedger
from hybrid_coordinator.domain.interaction import AgentType, Correction, Interaction, Outcome, OutcomeKind, ValueScore
from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.domain.learning import Learned, Stage
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.flows.datasets import Exporter
from hybrid_coordinator.logic.dataset_card import DatasetPolicy
from hybrid_coordinator.testing import ManualClock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SUCCESS = Outcome(OutcomeKind.SUCCESS)
FAILURE = Outcome(OutcomeKind.FAILURE)


def answered(
    number: int,
    query: str = "How do I restart the web server?",
    response: str = "Run systemctl restart nginx as root.",
    *,
    outcome: Outcome | None = SUCCESS,
    value: float | None = 0.8,
    session: str | None = None,
    **others: Any,
) -> Interaction:
    """An interaction that took place that many minutes after noon."""
    at = NOON + timedelta(minutes=number)
    return Interaction(
        id=f"answer-{number}",
        created_at=at,
        query=query,
        response=response,
        agent_type=AgentType.LOCAL,
        model_used="small",
        session_id=session,
        outcome=outcome,
        settled_at=at if outcome else None,
        value=None if value is None else ValueScore(value, {}, {}),
        **others,
    )


def corrected(
    number: int, text: str = "Run systemctl reload nginx.", *, of: Interaction | None = None, **others: Any
) -> Correction:
    """What a person said is right, that many minutes after noon."""
    query = of.query if of else "How do I restart the web server?"
    interaction_id = of.id if of else None
    at = NOON + timedelta(minutes=number)
    return Correction(f"correction-{number}", at, query, text, interaction_id=interaction_id, **others)


def learned(item_id: str, question: str, answer: str, **others: Any) -> Learned:
    """Something imported, unless `others` say otherwise."""
    draft = Draft(item_id, Collection.PRACTICES, question, f"{question}\n\n{answer}", {}, "import:/docs/FAQ.md#FAQ")
    told = {"stage": Stage.CANDIDATE, "origin": Origin.TOOL_OUTPUT_INTERNAL, "strategy": "import", **others}
    return Learned(
        id=item_id, draft=draft, learned_from=("import:/docs/FAQ.md",), created_at=NOON, changed_at=NOON, **told
    )


@dataclass
class Classroom:
    """A ledger on disk with everything that reads it."""

    folder: Path
    ledger: SqlLedger
    annals: SqlAnnals
    catalog: SqlCatalog
    clock: ManualClock = field(default_factory=ManualClock)

    @property
    def path(self) -> Path:
        return self.folder / "dataset.jsonl"

    def exporter(self, policy: DatasetPolicy | None = None) -> Exporter:
        dataset = JsonlDataset(self.path)
        return Exporter(self.ledger, self.annals, self.catalog, dataset, self.clock, policy or DatasetPolicy(), _note)

    async def record(self, *interactions: Interaction) -> None:
        for interaction in interactions:
            await self.ledger.append(interaction)
            if interaction.outcome and interaction.value and interaction.settled_at:
                outcome, value, at = interaction.outcome, interaction.value, interaction.settled_at
                await self.ledger.settle(interaction.id, outcome, value, at)


async def _note(kind: str, **fields: object) -> None:
    """Nobody reads the events here."""


@asynccontextmanager
async def open_classroom(folder: Path) -> AsyncGenerator[Classroom]:
    """A classroom in an empty folder."""
    database = await Database.open(f"sqlite:///{folder / 'ledger.sqlite'}")
    classroom = Classroom(folder, SqlLedger(database), SqlAnnals(database), SqlCatalog(database))
    try:
        yield classroom
    finally:
        await classroom.ledger.aclose()
