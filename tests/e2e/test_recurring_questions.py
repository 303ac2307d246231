"""A question that comes again in other words, through the real ledger, catalogue, collections and embedder."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import timedelta
from pathlib import Path

from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.backends.knowledge.edge import EdgeKnowledge
from hybrid_coordinator.backends.ledger.agenda import SqlAgenda
from hybrid_coordinator.backends.ledger.catalog import SqlCatalog
from hybrid_coordinator.backends.ledger.database import Database
from hybrid_coordinator.backends.ledger.sql import SqlLedger
from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.domain.learning import SERVED, Learned
from hybrid_coordinator.flows.discovering import Discoverer
from hybrid_coordinator.flows.history import history_draft
from hybrid_coordinator.logic.discovery import DiscoveryPolicy
from hybrid_coordinator.ports import Catalog
from hybrid_coordinator.testing import ManualClock
from learned_items import NOON, SUCCESS, asked

FIX = "1. Run `nixos-rebuild switch --rollback` to get the old generation.\n2. Reboot and pick the entry that worked."
QUESTIONS = (
    "How do I roll NixOS back to the previous generation?",
    "how can i roll back nixos to the previous generation",
    "Rolling back NixOS to the previous generation, how?",
)


def success(number: int, question: str, answer: str) -> Interaction:
    return asked(f"i{number}", question, answer, outcome=SUCCESS, minutes=number, session=f"s{number}")


@asynccontextmanager
async def discovering(folder: Path, *interactions: Interaction) -> AsyncIterator[tuple[Discoverer, Catalog]]:
    """A discoverer over what was recorded and filed; closed, and opened again, it finds everything where it was."""
    embedder = MiniLmEmbedder()
    async with AsyncExitStack() as stack:
        database = await Database.open(f"sqlite:///{folder / 'ledger.db'}")
        ledger = await stack.enter_async_context(aclosing(SqlLedger(database)))
        knowledge = await stack.enter_async_context(
            aclosing(await EdgeKnowledge.open(folder / "knowledge", embedder.identity))
        )
        for one in interactions:
            await ledger.append(one)
        drafts = [history_draft(one) for one in interactions]
        await knowledge.put(drafts, await embedder.embed([draft.key for draft in drafts]))
        catalog, clock = SqlCatalog(database), ManualClock(NOON + timedelta(hours=1))
        agenda = SqlAgenda(database)
        yield Discoverer(ledger, catalog, agenda, knowledge, embedder, clock, DiscoveryPolicy()), catalog


async def served(catalog: Catalog) -> list[Learned]:
    return await catalog.browse(tuple(SERVED), limit=10)


async def test_one_question_in_three_wordings_becomes_one_skill_and_stays_one(tmp_path: Path) -> None:
    wordings = [success(number, question, FIX) for number, question in enumerate(QUESTIONS)]
    others = [success(9, "How do I add a user on NixOS?", "1. Set users.users.ada.isNormalUser to true.")]
    async with discovering(tmp_path, *wordings, *others) as (discoverer, catalog):
        await discoverer.work()
        (skill,) = await served(catalog)

    async with discovering(tmp_path) as (discoverer, catalog):
        again = await discoverer.work()
        kept = await served(catalog)

    assert skill.learned_from == ("i0", "i1", "i2")
    assert "nixos-rebuild switch --rollback" in skill.draft.text
    assert again.done == 0
    assert kept == [skill]
