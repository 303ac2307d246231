"""Which files were indexed, and what was made of them."""

from typing import Any

from sqlalchemy import and_, delete, select

from hybrid_coordinator.backends.ledger.database import Database, Kept, replacing
from hybrid_coordinator.backends.ledger.rows import source_values, to_source
from hybrid_coordinator.backends.ledger.tables import sources
from hybrid_coordinator.domain.knowledge import Source


class Sources(Kept):
    """One row for each file."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._put_source = replacing(database.insert(sources), ["root", "path"], ["content_hash", "passage_ids"])

    async def source(self, root: str, path: str) -> Source | None:
        found = await self._database.all(select(sources).where(_is_source(root, path)))
        return to_source(found[0]) if found else None

    async def sources(self, root: str) -> list[Source]:
        """As the port says, by path."""
        query = select(sources).where(sources.c.root == root).order_by(sources.c.path)
        return await self._database.found(query, to_source)

    async def roots(self) -> list[str]:
        query = select(sources.c.root).distinct().order_by(sources.c.root)
        return [row.root for row in await self._database.all(query)]

    async def put_source(self, source: Source) -> None:
        await self._database.add((self._put_source, source_values(source)))

    async def remove_source(self, root: str, path: str) -> None:
        await self._database.run(delete(sources).where(_is_source(root, path)))


def _is_source(root: str, path: str) -> Any:
    return and_(sources.c.root == root, sources.c.path == path)
