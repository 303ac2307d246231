"""Hear what became of an answer, score it, and let everything that helped have its credit."""

import uuid
from dataclasses import dataclass

from hybrid_coordinator.domain.interaction import AgentType, Correction, Interaction, Outcome, OutcomeKind, ValueScore
from hybrid_coordinator.domain.knowledge import Collection, Draft, Payload, Probe, SearchMode
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.flows.caching import SemanticCache
from hybrid_coordinator.flows.history import History
from hybrid_coordinator.flows.lessons import Lessons
from hybrid_coordinator.logic.errors_in_text import looks_like_error
from hybrid_coordinator.logic.patterns import extract_pattern, pattern_draft
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
from hybrid_coordinator.ports import Clock, Embedder, Knowledge, Ledger, PassageRecord

MOST_CORRECTIONS = 100_000

MOST_FILED = 256
"""Interactions that may be filed while somebody waits for a score: a gateway can have thousands that are not yet."""

NEAR_LIMIT = 12
"""Neighbours looked at: enough to see five like queries beside the interaction itself."""

PATTERNS = uuid.UUID("6f2f5c0e-0d1e-5b7e-9a53-3f1c8a1f2b10")
"""Namespace of pattern ids, so that an interaction has at most one pattern, ever."""


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
    """An interaction with its outcome and value; the pattern learned from it, and the passages that got credit."""

    interaction: Interaction
    value: ValueScore
    pattern_id: str | None
    success_rates: dict[str, float]


class Feedback:
    """Tracks, settles and corrects."""

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
        )
        await self._ledger.append(interaction)
        self._history.note_record()
        return interaction

    async def settle(self, interaction_id: str, outcome: Outcome) -> Settled:
        """Attach an outcome: score the interaction, credit its context, learn its pattern when it is worth it.

        Settling again replaces what the first settling did. An unknown id raises NotFound.
        """
        check_outcome(outcome)
        interaction = await self._ledger.get(interaction_id)
        await self._history.catch_up(most=MOST_FILED)
        await self._history.file(interaction)
        value = score_value(interaction.response, outcome, await self._look_around(interaction), self._scoring)
        interaction = await self._ledger.settle(interaction_id, outcome, value, self._clock.now())
        rates = await self._credit(interaction, outcome)
        pattern_id = await self._learn(interaction, outcome, value)
        await self._tell_cache(interaction, outcome)
        self._lessons.note_outcome(interaction, outcome)
        await self._history.file(interaction)
        return Settled(interaction, value, pattern_id, rates)

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

    async def _credit(self, interaction: Interaction, outcome: Outcome) -> dict[str, float]:
        if not interaction.context_provided:
            return {}
        credit = credit_for(outcome.kind)
        records = await self._ledger.credit(interaction.id, dict.fromkeys(interaction.context_provided, credit))
        passages = {passage.id: passage for passage in await self._knowledge.get(list(records))}
        await self._knowledge.amend(
            {
                passage_id: _usage_fields(passage.collection, records[passage_id])
                for passage_id, passage in passages.items()
            }
        )
        return {passage_id: success_rate(record.uses, record.credit) for passage_id, record in records.items()}

    async def _learn(self, interaction: Interaction, outcome: Outcome, value: ValueScore) -> str | None:
        draft_id = pattern_id_of(interaction.id)
        worth_it = value.total >= self._scoring.high_value_threshold and outcome.kind is OutcomeKind.SUCCESS
        pattern = extract_pattern(interaction.query, interaction.response) if worth_it else None
        if pattern is None or not self._extract_patterns or interaction.failure is not None:
            await self._knowledge.remove([draft_id])
            return None
        draft = pattern_draft(draft_id, pattern, interaction, value.total)
        await self._knowledge.put([draft], await self._embedder.embed([draft.key]))
        return draft_id

    async def correct(
        self,
        query: str,
        correction: str,
        *,
        rating: int = 0,
        interaction_id: str | None = None,
        tags: tuple[str, ...] = (),
    ) -> tuple[Correction, Draft]:
        """Keep what a person says the answer should have been, and make it findable at once; both come back."""
        if rating not in (-1, 0, 1):
            raise BadInput(f"rating is {rating!r}; it must be -1 (bad), 0 (neutral) or 1 (good)")
        if interaction_id is not None:
            await self._ledger.get(interaction_id)
        kept = Correction(
            id=self._clock.new_id(),
            created_at=self._clock.now(),
            query=redact(check_question(query)).text,
            correction=redact(check_question(correction, "correction")).text,
            rating=rating,
            interaction_id=interaction_id,
            tags=tags,
        )
        await self._ledger.correct(kept)
        draft = correction_draft(kept)
        await self._knowledge.put([draft], await self._embedder.embed([draft.key]))
        return kept, draft

    async def restore_corrections(self) -> int:
        """Put every correction back into collections that lost them; how many."""
        drafts = [correction_draft(correction) for correction in await self._ledger.corrections(limit=MOST_CORRECTIONS)]
        await self._knowledge.put(drafts, await self._embedder.embed([draft.key for draft in drafts]))
        return len(drafts)


def pattern_id_of(interaction_id: str) -> str:
    """The id that the pattern of an interaction has, whether it exists or not."""
    return str(uuid.uuid5(PATTERNS, interaction_id))


def check_outcome(outcome: Outcome) -> None:
    """BadInput for feedback or iterations out of range."""
    if outcome.user_feedback not in (None, -1, 0, 1):
        raise BadInput(f"user_feedback is {outcome.user_feedback!r}; it must be -1 (bad), 0 (neutral) or 1 (good)")
    if outcome.iterations < 1:
        raise BadInput(f"iterations is {outcome.iterations!r}; it counts attempts from 1")


def correction_draft(correction: Correction) -> Draft:
    """A correction as knowledge: an error's fix when the question quotes an error, else a practice."""
    text = f"{correction.query}\n\n{correction.correction}"
    source = f"correction:{correction.id}"
    if looks_like_error(correction.query):
        fields: Payload = {
            "error_message": correction.query,
            "error_type": "correction",
            "solution": correction.correction,
            "solution_verified": correction.rating == 1,
        }
        return Draft(correction.id, Collection.ERRORS, correction.query, text, fields, source)
    fields = {"category": "correction", "title": correction.query, "description": correction.correction}
    return Draft(correction.id, Collection.PRACTICES, correction.query, text, fields, source)


def _usage_fields(collection: Collection, record: PassageRecord) -> Payload:
    rate = success_rate(record.uses, record.credit)
    fields: dict[str, float | int] = {"success_rate": rate}
    if collection is Collection.ERRORS:
        worked = round(record.credit)
        fields |= {"success_count": worked, "failure_count": record.uses - worked, "confidence_score": rate}
    return fields
