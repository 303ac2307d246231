"""The fakes that ship: whole, simple stand-ins for the ports, for tests here and in code built on this package."""

import math
import re
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from uuid import UUID

import anyio

from hybrid_coordinator.domain.interaction import (
    AgentType,
    CacheUse,
    Correction,
    Interaction,
    Outcome,
    OutcomeKind,
    PreferencePair,
    Spending,
    Totals,
    ValueScore,
)
from hybrid_coordinator.domain.knowledge import (
    FIELDS,
    USAGE_FIELDS,
    Collection,
    Draft,
    EmbedderIdentity,
    Passage,
    Payload,
    Probe,
    SearchMode,
    Source,
    Vector,
)
from hybrid_coordinator.domain.query import Delta, Finished, Prompt, Spoken, StopReason, Thought, ToolCall, Usage
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.errors import ModelUnavailable, NotFound, RefusedStatement
from hybrid_coordinator.logic.auditing import ArmSums, RatioSums
from hybrid_coordinator.ports import EvidenceRecord, PassageRecord, Table

Script = Sequence[str | Thought | ToolCall | Finished | Exception | anyio.Event]
"""What a model does for one prompt: say a piece, end in its own way, raise an error, or wait until an event is set."""


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return sum(listed) / len(listed) if listed else None


class ManualClock:
    """Time that moves only when told to, and names that count up from one."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start
        self._monotonic = 0.0
        self._names = 0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def new_id(self) -> str:
        self._names += 1
        return str(UUID(int=self._names))

    def advance(self, seconds: float) -> None:
        """Move both clocks on; negative seconds turn the wall clock back and leave the monotonic one alone."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += max(seconds, 0.0)


class ScriptedModel:
    """Follows one script a prompt and repeats the last for ever; `prompts` holds what it was sent.

    A script without a `Finished` ends well, with `usage` and `confidence`.
    """

    def __init__(
        self,
        *scripts: Script,
        card: ModelCard | None = None,
        usage: Usage | None = None,
        confidence: float | None = None,
    ) -> None:
        self._scripts = list(scripts) or [("An answer.",)]
        self._card = card or ModelCard("scripted", Location.LOCAL)
        self._usage = usage or Usage(input_tokens=10, output_tokens=5)
        self._confidence = confidence
        self.prompts: list[Prompt] = []
        self.closed = False

    @property
    def card(self) -> ModelCard:
        return self._card

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Spoken, None]:
        self.prompts.append(prompt)
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        for step in script:
            match step:
                case Exception():
                    raise step
                case anyio.Event():
                    await step.wait()
                case Finished():
                    yield step
                    return
                case _:
                    yield Delta(step) if isinstance(step, str) else step
        stop = StopReason.TOOLS if any(isinstance(step, ToolCall) for step in script) else StopReason.END
        yield Finished(self._card.name, self._usage, stop, self._confidence)

    async def check(self) -> None:
        """Fails when the next script starts with an error."""
        if self.closed:
            raise ModelUnavailable(f"model {self._card.name!r} is closed; build another")
        if self._scripts[0] and isinstance(first := self._scripts[0][0], Exception):
            raise first

    async def aclose(self) -> None:
        self.closed = True


class HashEmbedder:
    """Unit vectors from words alone: equal texts are equal, texts that share words are near, order is lost."""

    def __init__(self, dimension: int = 384) -> None:
        self._identity = EmbedderIdentity("hash-of-words", dimension)
        self.embedded: list[str] = []

    @property
    def identity(self) -> EmbedderIdentity:
        return self._identity

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.embedded.extend(texts)
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> Vector:
        vector = [0.0] * self._identity.dimension
        for word, count in Counter(_words(text) or [""]).items():
            number = int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "big")
            vector[(number >> 1) % len(vector)] += count if number & 1 else -count
        length = math.hypot(*vector)
        # two words may cancel each other out in one place
        return [x / length for x in vector] if length else [1.0, *vector[1:]]

    async def aclose(self) -> None:
        """Nothing is held."""


class MemoryKnowledge:
    """The five collections in a dictionary. Keyword scores are the share of the query's words that a text holds."""

    def __init__(self) -> None:
        self._stored: dict[str, tuple[Passage, Vector]] = {}

    async def put(self, drafts: Sequence[Draft], vectors: Sequence[Vector]) -> None:
        for draft, vector in zip(drafts, vectors, strict=True):
            usage = dict(USAGE_FIELDS)
            if draft.id in self._stored:
                before = self._stored[draft.id][0].payload
                usage = {name: before[name] for name in USAGE_FIELDS}
            payload = {**FIELDS[draft.collection], **draft.payload, **usage}
            passage = Passage(draft.id, draft.collection, draft.text, payload, 0.0, 0.0, draft.source)
            self._stored[draft.id] = (passage, vector)

    async def search(
        self,
        probe: Probe,
        collections: Sequence[Collection],
        *,
        limit: int,
        mode: SearchMode = SearchMode.HYBRID,
    ) -> list[Passage]:
        found = [
            _scored(passage, vector, probe, mode)
            for passage, vector in self._stored.values()
            if passage.collection in collections
        ]
        found.sort(key=lambda passage: (-passage.score, passage.id))
        return [passage for passage in found[:limit] if passage.score > 0]

    async def get(self, ids: Sequence[str]) -> list[Passage]:
        return [self._stored[id][0] for id in ids if id in self._stored]

    async def amend(self, changes: Mapping[str, Payload]) -> None:
        for id, fields in changes.items():
            if id in self._stored:
                passage, vector = self._stored[id]
                self._stored[id] = (replace(passage, payload={**passage.payload, **fields}), vector)

    async def remove(self, ids: Sequence[str]) -> None:
        for id in ids:
            self._stored.pop(id, None)

    async def browse(
        self, collection: Collection, *, limit: int, after: str | None = None
    ) -> tuple[list[Passage], str | None]:
        ids = sorted(id for id, (passage, _) in self._stored.items() if passage.collection == collection)
        rest = [id for id in ids if after is None or id > after]
        page = rest[:limit]
        return await self.get(page), page[-1] if len(rest) > len(page) else None

    async def counts(self) -> Mapping[Collection, int]:
        held = Counter(passage.collection for passage, _ in self._stored.values())
        return {collection: held[collection] for collection in Collection}

    async def tidy(self) -> None:
        """Nothing to tidy."""

    async def aclose(self) -> None:
        """Nothing is held open."""


def _scored(passage: Passage, vector: Vector, probe: Probe, mode: SearchMode) -> Passage:
    dot = sum(a * b for a, b in zip(vector, probe.vector, strict=True))
    similarity = min(max(dot, 0.0), 1.0)
    wanted = set(_words(probe.text))
    overlap = len(wanted & set(_words(passage.text))) / len(wanted) if wanted else 0.0
    scores = {
        SearchMode.SEMANTIC: similarity,
        SearchMode.KEYWORD: overlap,
        SearchMode.HYBRID: (similarity + overlap) / 2,
    }
    return replace(passage, similarity=similarity, score=scores[mode])


class MemoryLedger:
    """The record in dictionaries. It has no SQL views, so `read` refuses every statement."""

    def __init__(self) -> None:
        self._interactions: dict[str, Interaction] = {}
        self._credits: dict[str, Mapping[str, float]] = {}
        self._corrections: dict[str, Correction] = {}
        self._preferences: dict[str, PreferencePair] = {}
        self._features: dict[str, bytes] = {}
        self._filed: dict[str, Interaction] = {}
        self._sources: dict[tuple[str, str], Source] = {}

    async def append(self, interaction: Interaction, *, patient: bool = False) -> None:
        self._interactions.setdefault(interaction.id, interaction)

    async def get(self, interaction_id: str) -> Interaction:
        try:
            return self._interactions[interaction_id]
        except KeyError:
            raise NotFound(f"no interaction {interaction_id!r}; list the recent ones to find its id") from None

    async def settle(self, interaction_id: str, outcome: Outcome, value: ValueScore, at: datetime) -> Interaction:
        settled = replace(await self.get(interaction_id), outcome=outcome, value=value, settled_at=at)
        self._interactions[interaction_id] = settled
        return settled

    async def credit(self, interaction_id: str, credits: Mapping[str, float]) -> Mapping[str, PassageRecord]:
        known = await self.get(interaction_id)
        self._credits[known.id] = dict(credits)
        return {passage_id: self._record(passage_id) for passage_id in credits}

    def _record(self, passage_id: str) -> PassageRecord:
        earned = [credits[passage_id] for credits in self._credits.values() if passage_id in credits]
        return PassageRecord(len(earned), sum(earned))

    async def correct(self, correction: Correction) -> None:
        self._corrections.setdefault(correction.id, correction)

    async def recent(
        self,
        *,
        limit: int,
        session_id: str | None = None,
        since: datetime | None = None,
        min_value: float | None = None,
        outcome: str | None = None,
    ) -> list[Interaction]:
        fitting = [
            one
            for one in self._interactions.values()
            if (session_id is None or one.session_id == session_id)
            and (since is None or one.created_at >= since)
            and (min_value is None or (one.value is not None and one.value.total >= min_value))
            and (outcome is None or (one.outcome is not None and one.outcome.kind == outcome))
        ]
        return fitting[::-1][:limit]

    async def corrections(self, *, limit: int) -> list[Correction]:
        return list(reversed(self._corrections.values()))[:limit]

    async def unfiled(self, *, limit: int) -> list[Interaction]:
        waiting = [one for one in self._interactions.values() if self._filed.get(one.id) != one]
        return waiting[:limit]

    async def mark_filed(self, interactions: Sequence[Interaction]) -> None:
        self._filed.update((interaction.id, interaction) for interaction in interactions)

    async def forget_copies(self) -> None:
        self._filed.clear()
        self._sources.clear()

    async def totals(self, since: datetime | None, *, high_value: float) -> Totals:
        spanned = [one for one in self._interactions.values() if since is None or one.created_at >= since]
        corrections = [one for one in self._corrections.values() if since is None or one.created_at >= since]
        return replace(_sums(spanned, high_value), corrections=len(corrections))

    async def prefer(self, pair: PreferencePair) -> None:
        self._preferences.setdefault(pair.id, pair)

    async def preferences(self, *, limit: int) -> list[PreferencePair]:
        return list(reversed(self._preferences.values()))[:limit]

    async def keep_evidence(self, interaction_id: str, features: bytes) -> None:
        known = await self.get(interaction_id)
        self._features[known.id] = features

    async def evidence(self, *, limit: int) -> list[EvidenceRecord]:
        kept = [
            EvidenceRecord(one, self._features[id]) for id, one in self._interactions.items() if id in self._features
        ]
        return kept[::-1][:limit]

    async def spent(self, since: datetime) -> Mapping[str, Spending]:
        spent: dict[str, Spending] = {}
        for one in self._interactions.values():
            if one.created_at >= since:
                before = spent.get(one.asker, Spending())
                tokens = one.tokens_used if one.agent_type is AgentType.REMOTE else 0
                spent[one.asker] = Spending(before.cost + one.cost, before.tokens + tokens)
        return spent

    async def audited(self, since: datetime | None) -> Mapping[bool, ArmSums]:
        routed = [
            one
            for one in self._interactions.values()
            if one.route is not None
            and one.agent_type is not AgentType.CONTEXT_ONLY
            and (since is None or one.created_at >= since)
        ]
        return {holdout: _arm(one for one in routed if one.holdout is holdout) for holdout in (False, True)}

    async def source(self, root: str, path: str) -> Source | None:
        return self._sources.get((root, path))

    async def sources(self, root: str) -> list[Source]:
        return [source for source in self._sources.values() if source.root == root]

    async def roots(self) -> list[str]:
        return sorted({root for root, _ in self._sources})

    async def put_source(self, source: Source) -> None:
        self._sources[source.root, source.path] = source

    async def remove_source(self, root: str, path: str) -> None:
        self._sources.pop((root, path), None)

    async def read(self, statement: str, *, limit: int, timeout_s: float) -> Table:
        raise RefusedStatement(f"{statement!r} cannot be read: this ledger has no SQL views; use the SQL ledger")

    async def aclose(self) -> None:
        """Nothing is held open."""


def _sums(interactions: Sequence[Interaction], high_value: float) -> Totals:
    whole = [one for one in interactions if one.failure is None and one.parent_id is None]
    agents = Counter(one.agent_type for one in whole)
    outcomes = [one.outcome for one in interactions if one.outcome is not None]
    values = [one.value.total for one in interactions if one.value is not None]
    at_home = [one for one in whole if one.agent_type is AgentType.LOCAL]
    return Totals(
        interactions=len(interactions),
        local=agents[AgentType.LOCAL],
        remote=agents[AgentType.REMOTE],
        context_only=sum(one.agent_type is AgentType.CONTEXT_ONLY for one in interactions),
        failed=sum(one.failure is not None for one in interactions),
        settled=Counter(outcome.kind.value for outcome in outcomes),
        feedback=Counter(outcome.user_feedback for outcome in outcomes if outcome.user_feedback is not None),
        high_value=sum(value >= high_value for value in values),
        scored=len(values),
        mean_value=_mean(values),
        mean_relevance_local=_mean(one.route.relevance for one in at_home if one.route is not None),
        input_tokens=sum(one.input_tokens for one in interactions),
        output_tokens=sum(one.output_tokens for one in interactions),
        remote_tokens=sum(one.tokens_used for one in interactions if one.agent_type is AgentType.REMOTE),
        tokens_saved=sum(one.tokens_saved for one in interactions),
        cost=sum(one.cost for one in interactions),
        cost_saved=sum(one.cost_saved for one in interactions),
        mean_latency_ms=_mean(one.latency_ms for one in whole),
        recalled=Counter(one.cache.value for one in interactions if one.cache is not CacheUse.NONE),
        escalations=sum(one.parent_id is not None and "rejected" in one.tags for one in interactions),
        cache_read_tokens=sum(one.cache_read_tokens for one in interactions),
        cache_write_tokens=sum(one.cache_write_tokens for one in interactions),
    )


_CREDIT = {OutcomeKind.SUCCESS: 1.0, OutcomeKind.PARTIAL: 0.5, OutcomeKind.FAILURE: 0.0}


def _arm(interactions: Iterable[Interaction]) -> ArmSums:
    costs: dict[str, list[tuple[float, float]]] = {}
    credits: dict[str, list[tuple[float, float]]] = {}
    for one in interactions:
        session = one.session_id or one.parent_id or one.id
        costs.setdefault(session, []).append((one.cost, one.parent_id is None))
        if one.outcome is not None:
            credits.setdefault(session, []).append((_CREDIT[one.outcome.kind], 1))
    return ArmSums(_ratio(costs.values()), _ratio(credits.values()))


def _ratio(sessions: Iterable[Sequence[tuple[float, float]]]) -> RatioSums:
    sums = [tuple(map(sum, zip(*session, strict=True))) for session in sessions]
    return RatioSums(
        sum(units > 0 for _, units in sums),
        sum(amount for amount, _ in sums),
        sum(units for _, units in sums),
        sum(amount * amount for amount, _ in sums),
        sum(units * units for _, units in sums),
        sum(amount * units for amount, units in sums),
    )
