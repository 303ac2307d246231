"""Take in what FAQ and troubleshooting documents answer: training rows from the first day, and context at once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio.to_thread

from hybrid_coordinator.domain.indexing import FoundFile, Skipped
from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.domain.learning import Change, Learned, Stage
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.logic.dataset_seeds import file_source, read_seeds, seed_changes, seed_item
from hybrid_coordinator.logic.provenance import IMPORTS
from hybrid_coordinator.logic.training_rows import imported_row, row_json
from hybrid_coordinator.ports import Catalog, Clock, Files


@dataclass(slots=True)
class SeedSummary:
    """What came of some documents: how many questions each answers, and what changed in the catalog."""

    seeds: dict[str, int] = field(default_factory=dict)
    added: int = 0
    changed: int = 0
    retired: int = 0
    quarantined: int = 0
    unchanged: int = 0


class DocumentImporter:
    """Keeps what the documents answer in the catalog, from where it is published and exported. Reading a document again
    changes nothing but what changed in it."""

    def __init__(self, files: Files, catalog: Catalog, clock: Clock) -> None:
        self._files = files
        self._catalog = catalog
        self._clock = clock

    async def import_documents(
        self, paths: Sequence[str], *, verified: bool = False, trusted: bool = True
    ) -> SeedSummary:
        """Take in Markdown files. `verified` says that somebody tried the answers; those of a file that is not
        `trusted` wait for a person.

        Each file is taken in whole or not at all. Raises NotFound or BadInput for a file that cannot be read.
        """
        summary = SeedSummary()
        for path in paths:
            source, items = await self._read(path, verified=verified, trusted=trusted)
            known = await self._catalog.learned_from([file_source(source)])
            changes = seed_changes(known, items, self._clock.now())
            await self._catalog.apply(changes, self._clock.now())
            _count(summary, source, items, changes)
        return summary

    async def convert(self, paths: Sequence[str], *, verified: bool = False) -> list[Payload]:
        """The training rows of Markdown files, in their order, without taking anything in."""
        read = [await self._read(path, verified=verified, trusted=True) for path in paths]
        return [row_json(imported_row(item)) for _, items in read for item in items if item.served]

    async def _read(self, path: str, *, verified: bool, trusted: bool) -> tuple[str, list[Learned]]:
        """The file's full path, and what it answers."""
        place = await self._files.locate(path, ())
        if not place.under:
            raise BadInput(f"{path!r} is a folder; name the documents in it")
        content = await self._files.read(FoundFile(place.root, place.under))
        if isinstance(content, Skipped):
            raise BadInput(f"{path!r} cannot be read ({content.reason.value}: {content.detail}); name a Markdown file")
        source = f"{place.root}/{place.under}"
        origin = IMPORTS if trusted else Origin.UNTRUSTED_DOCUMENT
        seeds = await anyio.to_thread.run_sync(read_seeds, _decode(content, path))
        return source, [seed_item(seed, source, origin, self._clock.now(), verified=verified) for seed in seeds]


def _decode(content: bytes, path: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path!r} is not UTF-8 at byte {error.start}; convert it first") from error


def _count(summary: SeedSummary, source: str, items: Sequence[Learned], changes: Sequence[Change]) -> None:
    actions = Counter(change.action for change in changes)
    summary.seeds[source] = len(items)
    summary.added += actions["learn"]
    summary.changed += actions["supersede"]
    summary.retired += actions["retire"]
    summary.quarantined += sum(
        change.after is not None and change.after.stage is Stage.QUARANTINED for change in changes
    )
    summary.unchanged += len(items) - sum(change.action != "retire" for change in changes)
