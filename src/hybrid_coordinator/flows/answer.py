"""Answer a question: recall, find, route, say, record."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import anyio

from hybrid_coordinator.domain.answer import Answered, AnswerEvent, Attempted, Digested, FellThrough, Routed
from hybrid_coordinator.domain.interaction import AgentType, Interaction
from hybrid_coordinator.domain.knowledge import Passage
from hybrid_coordinator.domain.query import (
    Completion,
    Delta,
    Finished,
    Preference,
    Prompt,
    Query,
    Role,
    Thought,
    ToolCall,
    Turn,
    Usage,
    fold,
)
from hybrid_coordinator.domain.route import Location, ModelCard, Route, Target
from hybrid_coordinator.errors import CoordinatorError, ModelUnavailable
from hybrid_coordinator.flows.augment import Augmenter
from hybrid_coordinator.flows.history import History
from hybrid_coordinator.logic.digesting import cut_pieces, join_notes, note_prompt, pick_pieces
from hybrid_coordinator.logic.errors_in_text import error_lines
from hybrid_coordinator.logic.grounding import GroundingPolicy, ground, question_prompt
from hybrid_coordinator.logic.questions import check_question, clean_material
from hybrid_coordinator.logic.redaction import redact
from hybrid_coordinator.logic.routing import RoutingPolicy, choose_route
from hybrid_coordinator.logic.tokens import estimate_tokens
from hybrid_coordinator.ports import Clock, Ledger, Model

SESSION_TURNS = 6
"""How many earlier exchanges of a session are looked at; what fits the token budget of them is sent."""


@dataclass(slots=True)
class _Account:
    """What is known of an answer while it is being given."""

    id: str
    started: float
    query: Query
    route: Route
    said: list[Delta | Thought | ToolCall] = field(default_factory=list)
    first_word: float | None = None
    card: ModelCard | None = None
    grounded_on: tuple[str, ...] = ()
    digest: str = ""
    finished: Finished | None = None
    prompt: Prompt | None = None
    failure: str | None = None


class Answerer:
    """Answers questions with the models it was given, and records every answer it gave."""

    def __init__(
        self,
        models: Mapping[str, Model],
        augmenter: Augmenter,
        ledger: Ledger,
        history: History,
        clock: Clock,
        routing: RoutingPolicy,
        grounding: GroundingPolicy,
        reference: ModelCard,
    ) -> None:
        """`reference` is the remote model at whose price savings are counted."""
        self._models = models
        self._augmenter = augmenter
        self._ledger = ledger
        self._history = history
        self._clock = clock
        self._routing = routing
        self._grounding = grounding
        self._reference = reference

    async def stream(self, query: Query) -> AsyncGenerator[AnswerEvent, None]:
        """The answer as it comes: `Routed` first, `Answered` last, and recorded whatever happens in between.

        Raises BadInput for a question that is none, and ModelUnavailable when no model gave a whole answer.
        """
        started = self._clock.monotonic()
        query = await self._recall(
            replace(query, text=check_question(query.text), context=clean_material(query.context))
        )
        finding = await self._augmenter.find(f"{query.text}\n{error_lines(query.context)}".strip())
        route = choose_route(query, finding.passages, [model.card for model in self._models.values()], self._routing)
        account = _Account(self._clock.new_id(), started, query, route)
        async with aclosing(self._tell(account, finding.passages)) as events:
            async for event in events:
                yield event

    async def _tell(self, account: _Account, passages: tuple[Passage, ...]) -> AsyncGenerator[AnswerEvent, None]:
        whole = False
        try:
            yield Routed(account.id, account.route, passages)
            async with aclosing(self._say(account, passages)) as events:
                async for event in events:
                    yield event
            whole = True
        except CoordinatorError as error:
            account.failure = str(error)
            raise
        finally:
            if not whole:  # the caller may have hung up: what was said is still a lesson
                account.failure = account.failure or "the caller hung up before the answer was whole"
                with anyio.CancelScope(shield=True):
                    await self._record(account)
        yield Answered(await self._record(account))

    async def _recall(self, query: Query) -> Query:
        if query.history or not query.session_id:
            return query
        earlier = await self._ledger.recent(limit=SESSION_TURNS, session_id=query.session_id)
        turns: list[Turn] = []
        for interaction in reversed(earlier):
            if interaction.failure is None and interaction.parent_id is None and interaction.response:
                turns += [Turn(Role.USER, (interaction.query,)), Turn(Role.ASSISTANT, (interaction.response,))]
        return replace(query, history=tuple(turns))

    async def _say(self, account: _Account, passages: tuple[Passage, ...]) -> AsyncGenerator[AnswerEvent, None]:
        failures: dict[str, ModelUnavailable] = {}
        for name in account.route.attempts:
            model = self._models[name]
            try:
                async with aclosing(self._attempt(model, account, passages)) as events:
                    async for event in events:
                        yield event
            except ModelUnavailable as error:
                if account.said:
                    raise
                failures[name] = error
                yield FellThrough(name, str(error))
            else:
                return
        raise _join_failures(failures)

    async def _attempt(
        self, model: Model, account: _Account, passages: tuple[Passage, ...]
    ) -> AsyncGenerator[AnswerEvent, None]:
        account.card = model.card
        if self._must_digest(model.card, account) and not account.digest:
            async with aclosing(self._digest(account)) as events:
                async for event in events:
                    yield event
        grounding = ground(passages, model.card.location, self._grounding)
        account.grounded_on = tuple(passage.id for passage in grounding.passages)
        account.prompt = question_prompt(account.query, grounding, self._grounding, account.digest)
        yield Attempted(model.card.name, account.grounded_on)
        async with aclosing(model.stream(account.prompt)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Finished):
                    account.finished = piece
                else:
                    if account.first_word is None:
                        account.first_word = self._clock.monotonic()
                    account.said.append(piece)
                    yield piece

    def _must_digest(self, card: ModelCard, account: _Account) -> bool:
        if not account.query.context:
            return False
        if account.route.target is Target.LOCAL_THEN_REMOTE:
            return True
        policy = self._grounding
        taken = account.query.max_tokens + policy.local_budget_tokens + policy.history_budget_tokens
        room = card.context_tokens - taken - estimate_tokens(account.query.text)
        return card.location is Location.LOCAL and estimate_tokens(account.query.context) > room

    async def _digest(self, account: _Account) -> AsyncGenerator[AnswerEvent, None]:
        """Map: every piece of the material is noted by a local model. Reduce: the notes, joined, are the digest."""
        model = self._reader(account.route)
        pieces, skipped = pick_pieces(cut_pieces(account.query.context))
        started, notes = self._clock.monotonic(), []
        usage = Usage()
        for number, piece in enumerate(pieces, 1):
            note = await _listen(model, note_prompt(account.query, piece))
            notes.append(note.text)
            usage = Usage(
                usage.input_tokens + note.finished.usage.input_tokens,
                usage.output_tokens + note.finished.usage.output_tokens,
            )
            yield Digested(model.card.name, number, len(pieces))
        account.digest = join_notes(notes, skipped)
        await self._record_digest(account, model.card, usage, started)

    def _reader(self, route: Route) -> Model:
        names = [name for name in route.attempts if self._models[name].card.location is Location.LOCAL]
        if not names:
            raise ModelUnavailable("the material is too long to send whole and there is no local model to condense it")
        return self._models[names[0]]

    async def _record_digest(self, account: _Account, card: ModelCard, usage: Usage, started: float) -> None:
        kept_home = estimate_tokens(account.query.context) - estimate_tokens(account.digest)
        saved = max(0, kept_home) if account.route.target is Target.LOCAL_THEN_REMOTE else 0
        await self._ledger.append(
            Interaction(
                id=self._clock.new_id(),
                created_at=self._clock.now(),
                query=redact(account.query.text).text,
                response=redact(account.digest).text,
                agent_type=AgentType.LOCAL,
                model_used=card.name,
                session_id=account.query.session_id,
                parent_id=account.id,
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                tokens_used=usage.total_tokens,
                latency_ms=self._since(started),
                tokens_saved=saved,
                cost_saved=self._reference.cost(saved, 0),
                route=account.route,
                tags=(*account.query.tags, "digest"),
            )
        )

    async def _record(self, account: _Account) -> Interaction:
        interaction = self._interaction(account)
        await self._ledger.append(interaction)
        self._history.note_record()
        return interaction

    def _interaction(self, account: _Account) -> Interaction:
        response = "".join(piece.text for piece in account.said if isinstance(piece, Delta))
        counted = account.finished.usage if account.finished else Usage()
        usage = counted if counted.total_tokens else self._guess_usage(account, response)
        card = account.card
        local = card is not None and card.location is Location.LOCAL
        whole = account.failure is None
        stayed = usage.total_tokens if local and whole and self._could_have_left(account.query) else 0
        return Interaction(
            id=account.id,
            created_at=self._clock.now(),
            query=redact(account.query.text).text,
            response=redact(response).text,
            agent_type=AgentType.LOCAL if card is None or local else AgentType.REMOTE,
            model_used=_name_model(account),
            context_provided=account.grounded_on,
            session_id=account.query.session_id,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            tokens_used=usage.total_tokens,
            latency_ms=self._since(account.started),
            first_token_ms=None if account.first_word is None else _ms(account.first_word - account.started),
            cost=card.cost(usage.input_tokens, usage.output_tokens) if card else 0,
            tokens_saved=stayed,
            cost_saved=self._reference.cost(usage.input_tokens, usage.output_tokens) if stayed else 0,
            route=account.route,
            tags=account.query.tags,
            failure=account.failure,
        )

    def _could_have_left(self, query: Query) -> bool:
        """A caller who insisted on a local answer saved nothing by getting one."""
        return query.preference is not Preference.LOCAL

    def _guess_usage(self, account: _Account, response: str) -> Usage:
        """For an answer that was cut short before the model counted, and for servers that do not count."""
        if account.prompt is None:
            return Usage()
        said = estimate_tokens(response)
        asked = sum(estimate_tokens(turn.text) for turn in account.prompt.turns) + estimate_tokens(
            account.prompt.system
        )
        return Usage(asked, said)

    def _since(self, started: float) -> int:
        return _ms(self._clock.monotonic() - started)


def _join_failures(failures: Mapping[str, ModelUnavailable]) -> ModelUnavailable:
    """One error for all of them; trying again makes sense when the first of them may answer again."""
    waits = [error.retry_after_s for error in failures.values() if error.retry_after_s is not None]
    said = "; ".join(f"{name}: {error}" for name, error in failures.items())
    return ModelUnavailable(f"no model answered: {said}", retry_after_s=min(waits, default=None))


def _name_model(account: _Account) -> str:
    """The name the model gave itself, else the one it goes by here."""
    if account.finished and account.finished.model:
        return account.finished.model
    return account.card.name if account.card else ""


async def _listen(model: Model, prompt: Prompt) -> Completion:
    async with aclosing(model.stream(prompt)) as pieces:
        return fold([piece async for piece in pieces])


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


async def answer_whole(answerer: Answerer, query: Query) -> tuple[Routed, Interaction]:
    """For callers that cannot stream: the first and the last event of an answer."""
    routed: Routed | None = None
    async with aclosing(answerer.stream(query)) as events:
        async for event in events:
            if isinstance(event, Routed):
                routed = event
            elif isinstance(event, Answered) and routed is not None:
                return routed, event.interaction
    raise ModelUnavailable("the answer ended before it was whole")
