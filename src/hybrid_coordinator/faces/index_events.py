"""The events of an index or import run as JSON objects, one a line."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from hybrid_coordinator.domain.indexing import (
    Imported,
    ImportEvent,
    ImportSummary,
    Indexed,
    IndexEvent,
    IndexSummary,
    Malformed,
    Removed,
    Skipped,
    Unchanged,
    Walked,
)

_NAMES: dict[type[IndexEvent | ImportEvent], str] = {
    Walked: "walked",
    Indexed: "indexed",
    Unchanged: "unchanged",
    Removed: "removed",
    Skipped: "skipped",
    IndexSummary: "summary",
    Malformed: "malformed",
    Imported: "imported",
    ImportSummary: "summary",
}


def encode_index_event(event: IndexEvent | ImportEvent) -> dict[str, Any]:
    """An event with its kind under `event`; enums become their words."""
    return {"event": _NAMES[type(event)]} | asdict(event)


async def encode_index_run(run: AsyncGenerator[IndexEvent | ImportEvent, None]) -> AsyncGenerator[dict[str, Any], None]:
    """A run's events, encoded as they come."""
    async with aclosing(run) as events:
        async for event in events:
            yield encode_index_event(event)
