"""Read files into the collections, once, and again only what changed."""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from hashlib import sha256

import anyio.to_thread

from hybrid_coordinator.domain.indexing import (
    FoundFile,
    Indexed,
    IndexEvent,
    IndexSummary,
    Place,
    Removed,
    Skipped,
    SkipReason,
    SkipTally,
    Unchanged,
    Walked,
)
from hybrid_coordinator.domain.knowledge import Collection, Draft, Source
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.errors import NotFound
from hybrid_coordinator.flows.storing import put_drafts
from hybrid_coordinator.logic.provenance import ProvenancePolicy, file_origin
from hybrid_coordinator.logic.readable import read_text, refuse_name
from hybrid_coordinator.logic.redaction import redact
from hybrid_coordinator.logic.splitting import SPLITTER_VERSION, split_file
from hybrid_coordinator.ports import Clock, Embedder, Files, Knowledge, Ledger

BATCH = 64
"""Keys embedded at once, from as many files as it takes."""
EXAMPLES = 5
ORDINARY = ProvenancePolicy()
_UNSETTLED = ""
"""The content hash of a file whose passages are being changed: no file has it, so an interrupted run is made good."""


@dataclass(frozen=True, slots=True)
class _Work:
    """A changed file: what was known of it, and what it holds now."""

    before: Source | None
    after: Source
    drafts: Sequence[Draft]
    redacted: Mapping[str, int]


@dataclass(slots=True)
class _Tally:
    """The figures of a run as they come in."""

    started: float
    seen: int = 0
    indexed: int = 0
    unchanged: int = 0
    removed: int = 0
    skipped: Counter[SkipReason] = field(default_factory=Counter)
    examples: dict[SkipReason, list[str]] = field(default_factory=dict)
    passages: Counter[Collection] = field(default_factory=Counter)
    redacted: Counter[str] = field(default_factory=Counter)

    def count(self, skipped: Skipped) -> Skipped:
        self.skipped[skipped.reason] += 1
        examples = self.examples.setdefault(skipped.reason, [])
        if len(examples) < EXAMPLES:
            examples.append(skipped.path)
        return skipped

    def summary(self, roots: Iterable[str], now: float) -> IndexSummary:
        tallies = {
            reason: SkipTally(count, tuple(self.examples[reason])) for reason, count in self.skipped.most_common()
        }
        return IndexSummary(
            roots=tuple(roots),
            seen=self.seen,
            indexed=self.indexed,
            unchanged=self.unchanged,
            removed=self.removed,
            skipped=tallies,
            passages=dict(self.passages),
            redacted=dict(self.redacted),
            seconds=now - self.started,
        )


@dataclass(slots=True)
class _Walk:
    """What was met below the places: in which order, under which roots, and where nothing could be seen."""

    files: dict[FoundFile, None] = field(default_factory=dict)
    skipped: dict[tuple[str, str], Skipped] = field(default_factory=dict)
    hidden: list[Skipped] = field(default_factory=list)
    roots: dict[str, None] = field(default_factory=dict)

    def note(self, met: FoundFile | Skipped) -> None:
        self.roots[met.root] = None
        if isinstance(met, FoundFile):
            self.files[met] = None
            return
        self.files.pop(FoundFile(met.root, met.path), None)
        self.skipped[met.root, met.path] = met
        if met.reason is SkipReason.UNREADABLE:
            self.hidden.append(met)

    def is_gone(self, source: Source) -> bool:
        """Whether a file that was indexed cannot be any more. One that only cannot be read now is kept as it was."""
        if FoundFile(source.root, source.path) in self.files:
            return False
        return not any(_covers(skipped, source) for skipped in self.hidden)


def _covers(skipped: Skipped, source: Source) -> bool:
    if skipped.root != source.root:
        return False
    folder = "" if skipped.path == "./" else skipped.path
    return source.path == skipped.path or (skipped.path.endswith("/") and source.path.startswith(folder))


class Indexer:
    """Keeps the collections equal to the files they were made from.

    A root is the top of a git repository, else the folder that was named first; a file belongs to one root only. Each
    file passes through four steps, in this order, so that a run killed anywhere is made good by the next: record old
    and new passage ids without a hash; store the new passages; remove the old ones; record the hash.
    """

    def __init__(
        self,
        files: Files,
        knowledge: Knowledge,
        embedder: Embedder,
        ledger: Ledger,
        clock: Clock,
        provenance: ProvenancePolicy = ORDINARY,
        note_change: Callable[[], None] | None = None,
    ) -> None:
        """`note_change` is called when files were read anew or forgotten."""
        self._provenance = provenance
        self._note_change = note_change
        self._files = files
        self._knowledge = knowledge
        self._embedder = embedder
        self._ledger = ledger
        self._clock = clock

    async def index(self, paths: Sequence[str]) -> AsyncGenerator[IndexEvent, None]:
        """Index files and folders, and forget what is gone below them; the summary comes last.

        Whatever was yielded is stored, so a run may be closed anywhere and another goes on from there. Raises NotFound
        for a path that does not exist and was never indexed; what the embedder and the stores raise ends the run.
        """
        tally = _Tally(self._clock.monotonic())
        places = await self._locate(paths)
        walk = await self._walk(places)
        yield Walked(len(walk.files))
        for skipped in walk.skipped.values():
            yield tally.count(skipped)
        async with aclosing(self._take_in(walk, tally)) as events:
            async for event in events:
                yield event
        async with aclosing(self._forget_gone(places, walk, tally)) as removals:
            async for removal in removals:
                yield removal
        roots = dict.fromkeys((*(place.root for place in places), *walk.roots))
        if self._note_change is not None:
            self._note_change()
        yield tally.summary(roots, self._clock.monotonic())

    async def _locate(self, paths: Sequence[str]) -> list[Place]:
        """The places, shorter paths first, so that a folder inside another belongs to the outer one's root."""
        known = await self._ledger.roots()
        places: list[Place] = []
        for path in sorted(paths, key=len):
            place = await self._files.locate(path, [*known, *(place.root for place in places)])
            if place.missing and not await self._sources_in(place):
                raise NotFound(f"no file or folder {path!r}, and none was indexed there; check the spelling")
            places.append(place)
        return places

    async def _sources_in(self, place: Place) -> list[Source]:
        sources = await self._ledger.sources(place.root)
        return [source for source in sources if _lies_in(source.path, place.under)]

    async def _walk(self, places: Sequence[Place]) -> _Walk:
        walk = _Walk()
        for place in places:
            async with aclosing(self._files.walk(place)) as met:
                async for one in met:
                    walk.note(one)
        return walk

    async def _take_in(self, walk: _Walk, tally: _Tally) -> AsyncGenerator[IndexEvent, None]:
        """Read every file, and store the changed ones as soon as there are enough keys for a batch."""
        known = {(one.root, one.path): one for root in walk.roots for one in await self._ledger.sources(root)}
        waiting: list[_Work] = []
        for file in list(walk.files):
            tally.seen += 1
            outcome = await self._read(file, known.get((file.root, file.path)))
            if isinstance(outcome, Skipped):
                walk.note(outcome)
                yield tally.count(outcome)
            elif isinstance(outcome, Unchanged):
                tally.unchanged += 1
                yield outcome
            else:
                waiting.append(outcome)
            if sum(len(work.drafts) for work in waiting) >= BATCH:
                for work in await self._store(waiting, tally):
                    yield work
                waiting = []
        for work in await self._store(waiting, tally):
            yield work

    async def _read(self, file: FoundFile, before: Source | None) -> _Work | Skipped | Unchanged:
        refused = refuse_name(file.path)
        if refused:
            return Skipped(file.root, file.path, refused)
        data = await self._files.read(file)
        if isinstance(data, Skipped):
            return data
        origin = file_origin(file.path, self._provenance)
        content_hash = f"{SPLITTER_VERSION}:{origin.value}:{sha256(data).hexdigest()}"
        if before is not None and before.content_hash == content_hash:
            return Unchanged(file.root, file.path)
        text = read_text(data)
        if isinstance(text, SkipReason):
            return Skipped(file.root, file.path, text)
        # a long file takes its time, and others are waiting for their answers on this loop
        return await anyio.to_thread.run_sync(_split, file, before, content_hash, text, origin)

    async def _store(self, waiting: Sequence[_Work], tally: _Tally) -> list[Indexed]:
        for work in waiting:
            await self._ledger.put_source(_unsettled(work))
        drafts = [draft for work in waiting for draft in work.drafts]
        await put_drafts(drafts, self._embedder, self._knowledge, batch=BATCH)
        await self._knowledge.remove([id for work in waiting for id in _stale(work)])
        for work in waiting:
            await self._ledger.put_source(work.after)
            tally.indexed += 1
            tally.passages.update(draft.collection for draft in work.drafts)
            tally.redacted.update(work.redacted)
        return [Indexed(work.after.root, work.after.path, len(work.drafts)) for work in waiting]

    async def _forget_gone(
        self, places: Sequence[Place], walk: _Walk, tally: _Tally
    ) -> AsyncGenerator[IndexEvent, None]:
        for source in await self._expected(places, walk):
            if walk.is_gone(source):
                await self._forget(source, tally)
                yield Removed(source.root, source.path)

    async def _expected(self, places: Sequence[Place], walk: _Walk) -> list[Source]:
        """What was indexed at or below the places before, under their roots and under roots inside them."""
        expected = {(one.root, one.path): one for place in places for one in await self._sources_in(place)}
        for root in await self._ledger.roots():
            if any(_lies_inside(root, place) for place in places) and not await self._stands_apart(root, places, walk):
                expected |= {(one.root, one.path): one for one in await self._ledger.sources(root)}
        return list(expected.values())

    async def _stands_apart(self, root: str, places: Sequence[Place], walk: _Walk) -> bool:
        """Whether a root is a repository that the walk had no business in: an ignored one, indexed by its own name."""
        if root in walk.roots:
            return False
        home = await self._files.locate(root, [*(place.root for place in places), root])
        return home.root == root and not home.missing

    async def _forget(self, source: Source, tally: _Tally) -> None:
        """Passages first: killed in between, the record still says what to remove."""
        await self._knowledge.remove(source.passage_ids)
        await self._ledger.remove_source(source.root, source.path)
        tally.removed += 1


def _split(file: FoundFile, before: Source | None, content_hash: str, text: str, origin: Origin) -> _Work:
    redacted = redact(text)
    drafts = [_bind(draft, origin) for draft in split_file(file.root, file.path, redacted.text)]
    after = Source(file.root, file.path, content_hash, tuple(draft.id for draft in drafts))
    return _Work(before, after, drafts, redacted.counts)


def _bind(draft: Draft, origin: Origin) -> Draft:
    return replace(draft, payload={**draft.payload, "origin": origin.value})


def _unsettled(work: _Work) -> Source:
    """All passages the file may have while they change hands."""
    old = work.before.passage_ids if work.before else ()
    both = tuple(dict.fromkeys((*old, *work.after.passage_ids)))
    return Source(work.after.root, work.after.path, _UNSETTLED, both)


def _stale(work: _Work) -> list[str]:
    kept = set(work.after.passage_ids)
    return [id for id in (work.before.passage_ids if work.before else ()) if id not in kept]


def _lies_in(path: str, under: str) -> bool:
    return not under or path == under or path.startswith(f"{under}/")


def _lies_inside(root: str, place: Place) -> bool:
    """Whether another root lies at or below a place."""
    folder = f"{place.root}/{place.under}".rstrip("/")
    return root != place.root and (root == folder or root.startswith(f"{folder}/"))
