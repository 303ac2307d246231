"""Read what may be taught out of the ledger and the catalog, and set it aside row by row."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import anyio.to_thread

from hybrid_coordinator.domain.interaction import Correction, Interaction, PreferencePair
from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.domain.learning import SERVED, Learned
from hybrid_coordinator.domain.trust import may_teach
from hybrid_coordinator.logic.dataset_card import DatasetPolicy, Gathered
from hybrid_coordinator.logic.dataset_selection import sketch_pair, sketch_row
from hybrid_coordinator.logic.preferences import CORRECTION, EDIT, pair_json, why_unpaired
from hybrid_coordinator.logic.training_rows import (
    IMPORT,
    TrainingRow,
    correction_row,
    imported_row,
    interaction_row,
    row_json,
    why_unfit,
    why_unteachable,
)
from hybrid_coordinator.ports import Annals, Catalog, DatasetDraft, Ledger

PAGE = 200
"""Records read at once: their texts are all of the ledger that is in memory."""

T = TypeVar("T")


class Gatherer:
    """Fills one draft. Corrections come first, then what was imported, then interactions from the newest on."""

    def __init__(
        self, ledger: Ledger, annals: Annals, catalog: Catalog, draft: DatasetDraft, policy: DatasetPolicy
    ) -> None:
        self._ledger = ledger
        self._annals = annals
        self._catalog = catalog
        self._draft = draft
        self._policy = policy
        self._excluded: Mapping[str, str] = {}
        self._taken_back: set[str] = set()
        self._corrected: set[str] = set()
        self._gathered = Gathered()

    async def gather(self) -> Gathered:
        """Look at everything once."""
        self._excluded = await self._ledger.excluded()
        await self._gather_corrections()
        await self._gather_imports()
        await self._gather_interactions()
        await self._gather_pairs()
        return self._gathered

    async def _gather_corrections(self) -> None:
        async for page in _pages(lambda before: self._annals.corrected(before=before, limit=PAGE)):
            ids = [one.interaction_id for one in page if one.interaction_id is not None]
            self._corrected.update(ids)
            answered = {one.id: one for one in await self._ledger.get_all(ids)}
            items = {item.id: item for item in await self._catalog.get([one.id for one in page])}
            good = [one for one in page if self._is_good(one, items.get(one.id))]
            await self._keep(good, partial(_correction_row, answered))

    def _is_good(self, correction: Correction, item: Learned | None) -> bool:
        """Liked, and neither held back, nor taken back, nor replaced since: the catalogue knows."""
        reason = "excluded" if correction.interaction_id in self._excluded else ""
        reason = reason or ("disliked correction" if correction.rating < 0 else "")
        reason = reason or ("" if may_teach(correction.origin) else "untrusted origin")
        return self._passes(reason or ("" if item is None or item.served else f"{item.stage.value} correction"))

    async def _gather_imports(self) -> None:
        after: str | None = None
        while page := await self._catalog.browse(tuple(SERVED), limit=PAGE, after=after):
            imported = [item for item in page if item.strategy == IMPORT]
            fit = [item for item in imported if self._passes("" if may_teach(item.origin) else "untrusted origin")]
            await self._keep(fit, imported_row)
            after = page[-1].id

    async def _gather_interactions(self) -> None:
        least = self._policy.least_value
        async for page in _pages(lambda before: self._annals.successes(min_value=least, before=before, limit=PAGE)):
            room = self._policy.most_rows - len(self._gathered.sketches)
            if room <= 0:
                self._gathered.cut = True
                return
            fit = [one for one in page if self._passes(self._why_unfit(one))][:room]
            learned = await self._learned(fit)
            await self._keep(fit, partial(_interaction_row, learned))

    def _why_unfit(self, interaction: Interaction) -> str:
        corrected = "corrected" if interaction.id in self._corrected else ""
        return why_unfit(interaction, self._policy.least_value, self._excluded) or corrected

    async def _learned(self, interactions: Sequence[Interaction]) -> Mapping[str, tuple[Learned, ...]]:
        """What each was answered with, of all that was learned, and what was made of it."""
        used = {passage_id for one in interactions for passage_id in one.context_provided}
        items = {item.id: item for item in await self._catalog.get(sorted(used))}
        made = await self._catalog.learned_from([one.id for one in interactions])
        return {
            one.id: (
                *(items[passage_id] for passage_id in one.context_provided if passage_id in items),
                *(item for item in made if one.id in item.learned_from),
            )
            for one in interactions
        }

    async def _gather_pairs(self) -> None:
        room = self._policy.most_rows
        async for page in _pages(lambda before: self._annals.preferred(before=before, limit=PAGE)):
            if room <= 0:
                self._gathered.cut = True
                return
            ids = {one for pair in page for one in (pair.chosen_id, pair.rejected_id)}
            halves = {one.id: one for one in await self._ledger.get_all(sorted(ids))}
            taught = await self._catalog.get([pair.chosen_id for pair in page if pair.why in (CORRECTION, EDIT)])
            self._taken_back = {item.id for item in taught if not item.served}
            await self._keep_pairs(page[:room], halves)
            room -= len(page)

    async def _keep(self, records: Sequence[T], make: Callable[[T], TrainingRow]) -> None:
        looked_at = await anyio.to_thread.run_sync(lambda: [_look_at(make(record)) for record in records])
        kept = [(row, written) for row, written, reason in looked_at if self._passes(reason)]
        await self._draft.set_aside([written for _, written in kept])
        for row, _ in kept:
            self._gathered.sketches.append(sketch_row(row, len(self._gathered.sketches)))
            self._gathered.redacted.update(row.redacted)

    def _why_not(self, pair: PreferencePair, halves: Mapping[str, Interaction]) -> str:
        if pair.chosen_id in self._taken_back:
            return "taken back since"
        return why_unpaired(pair, halves, self._excluded)

    async def _keep_pairs(self, pairs: Sequence[PreferencePair], halves: Mapping[str, Interaction]) -> None:
        reasons = await anyio.to_thread.run_sync(lambda: [self._why_not(one, halves) for one in pairs])
        kept = [pair for pair, reason in zip(pairs, reasons, strict=True) if not reason]
        self._gathered.pairs_left_out.update(reason for reason in reasons if reason)
        await self._draft.set_aside([pair_json(pair) for pair in kept])
        for pair in kept:
            self._gathered.sketches.append(sketch_pair(pair, len(self._gathered.sketches)))

    def _passes(self, reason: str) -> bool:
        if reason:
            self._gathered.left_out[reason] += 1
        return not reason


def _correction_row(answered: Mapping[str, Interaction], correction: Correction) -> TrainingRow:
    return correction_row(correction, answered.get(correction.interaction_id or ""))


def _interaction_row(learned: Mapping[str, tuple[Learned, ...]], interaction: Interaction) -> TrainingRow:
    return interaction_row(interaction, learned[interaction.id])


def _look_at(row: TrainingRow) -> tuple[TrainingRow, Payload, str]:
    """The row, as it is written, and why it is not."""
    return row, row_json(row), why_unteachable(row.question, row.answer)


async def _pages(turn: Callable[[int | None], Awaitable[list[tuple[int, T]]]]) -> AsyncGenerator[list[T]]:
    """Pages from the newest to the oldest."""
    before: int | None = None
    while page := await turn(before):
        before = page[-1][0]
        yield [record for _, record in page]
