"""What outcomes say of passages: which were right for a question, and which were shown beside them or found for it."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.domain.knowledge import CONTEXT_COLLECTIONS, Probe, Vector
from hybrid_coordinator.flows.vectors import embed_all
from hybrid_coordinator.logic.gaps import SYNTHETIC
from hybrid_coordinator.logic.question_key import question_key
from hybrid_coordinator.logic.retriever_adapter import Example, Floats
from hybrid_coordinator.logic.retriever_gate import DEPTH, RetrieverPolicy
from hybrid_coordinator.logic.usefulness import NEUTRAL
from hybrid_coordinator.ports import Annals, Clock, Embedder, Knowledge, Ledger

PAGE = 500
"""Interactions that are read at once."""


class ExampleGatherer:
    """Reads the ledger and the collections, and changes nothing."""

    def __init__(
        self,
        ledger: Ledger,
        annals: Annals,
        knowledge: Knowledge,
        embedder: Embedder,
        clock: Clock,
        policy: RetrieverPolicy,
    ) -> None:
        self._ledger = ledger
        self._annals = annals
        self._knowledge = knowledge
        self._embedder = embedder
        self._clock = clock
        self._policy = policy

    async def has_heard_enough(self, since: datetime | None) -> bool:
        """Whether there are as many outcomes since then (None: as far back as they count) as it takes to begin."""
        settled = await self._annals.settled(since=since or self._horizon, limit=self._policy.trigger_every)
        return len(settled) >= self._policy.trigger_every

    async def gather(self) -> list[Example]:
        """Every question for which a passage was right, oldest outcome first; of too many the newest."""
        examples = [one async for page in self.judged(self._horizon) for one in self._examples(*page)]
        return examples[-self._policy.most_examples :]

    async def judged(
        self, since: datetime
    ) -> AsyncGenerator[tuple[list[Interaction], Mapping[str, Mapping[str, float]]], None]:
        """Settled interactions that were shown passages and may be learned from, with what those earned, in pages."""
        excluded = await self._ledger.excluded()
        after = ""
        while page := await self._annals.settled(since=since, after=after, limit=PAGE):
            shown = [one for one in page if _counts(one) and one.id not in excluded]
            yield shown, await self._ledger.credited([one.id for one in shown])
            since, after = page[-1].settled_at or since, page[-1].id

    async def embed(self, examples: Sequence[Example]) -> Floats:
        """Their questions as unit vectors, one a row."""
        return await embed_all(self._embedder, [one.question for one in examples])

    async def harden(self, examples: Sequence[Example], questions: Floats) -> list[Example]:
        """The same with what is found for each besides, and was right for no question of its family."""
        right: dict[str, set[str]] = {}
        for one in examples:
            right.setdefault(one.family, set()).update(one.accepted)
        return [
            await self._harden(one, vector, right[one.family]) for one, vector in zip(examples, questions, strict=True)
        ]

    async def passages(self, examples: Sequence[Example]) -> Mapping[str, Vector]:
        """The vectors of their passages that still exist."""
        wanted = dict.fromkeys(id for one in examples for id in (*one.accepted, *one.rejected))
        return await self._knowledge.vectors(list(wanted))

    async def untouched(self, families: set[str]) -> list[str]:
        """Questions of late that nobody judged, each once, and none of these families."""
        recent = await self._ledger.recent(limit=10 * self._policy.untouched)
        unjudged = [one for one in recent if one.outcome is None and _counts(one)]
        first = {_family(one): one.query for one in reversed(unjudged)}
        return [question for family, question in first.items() if family not in families][-self._policy.untouched :]

    @property
    def _horizon(self) -> datetime:
        return self._clock.now() - timedelta(days=self._policy.days)

    async def _harden(self, example: Example, vector: Floats, right: set[str]) -> Example:
        probe = Probe(example.question, vector.tolist())
        found = await self._knowledge.search(probe, CONTEXT_COLLECTIONS, limit=DEPTH)
        near = [one.id for one in found if one.id not in right][: self._policy.hard]
        rejected = (id for id in example.rejected if id not in right)
        return replace(example, rejected=tuple(dict.fromkeys((*rejected, *near))))

    def _examples(
        self, interactions: Sequence[Interaction], credited: Mapping[str, Mapping[str, float]]
    ) -> list[Example]:
        read = (_example(one, credited.get(one.id, {}), self._policy.least_credit) for one in interactions)
        return [one for one in read if one.accepted]


def best_credit(interaction: Interaction, credits: Mapping[str, float]) -> float:
    """What the best passage of an interaction earned; neutral where the answer owed nothing to any."""
    return max((credits[id] for id in interaction.context_provided if id in credits), default=NEUTRAL)


def _example(interaction: Interaction, credits: Mapping[str, float], least: float) -> Example:
    shown = interaction.context_provided
    accepted = tuple(id for id in shown if credits.get(id, 0.0) >= least)
    rejected = tuple(id for id in shown if id not in accepted)
    at = interaction.settled_at or interaction.created_at
    return Example(interaction.query, _family(interaction), at, accepted, rejected, interaction.id)


def _family(interaction: Interaction) -> str:
    """A question without a telling word is a family of its own."""
    return str(question_key(interaction.query) or interaction.query)


def _counts(interaction: Interaction) -> bool:
    """Whether somebody asked this, and passages were shown for it."""
    practice = SYNTHETIC in interaction.tags or interaction.channel == SYNTHETIC
    return bool(interaction.query.strip() and interaction.context_provided) and not practice
