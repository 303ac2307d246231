"""Take in questions that were answered before: a file with one JSON object a line."""

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from hybrid_coordinator.domain.indexing import Imported, ImportEvent, ImportSummary, Malformed
from hybrid_coordinator.domain.knowledge import Collection, Draft, Passage
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.flows.storing import put_drafts
from hybrid_coordinator.logic.provenance import IMPORTS
from hybrid_coordinator.logic.question_answers import answer_draft, read_row, without_secrets
from hybrid_coordinator.ports import Clock, Embedder, Files, Knowledge

BATCH = 64
EXAMPLES = 20


@dataclass(slots=True)
class _Tally:
    """The figures of an import as they come in."""

    rows: int = 0
    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    malformed: list[Malformed] = field(default_factory=list)
    malformed_count: int = 0
    passages: Counter[Collection] = field(default_factory=Counter)
    redacted: Counter[str] = field(default_factory=Counter)

    def count(self, malformed: Malformed) -> Malformed:
        self.malformed_count += 1
        if len(self.malformed) < EXAMPLES:
            self.malformed.append(malformed)
        return malformed


class Importer:
    """Adds answers and replaces those whose question is asked again; it removes none."""

    def __init__(self, files: Files, knowledge: Knowledge, embedder: Embedder, clock: Clock) -> None:
        self._files = files
        self._knowledge = knowledge
        self._embedder = embedder
        self._clock = clock

    async def import_answers(self, path: str, *, untrusted: bool = False) -> AsyncGenerator[ImportEvent, None]:
        """Import what can be, say which lines cannot and why; the summary comes last.

        Importing a file twice changes nothing, and of equal questions the last answer counts. Raises NotFound or
        BadInput for a file that cannot be read. What an `untrusted` file says is found for context and teaches nothing.
        """
        origin = Origin.UNTRUSTED_DOCUMENT if untrusted else IMPORTS
        started = self._clock.monotonic()
        tally = _Tally()
        async with aclosing(self._files.lines(path)) as batches:
            async for lines in batches:
                drafts, malformed = _read(lines, path, origin, tally)
                for one in malformed:
                    yield tally.count(one)
                await self._store(drafts, tally)
                yield Imported(tally.rows)
        yield ImportSummary(
            path=path,
            rows=tally.rows,
            added=tally.added,
            replaced=tally.replaced,
            unchanged=tally.unchanged,
            malformed=tuple(tally.malformed),
            malformed_count=tally.malformed_count,
            passages=dict(tally.passages),
            redacted=dict(tally.redacted),
            seconds=self._clock.monotonic() - started,
        )

    async def _store(self, drafts: Sequence[Draft], tally: _Tally) -> None:
        stored = {passage.id: passage for passage in await self._knowledge.get([draft.id for draft in drafts])}
        changed = [draft for draft in drafts if not _holds(stored.get(draft.id), draft)]
        await put_drafts(changed, self._embedder, self._knowledge, batch=BATCH)
        tally.added += sum(draft.id not in stored for draft in changed)
        tally.replaced += sum(draft.id in stored for draft in changed)
        tally.unchanged += len(drafts) - len(changed)
        tally.passages.update(draft.collection for draft in changed)


def _read(lines: Sequence[bytes], path: str, origin: Origin, tally: _Tally) -> tuple[list[Draft], list[Malformed]]:
    """The drafts of some lines, each id once, and the lines that hold none; blank lines are passed over."""
    drafts: dict[str, Draft] = {}
    malformed: list[Malformed] = []
    for line in lines:
        tally.rows += 1
        if not line.strip():
            continue
        try:
            pairs = read_row(line)
        except ValueError as error:
            malformed.append(Malformed(tally.rows, str(error)))
            continue
        for pair in pairs:
            clean, redacted = without_secrets(pair)
            tally.redacted.update(redacted)
            draft = answer_draft(clean, f"answers:{path}", origin)
            drafts[draft.id] = draft
    return list(drafts.values()), malformed


def _holds(stored: Passage | None, draft: Draft) -> bool:
    """Whether the store has it already; what was learned about it since, such as its success count, is left alone."""
    if stored is None or stored.text != draft.text:
        return False
    return all(stored.payload.get(name) == draft.payload[name] for name in ("tags", "origin"))
