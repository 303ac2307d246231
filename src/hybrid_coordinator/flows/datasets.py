"""Write what is worth learning as fine-tuning data: rows, preference pairs, and a card that says what they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import anyio.to_thread

from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.domain.learning import Worked
from hybrid_coordinator.errors import Conflict
from hybrid_coordinator.flows.dataset_gathering import Gatherer
from hybrid_coordinator.flows.journal import Note
from hybrid_coordinator.logic.dataset_card import Contents, DatasetPolicy, Gathered, card_page, dataset_card
from hybrid_coordinator.logic.dataset_selection import Selection, Sketch, group, select
from hybrid_coordinator.logic.dataset_splits import SPLITS, placed, split
from hybrid_coordinator.ports import Annals, Catalog, Clock, DatasetDraft, Datasets, Ledger

PREFERENCES = "preferences"
"""The part of a dataset that holds the pairs."""

BATCH = 200


@dataclass(frozen=True, slots=True)
class Exported:
    """Where the dataset lies, how many rows and pairs it holds, and the hash of both."""

    dataset_path: Path
    rows: int
    pairs: int = 0
    splits: Mapping[str, int] = field(default_factory=dict)
    content_hash: str = ""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What goes into the dataset, and into which split."""

    selection: Selection
    groups: Sequence[Sequence[Sketch]]
    splits: Mapping[int, str]


class Exporter:
    """Makes the dataset anew each time. Of the same records it makes the same files, and leaves them as they are."""

    def __init__(
        self,
        ledger: Ledger,
        annals: Annals,
        catalog: Catalog,
        datasets: Datasets,
        clock: Clock,
        policy: DatasetPolicy,
        note: Note,
    ) -> None:
        """`note` keeps an event: its kind, and its fields by name."""
        self._ledger = ledger
        self._annals = annals
        self._catalog = catalog
        self._datasets = datasets
        self._clock = clock
        self._policy = policy
        self._note = note
        self._looked_at: datetime | None = None

    async def export(self) -> Exported:
        """Write the dataset. Raises StorageFull, which leaves the old one whole, and Conflict while one is written."""
        async with self._datasets.draft() as draft:
            gatherer = Gatherer(self._ledger, self._annals, self._catalog, draft, self._policy)
            gathered = await gatherer.gather()
            plan = await anyio.to_thread.run_sync(_plan, gathered, self._policy)
            contents = await _write(draft, plan)
            card = dataset_card(contents, gathered, plan.selection, plan.groups, self._policy, self._clock.now())
            path = await draft.publish(card, card_page(card))
        self._looked_at = self._clock.now()
        return Exported(path, card["rows"], card["preference_pairs"], card["splits"], contents.hash)

    async def work(self) -> Worked:
        """Export when it is due: for the first time, and then every so often. Part of `train`."""
        if not await self._is_due():
            return Worked()
        before = await self._datasets.card()
        try:
            made = await self.export()
        except Conflict:  # somebody else is writing it just now
            return Worked()
        if before is None or before.get("content_hash") != made.content_hash:
            await self._note("dataset_updated", rows=made.rows, pairs=made.pairs, content_hash=made.content_hash)
        return Worked(1, counts={"dataset_rows": made.rows, "preference_pairs": made.pairs}, detail=made.content_hash)

    async def _is_due(self) -> bool:
        """A dataset from the future is one from a clock that has gone back: it says nothing."""
        last = self._looked_at
        if last is None and (card := await self._datasets.card()) is not None:
            last = datetime.fromisoformat(card["made_at"])
        return last is None or not 0 <= (self._clock.now() - last).total_seconds() < self._policy.every_s


def _plan(gathered: Gathered, policy: DatasetPolicy) -> _Plan:
    selection = select(gathered.sketches, policy.duplicate_likeness)
    groups = group(selection, policy.duplicate_likeness)
    return _Plan(selection, groups, split(groups, policy.splitting))


async def _write(draft: DatasetDraft, plan: _Plan) -> Contents:
    """Every part, empty ones too: whoever trains finds the same files each time."""
    contents = Contents()
    for part in ("", *SPLITS, PREFERENCES):
        await draft.write(part, [])
    kept = plan.selection.kept
    for start in range(0, len(kept), BATCH):
        sketches = kept[start : start + BATCH]
        recalled = await draft.recall([sketch.number for sketch in sketches])
        rows = [_place(row, sketch, plan) for row, sketch in zip(recalled, sketches, strict=True)]
        for row in rows:
            contents.add(row)
        await _write_parts(draft, rows)
    return contents


def _place(row: Payload, sketch: Sketch, plan: _Plan) -> Payload:
    number, selection = sketch.number, plan.selection
    return placed(row, plan.splits[number], selection.others.get(number, ()), selection.merged.get(number, 0))


async def _write_parts(draft: DatasetDraft, rows: Sequence[Payload]) -> None:
    await draft.write(PREFERENCES, [row for row in rows if "messages" not in row])
    examples = [row for row in rows if "messages" in row]
    await draft.write("", examples)
    for name in SPLITS:
        await draft.write(name, [row for row in examples if row["metadata"]["split"] == name])
