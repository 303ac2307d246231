"""Answer a question again without asking a model again, as often as an error budget allows."""

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from hybrid_coordinator.domain.caching import (
    CachedAnswer,
    CacheEntry,
    CacheKey,
    Layer,
    Neighbour,
    Observation,
    Verdict,
)
from hybrid_coordinator.domain.knowledge import Vector
from hybrid_coordinator.errors import Unavailable
from hybrid_coordinator.logic.cache_agreement import agree
from hybrid_coordinator.logic.cache_budget import Tally, due, needed_chance, overspent
from hybrid_coordinator.logic.cache_decision import NEIGHBOURS, decide, usable
from hybrid_coordinator.logic.cache_eviction import choose_victims
from hybrid_coordinator.ports import Cache, Clock, Embedder

logger = logging.getLogger(__name__)

COMPARED_FROM = 0.6
"""Answers to questions less similar than this are not compared."""

MOST_OBSERVATIONS = 16
"""Of one entry; older ones are forgotten."""

NEWS_SIMILARITY = 0.7
"""From this on a passage may have something to say to a question."""

REMEMBERED_HITS = 10_000
"""So many hits can still be judged by their interaction."""

EVICTED_SHARE = 0.05
"""Of a full cache, at a time."""


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """`error_budget` is the share of all requests that may get a wrong answer; with 0 only the same question hits.

    `compare_answers`: a fresh answer is compared with those of the nearest entries, and teaches when to trust them.
    `shadow_share` of the hits are asked again.
    """

    enabled: bool = True
    semantic: bool = True
    error_budget: float = 0.01
    ttl_s: float = 7 * 86_400.0
    max_entries: int = 20_000
    compare_answers: bool = True
    shadow_share: float = 0.01


@dataclass(frozen=True, slots=True)
class _Served:
    """A hit that somebody may still judge."""

    entry_id: str
    similarity: float
    layer: Layer


class SemanticCache:
    """One policy over one store. What fails here costs a hit, never an answer."""

    def __init__(self, cache: Cache, embedder: Embedder, clock: Clock, policy: CachePolicy) -> None:
        self._cache = cache
        self._embedder = embedder
        self._clock = clock
        self._policy = policy
        self._tally = Tally()
        self._served: OrderedDict[str, _Served] = OrderedDict()

    @property
    def enabled(self) -> bool:
        """Whether answers may come from here at all."""
        return self._policy.enabled

    @property
    def tally(self) -> Tally:
        """Since the start of this process."""
        return self._tally

    async def look_up(
        self, key: CacheKey, *, vector: Vector | None = None, interaction_id: str | None = None
    ) -> Verdict:
        """Hit or miss. The same question is found without embedding it. Under `interaction_id` a hit can be judged."""
        self._tally = replace(self._tally, requests=self._tally.requests + 1)
        verdict = await self.test(key, vector=vector)
        if verdict.hit is not None and verdict.layer is not None:
            await self._cache.count_hit(verdict.hit.id)
            semantic = verdict.layer is Layer.SEMANTIC
            self._tally = replace(self._tally, hits=self._tally.hits + semantic)
            self._remember(interaction_id, _Served(verdict.hit.id, verdict.similarity, verdict.layer))
        return verdict

    async def test(self, key: CacheKey, *, vector: Vector | None = None) -> Verdict:
        """What `look_up` would say now; nothing is counted."""
        same = await self._cache.exact(key)
        if same is not None and usable(same, self._clock.now()):
            return Verdict("the same question was answered before", Layer.EXACT, same, 1.0, 1.0)
        if not self._policy.semantic or self._policy.error_budget <= 0:
            return Verdict("the same question was not answered before")
        if overspent(self._tally, self._policy.error_budget):
            return Verdict("more hits were wrong than the error budget allows: only the same question is answered now")
        around = await self._around(key, vector)
        return decide(key.text, around, needed_chance(self._policy.error_budget), self._clock.now())

    async def store(
        self,
        key: CacheKey,
        answer: CachedAnswer,
        *,
        passage_ids: Sequence[str] = (),
        interaction_id: str | None = None,
        vector: Vector | None = None,
    ) -> CacheEntry | None:
        """Keep a fresh answer, and let it say how far those of its neighbours reach. None when it could not be kept."""
        try:
            if vector is None and self._policy.semantic:
                [vector] = await self._embedder.embed([key.text])
            around = await self._cache.nearest(key, vector, limit=NEIGHBOURS) if vector is not None else []
            entry = self._entry(key, answer, around, tuple(passage_ids), interaction_id)
            await self._cache.put(entry, vector)
            await self._observe(entry, around)
            await self._make_room()
        except Unavailable:
            logger.warning("an answer was not cached", exc_info=True)
            return None
        return entry

    async def judge(self, interaction_id: str, *, good: bool) -> CacheEntry | None:
        """Hear what became of an answer: one that was served from here, or that is kept here. None for any other.

        A bad outcome ends all trust in the entry at once.
        """
        served = self._served.pop(interaction_id, None)
        if served is None:
            kept = await self._cache.answering(interaction_id)
            return await self._distrust([kept]) if kept is not None and not good else kept
        if served.layer is Layer.SEMANTIC:
            judged, wrong = self._tally.judged + 1, self._tally.wrong + (not good)
            self._tally = replace(self._tally, judged=judged, wrong=wrong)
        entry = await self._cache.find(served.entry_id)
        if entry is None:
            return None
        seen = _seen(entry, Observation(served.similarity, good))
        await self._cache.amend([replace(seen, distrusted=seen.distrusted or not good)])
        return await self._cache.find(entry.id)

    def shadow_due(self, number: float) -> bool:
        """Whether a hit is to be asked again, given a random number in [0, 1); `compare` takes the fresh answer."""
        return due(number, self._policy.shadow_share)

    async def compare(self, interaction_id: str, fresh: str) -> bool | None:
        """Judge a hit by a fresh answer to its question. None when they neither plainly agree nor disagree."""
        served = self._served.get(interaction_id)
        entry = await self._cache.find(served.entry_id) if served else None
        agreed = agree(entry.answer.text, fresh) if entry else None
        if agreed is not None:
            await self.judge(interaction_id, good=agreed)
        return agreed

    async def invalidate(self, passage_ids: Sequence[str]) -> int:
        """Forget the answers that used any of these passages; call it when passages change. How many comes back."""
        resting = await self._cache.resting_on(passage_ids)
        return await self._cache.remove([entry.id for entry in resting])

    async def forget_near(self, vectors: Sequence[Vector]) -> int:
        """Forget the answers to questions that something newly known is near to: it may answer them better."""
        near: set[str] = set()
        for room in {(entry.key.tenant, entry.key.scope) for entry in await self._cache.browse()}:
            for vector in vectors:
                around = await self._cache.nearest(CacheKey("", *room), vector, limit=NEIGHBOURS)
                near.update(one.entry.id for one in around if one.similarity >= NEWS_SIMILARITY)
        return await self._cache.remove(list(near))

    async def test_everywhere(self, text: str, tenant: str) -> Verdict:
        """What `look_up` would say in whatever scope has the best answer."""
        scopes = {entry.key.scope for entry in await self._cache.browse(tenant)}
        verdicts = [await self.test(CacheKey(text, tenant, scope)) for scope in sorted(scopes)]
        empty = Verdict("nothing is cached for this key")
        return max(verdicts, key=lambda one: (one.hit is not None, one.similarity), default=empty)

    async def entries(self, tenant: str | None = None) -> list[CacheEntry]:
        """Everything kept, or all of one tenant, the newest first."""
        return await self._cache.browse(tenant)

    async def purge(self, entry_ids: Sequence[str] | None = None, *, tenant: str | None = None) -> int:
        """Delete these entries; without ids all of a tenant; without either everything. How many comes back."""
        if entry_ids is None:
            entry_ids = [entry.id for entry in await self._cache.browse(tenant)]
        return await self._cache.remove(entry_ids)

    async def forget_model(self, name: str) -> int:
        """Delete the answers that a model of this name gave. How many comes back."""
        given = [entry.id for entry in await self._cache.browse() if entry.answer.payload.get("model") == name]
        return await self._cache.remove(given)

    async def _around(self, key: CacheKey, vector: Vector | None) -> list[Neighbour]:
        """The nearest entries. Without an embedder there are none."""
        try:
            if vector is None:
                [vector] = await self._embedder.embed([key.text])
        except Unavailable:
            logger.warning("a question was not compared with the cache", exc_info=True)
            return []
        return await self._cache.nearest(key, vector, limit=NEIGHBOURS)

    def _entry(
        self,
        key: CacheKey,
        answer: CachedAnswer,
        around: Sequence[Neighbour],
        passage_ids: tuple[str, ...],
        interaction_id: str | None,
    ) -> CacheEntry:
        name, now = self._clock.new_id(), self._clock.now()
        allies, rivals = self._sides(answer, around)
        return CacheEntry(
            id=name,
            key=key,
            answer=answer,
            created_at=now,
            expires_at=now + timedelta(seconds=self._policy.ttl_s),
            passage_ids=passage_ids,
            interaction_id=interaction_id,
            group=allies[0].entry.group if allies else name,
            rival=rivals[0].similarity if rivals else 0.0,
            kin=allies[0].similarity if allies else 0.0,
        )

    def _sides(self, answer: CachedAnswer, around: Sequence[Neighbour]) -> tuple[list[Neighbour], list[Neighbour]]:
        """The neighbours whose answers agree with a fresh one, and those whose answers do not or may not."""
        if not self._policy.compare_answers:
            return [], list(around)
        near = [one for one in around if one.similarity >= COMPARED_FROM]
        agreed = [agree(answer.text, one.entry.answer.text) for one in near]
        allies = [one for one, same in zip(near, agreed, strict=True) if same]
        return allies, [one for one in around if one not in allies]

    async def _observe(self, fresh: CacheEntry, around: Sequence[Neighbour]) -> None:
        """The nearest entry learns whether its answer would have fitted the fresh one's question."""
        if not self._policy.compare_answers or not around or around[0].similarity < COMPARED_FROM:
            return
        nearest = around[0]
        agreed = agree(fresh.answer.text, nearest.entry.answer.text)
        if agreed is not None:
            await self._cache.amend([_seen(nearest.entry, Observation(nearest.similarity, agreed))])

    async def _make_room(self) -> None:
        size = await self._cache.size()
        if size <= self._policy.max_entries:
            return
        count = size - self._policy.max_entries + int(self._policy.max_entries * EVICTED_SHARE)
        victims = choose_victims(await self._cache.browse(), count, self._clock.now())
        await self._cache.remove([entry.id for entry in victims])

    async def _distrust(self, entries: Sequence[CacheEntry]) -> CacheEntry:
        await self._cache.amend([replace(entry, distrusted=True) for entry in entries])
        return replace(entries[0], distrusted=True)

    def _remember(self, interaction_id: str | None, served: _Served) -> None:
        if interaction_id is None:
            return
        self._served[interaction_id] = served
        while len(self._served) > REMEMBERED_HITS:
            self._served.popitem(last=False)


def _seen(entry: CacheEntry, observation: Observation) -> CacheEntry:
    return replace(entry, observations=(*entry.observations, observation)[-MOST_OBSERVATIONS:])
