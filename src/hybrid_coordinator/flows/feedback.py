"""Hear what became of an answer, score it, and let everything that helped have its credit."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hybrid_coordinator.domain.interaction import (
    AgentType,
    Interaction,
    Outcome,
    OutcomeKind,
    ValueScore,
)
from hybrid_coordinator.domain.knowledge import Collection, Probe, SearchMode
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.flows.caching import SemanticCache
from hybrid_coordinator.flows.crediting import Crediting
from hybrid_coordinator.flows.history import History
from hybrid_coordinator.flows.lessons import Lessons
from hybrid_coordinator.flows.teaching import Lesson
from hybrid_coordinator.logic.patterns import pattern_id_of
from hybrid_coordinator.logic.preferences import EDIT
from hybrid_coordinator.logic.provenance import ProvenancePolicy, report_origin
from hybrid_coordinator.logic.questions import check_question
from hybrid_coordinator.logic.redaction import redact
from hybrid_coordinator.logic.scoring import (
    SIMILAR_QUERY,
    Neighbourhood,
    ScoringPolicy,
    credit_for,
    score_value,
    success_rate,
)
from hybrid_coordinator.ports import Clock, Embedder, Knowledge, Ledger

MOST_FILED = 256
"""Interactions that may be filed while somebody waits for a score: a gateway can have thousands that are not yet."""

NEAR_LIMIT = 12
"""Neighbours looked at: enough to see five like queries beside the interaction itself."""


@dataclass(frozen=True, slots=True)
class Track:
    """An interaction that took place elsewhere, as a host reports it."""

    query: str
    response: str
    agent_type: AgentType
    model_used: str
    context_ids: tuple[str, ...] = ()
    tokens_used: int = 0
    latency_ms: int = 0
    session_id: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """An interaction with its outcome and value, and the success rates of the passages that got credit.

    `pattern_id` is the id of what the daemon is going to learn from it; None when it is not worth that.
    """

    interaction: Interaction
    value: ValueScore
    pattern_id: str | None
    success_rates: dict[str, float]


class Feedback:
    """Tracks and settles. `news` is told that there is something to learn from."""

    def __init__(
        self,
        ledger: Ledger,
        knowledge: Knowledge,
        embedder: Embedder,
        history: History,
        clock: Clock,
        scoring: ScoringPolicy,
        *,
        cache: SemanticCache,
        lessons: Lessons,
        crediting: Crediting,
        teach: Callable[[Lesson], Awaitable[object]],
        news: Callable[[], None],
        provenance: ProvenancePolicy,
        extract_patterns: bool,
    ) -> None:
        self._ledger = ledger
        self._knowledge = knowledge
        self._embedder = embedder
        self._history = history
        self._clock = clock
        self._scoring = scoring
        self._cache = cache
        self._lessons = lessons
        self._crediting = crediting
        self._teach = teach
        self._news = news
        self._provenance = provenance
        self._extract_patterns = extract_patterns

    async def track(self, track: Track) -> Interaction:
        """Record an interaction that took place elsewhere."""
        if track.tokens_used < 0 or track.latency_ms < 0:
            raise BadInput(
                f"tokens_used ({track.tokens_used}) and latency_ms ({track.latency_ms}) count something: "
                "neither can be negative"
            )
        interaction = Interaction(
            id=self._clock.new_id(),
            created_at=self._clock.now(),
            query=redact(check_question(track.query)).text,
            response=redact(track.response).text,
            agent_type=track.agent_type,
            model_used=track.model_used,
            context_provided=track.context_ids,
            session_id=track.session_id,
            tokens_used=track.tokens_used,
            latency_ms=track.latency_ms,
            tags=track.tags,
            origin=await self._origin(track),
            channel="track",
        )
        await self._ledger.append(interaction)
        self._history.note_record()
        return interaction

    async def _origin(self, track: Track) -> Origin:
        """A model's word as somebody reports it, or less, when what it was given was less."""
        passages = await self._knowledge.get(track.context_ids)
        return report_origin(Origin.MODEL_INFERENCE, self._provenance, passages)

    async def settle(
        self, interaction_id: str, outcome: Outcome, *, edited: str | None = None, reported: bool = False
    ) -> Settled:
        """Attach an outcome: score the interaction and credit its context; the daemon learns from it afterwards.

        `edited` is the answer as it was used, when it was changed first: that is taught then, `reported` by an agent or
        said by a person. Settling again replaces what the first settling did. An unknown id raises NotFound.
        """
        check_outcome(outcome)
        interaction = await self._ledger.get(interaction_id)
        await self._history.catch_up(most=MOST_FILED)
        await self._history.file(interaction)
        value = score_value(interaction.response, outcome, await self._look_around(interaction), self._scoring)
        records = await self._crediting.settle(interaction, credit_for(outcome.kind))
        rates = {id: success_rate(record.uses, record.credit) for id, record in records.items()}
        interaction = await self._ledger.settle(interaction_id, outcome, value, self._clock.now())
        if edited is not None:
            await self._teach(Lesson(interaction.query, edited, 1, interaction.id, (EDIT,), reported))
        await self._tell_cache(interaction, outcome)
        self._lessons.note_outcome(interaction, outcome)
        await self._history.file(interaction)
        self._news()
        return Settled(interaction, value, self._pattern_of(interaction, value), rates)

    async def _tell_cache(self, interaction: Interaction, outcome: Outcome) -> None:
        """A bad outcome ends the trust in a remembered answer at once; a partial one says nothing."""
        if outcome.kind is OutcomeKind.FAILURE or outcome.user_feedback == -1:
            await self._cache.judge(interaction.id, good=False)
        elif outcome.kind is OutcomeKind.SUCCESS:
            await self._cache.judge(interaction.id, good=True)

    async def _look_around(self, interaction: Interaction) -> Neighbourhood:
        query_vector, response_vector = await self._embedder.embed([interaction.query, interaction.response])
        queries = await self._knowledge.search(
            Probe(interaction.query, query_vector),
            [Collection.INTERACTIONS],
            limit=NEAR_LIMIT,
            mode=SearchMode.SEMANTIC,
        )
        patterns = await self._knowledge.search(
            Probe(interaction.response, response_vector), [Collection.SKILLS], limit=2, mode=SearchMode.SEMANTIC
        )
        own = pattern_id_of(interaction.id)
        return Neighbourhood(
            similar_queries=sum(near.similarity >= SIMILAR_QUERY and near.id != interaction.id for near in queries),
            nearest_pattern=max((near.similarity for near in patterns if near.id != own), default=0.0),
        )

    def _pattern_of(self, interaction: Interaction, value: ValueScore) -> str | None:
        success = interaction.outcome is not None and interaction.outcome.kind is OutcomeKind.SUCCESS
        worth_it = value.total >= self._scoring.high_value_threshold and interaction.failure is None and success
        return pattern_id_of(interaction.id) if worth_it and self._extract_patterns else None


def check_outcome(outcome: Outcome) -> None:
    """BadInput for feedback or iterations out of range."""
    if outcome.user_feedback not in (None, -1, 0, 1):
        raise BadInput(f"user_feedback is {outcome.user_feedback!r}; it must be -1 (bad), 0 (neutral) or 1 (good)")
    if outcome.iterations < 1:
        raise BadInput(f"iterations is {outcome.iterations!r}; it counts attempts from 1")
