"""Material too long for a model is read by a local one first: every piece is noted, and the notes are the digest."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from hybrid_coordinator.domain.answer import Digested
from hybrid_coordinator.domain.interaction import AgentType, Interaction
from hybrid_coordinator.domain.query import Completion, Prompt, Query, Usage, fold
from hybrid_coordinator.domain.route import Location, ModelCard, Route, Target
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.flows.recording import Recorder
from hybrid_coordinator.logic.digesting import cut_pieces, join_notes, note_prompt, pick_pieces
from hybrid_coordinator.logic.grounding import GroundingPolicy
from hybrid_coordinator.logic.redaction import redact
from hybrid_coordinator.logic.tokens import estimate_tokens
from hybrid_coordinator.ports import Clock, Model


@dataclass(slots=True)
class Digest:
    """What is made of one question's material. `text` is empty until it is made."""

    answer_id: str
    query: Query
    route: Route
    holdout: bool = False
    text: str = ""
    usage: Usage = field(default_factory=Usage)


class Digester:
    """Map: a local model notes every piece of the material. Reduce: the notes, joined."""

    def __init__(self, recorder: Recorder, clock: Clock, policy: GroundingPolicy, reference: ModelCard) -> None:
        self._recorder = recorder
        self._clock = clock
        self._policy = policy
        self._reference = reference

    def is_due(self, digest: Digest, card: ModelCard) -> bool:
        """Whether a model must be given the digest instead of the material, and there is none yet."""
        if not digest.query.context or digest.text:
            return False
        if digest.route.target is Target.LOCAL_THEN_REMOTE:
            return True
        taken = digest.query.max_tokens + self._policy.local_budget_tokens + self._policy.history_budget_tokens
        room = card.context_tokens - taken - estimate_tokens(digest.query.text)
        return card.location is Location.LOCAL and estimate_tokens(digest.query.context) > room

    async def digest(self, digest: Digest, models: Mapping[str, Model]) -> AsyncGenerator[Digested, None]:
        """Fill in the text, and tell about every piece. Raises ModelUnavailable."""
        model = _reader(digest.route, models)
        pieces, skipped = pick_pieces(cut_pieces(digest.query.context))
        started, notes = self._clock.monotonic(), []
        for number, piece in enumerate(pieces, 1):
            note = await listen(model, note_prompt(digest.query, piece))
            notes.append(note.text)
            digest.usage = _add(digest.usage, note.finished.usage)
            yield Digested(model.card.name, number, len(pieces))
        digest.text = join_notes(notes, skipped)
        await self._record(digest, model.card, round((self._clock.monotonic() - started) * 1000))

    async def _record(self, digest: Digest, card: ModelCard, latency_ms: int) -> None:
        kept_home = estimate_tokens(digest.query.context) - estimate_tokens(digest.text)
        saved = max(0, kept_home) if digest.route.target is Target.LOCAL_THEN_REMOTE else 0
        await self._recorder.record(
            Interaction(
                id=self._clock.new_id(),
                created_at=self._clock.now(),
                query=redact(digest.query.text).text,
                response=redact(digest.text).text,
                agent_type=AgentType.LOCAL,
                model_used=card.name,
                session_id=digest.query.session_id,
                parent_id=digest.answer_id,
                input_tokens=digest.usage.input_tokens,
                output_tokens=digest.usage.output_tokens,
                tokens_used=digest.usage.total_tokens,
                latency_ms=latency_ms,
                tokens_saved=saved,
                cost_saved=self._reference.cost(saved, 0),
                route=digest.route,
                tags=(*digest.query.tags, "digest"),
                asker=digest.query.asker,
                holdout=digest.holdout,
            )
        )


def _reader(route: Route, models: Mapping[str, Model]) -> Model:
    names = [name for name in route.attempts if models[name].card.location is Location.LOCAL]
    if not names:
        raise ModelUnavailable("the material is too long to send whole and there is no local model to condense it")
    return models[names[0]]


def _add(one: Usage, other: Usage) -> Usage:
    return Usage(one.input_tokens + other.input_tokens, one.output_tokens + other.output_tokens)


async def listen(model: Model, prompt: Prompt) -> Completion:
    """A model's whole answer. Raises ModelUnavailable."""
    async with aclosing(model.stream(prompt)) as pieces:
        return fold([piece async for piece in pieces])
