"""Real repositories, real stores and an indexer over them, for tests of reading files."""

import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.backends.files.local import LocalFiles
from hybrid_coordinator.backends.knowledge.edge import EdgeKnowledge
from hybrid_coordinator.backends.ledger.sql import SqlLedger
from hybrid_coordinator.domain.indexing import ImportEvent, ImportSummary, IndexEvent, IndexSummary
from hybrid_coordinator.domain.knowledge import Collection, Passage
from hybrid_coordinator.flows.importing import Importer
from hybrid_coordinator.flows.ingest import Indexer
from hybrid_coordinator.ports import Embedder, Files, Knowledge, Ledger
from hybrid_coordinator.testing import HashEmbedder, ManualClock, MemoryKnowledge, MemoryLedger


@dataclass
class Library:
    """An indexer, and what it fills."""

    knowledge: Knowledge
    ledger: Ledger
    embedder: Embedder
    files: Files

    async def events(self, *paths: Path | str) -> list[IndexEvent]:
        indexer = Indexer(self.files, self.knowledge, self.embedder, self.ledger, ManualClock())
        async with aclosing(indexer.index([str(path) for path in paths])) as events:
            return [event async for event in events]

    async def index(self, *paths: Path | str) -> IndexSummary:
        summary = (await self.events(*paths))[-1]
        assert isinstance(summary, IndexSummary)
        return summary

    async def import_events(self, path: Path | str) -> list[ImportEvent]:
        importer = Importer(self.files, self.knowledge, self.embedder, ManualClock())
        async with aclosing(importer.import_answers(str(path))) as events:
            return [event async for event in events]

    async def import_answers(self, path: Path | str) -> ImportSummary:
        summary = (await self.import_events(path))[-1]
        assert isinstance(summary, ImportSummary)
        return summary

    async def passages(self) -> list[Passage]:
        """Everything that is stored."""
        found: list[Passage] = []
        for collection in Collection:
            after: str | None = None
            while True:
                page, after = await self.knowledge.browse(collection, limit=100, after=after)
                found += page
                if after is None:
                    break
        return found

    async def contents(self) -> dict[str, tuple[str, str]]:
        """Everything that is stored, to be compared: source and text by id."""
        return {passage.id: (passage.source, passage.text) for passage in await self.passages()}

    async def recorded(self) -> set[str]:
        """The ids of all passages that the ledger knows to come from a file."""
        roots = await self.ledger.roots()
        return {id for root in roots for source in await self.ledger.sources(root) for id in source.passage_ids}


def memory_library(files: Files | None = None) -> Library:
    return Library(MemoryKnowledge(), MemoryLedger(), HashEmbedder(), files or LocalFiles())


@asynccontextmanager
async def real_library(folder: Path, embedder: Embedder | None = None) -> AsyncIterator[Library]:
    """Embedded Qdrant and SQLite in a folder, and the built-in embedder unless another is given."""
    chosen = embedder or MiniLmEmbedder()
    folder.mkdir(exist_ok=True)
    ledger = await SqlLedger.open(f"sqlite:///{folder / 'ledger.sqlite'}")
    knowledge = await EdgeKnowledge.open(folder / "knowledge", chosen.identity)
    try:
        yield Library(knowledge, ledger, chosen, LocalFiles())
    finally:
        await knowledge.aclose()
        await ledger.aclose()
        await chosen.aclose()


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def make_repository(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True, timeout=30)
    return write_files(folder, files)
