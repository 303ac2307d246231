"""Answer a question: recall, find, route, say, check, record."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import anyio

from hybrid_coordinator.domain.answer import (
    Answered,
    AnswerEvent,
    Attempted,
    FellThrough,
    Recalled,
    Rejected,
    Routed,
)
from hybrid_coordinator.domain.interaction import HUNG_UP, Interaction
from hybrid_coordinator.domain.query import Completion, Delta, Finished, Prompt, Query, Role, Turn
from hybrid_coordinator.domain.route import Location
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.errors import CoordinatorError, ModelUnavailable, NotFound, VendorRefused
from hybrid_coordinator.flows.account import Account, Discarded, Told
from hybrid_coordinator.flows.closing import Closer
from hybrid_coordinator.flows.deciding import Decider
from hybrid_coordinator.flows.digesting import Digest, Digester, listen
from hybrid_coordinator.flows.stopwatch import WITHHOLDING, Stopwatch
from hybrid_coordinator.flows.traffic import Traffic
from hybrid_coordinator.logic.cached_answers import from_cached
from hybrid_coordinator.logic.experiments import Variant, assign_variant
from hybrid_coordinator.logic.grounding import Grounding, GroundingPolicy, ground, question_prompt, weave, without
from hybrid_coordinator.logic.questions import check_question, clean_material
from hybrid_coordinator.logic.validation import ValidationPolicy, check_answer
from hybrid_coordinator.logic.withholding import WithholdingPolicy, choose_withheld
from hybrid_coordinator.ports import Clock, Ledger, Model

SESSION_TURNS = 6
"""How many earlier exchanges of a session are looked at; what fits the token budget of them is sent."""


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """How questions are put to models, whether local answers are checked before they are trusted, and how often one
    goes without something learned. Of several `variants` each session has one, which grounds its answers."""

    grounding: GroundingPolicy
    validation: ValidationPolicy
    check_local: bool = True
    withholding: WithholdingPolicy = field(default_factory=WithholdingPolicy)
    variants: tuple[Variant, ...] = ()


class Answerer:
    """Answers questions with the models it was given, and records every answer it gave."""

    def __init__(
        self,
        models: Mapping[str, Model],
        decider: Decider,
        digester: Digester,
        closer: Closer,
        ledger: Ledger,
        clock: Clock,
        policy: AnswerPolicy,
        traffic: Traffic,
        stopwatch: Stopwatch,
    ) -> None:
        """The traffic hears of every question for as long as it is being answered."""
        self._models = models
        self._decider = decider
        self._digester = digester
        self._closer = closer
        self._ledger = ledger
        self._clock = clock
        self._policy = policy
        self._traffic = traffic
        self._stopwatch = stopwatch

    async def stream(
        self, query: Query, voices: Mapping[str, Model] | None = None
    ) -> AsyncGenerator[AnswerEvent, None]:
        """The answer as it comes: `Routed` first, `Answered` last, and recorded whatever happens in between.

        `voices` stand in for the models of their names, or beside them, for this question only. Raises BadInput for a
        question that is none, OverBudget, and ModelUnavailable when no model gave a whole answer.
        """
        with self._traffic.answering():
            async with aclosing(self._stream(query, voices)) as events:
                async for event in events:
                    yield event

    async def _stream(self, query: Query, voices: Mapping[str, Model] | None) -> AsyncGenerator[AnswerEvent, None]:
        started = self._clock.monotonic()
        answer_id = self._clock.new_id()
        voices = voices or {}
        models = {**voices, **self._models, **voices}  # the voices first: they speak as the asker does
        query, earlier = await self._prepare(query)
        variant = self._variant_of(query.session_id or answer_id)
        decision = await self._decider.decide(answer_id, query, [model.card for model in models.values()])
        if variant is not None and decision.recalled is None:
            query = replace(query, tags=(*query.tags, variant.tag))
        digest = Digest(answer_id, query, decision.route, decision.holdout)
        account = Account(answer_id, started, query, decision, digest, earlier=earlier)
        account.variant = variant
        async with aclosing(self._tell(account, models)) as events:
            async for event in events:
                yield event

    def _variant_of(self, session: str) -> Variant | None:
        """What a session tries out; the same for all of its questions."""
        variants = {variant.name: variant for variant in self._policy.variants}
        return variants[assign_variant(str(self._policy.variants), session, list(variants))] if variants else None

    async def _prepare(self, query: Query) -> tuple[Query, tuple[Origin, ...]]:
        """The question as it is asked, and the origins of the answers that go before it."""
        if (
            query.conversation is not None
        ):  # the client sends its history along, and its question may be a tool's result
            return query, ()
        query = replace(query, text=check_question(query.text), context=clean_material(query.context))
        if query.history or not query.session_id:
            return query, ()
        earlier = await self._ledger.recent(limit=SESSION_TURNS, session_id=query.session_id)
        origins = tuple(interaction.origin for interaction in earlier if _is_told(interaction))
        return replace(query, history=_turns(reversed(earlier))), origins

    async def _tell(self, account: Account, models: Mapping[str, Model]) -> AsyncGenerator[AnswerEvent, None]:
        decision, whole = account.decision, False
        try:
            yield Routed(account.id, decision.route, decision.passages)
            telling = self._recite(account) if decision.recalled else self._say(account, models)
            async with aclosing(telling) as events:
                async for event in events:
                    yield event
            whole = True
        except CoordinatorError as error:
            account.failure = str(error)
            raise
        finally:
            if not whole:  # the caller may have hung up: what was said is still a lesson
                account.failure = account.failure or HUNG_UP
                with anyio.CancelScope(shield=True):
                    await self._closer.close(account)
        interaction = await self._closer.close(account)
        assert account.finished is not None
        yield Answered(interaction, account.finished)

    async def _recite(self, account: Account) -> AsyncGenerator[AnswerEvent, None]:
        """The answer that the cache holds."""
        recalled = account.decision.recalled
        assert recalled is not None
        finished = from_cached(recalled.answer)
        yield Recalled(recalled.interaction_id or "", account.decision.cache_use, finished.model)
        account.grounded_on = recalled.passage_ids
        account.earlier = (await self._origin_of(recalled.interaction_id),)
        piece = Delta(recalled.answer.text)
        for part in (piece, finished):
            account.note(part, self._clock.monotonic())
        yield piece

    async def _origin_of(self, interaction_id: str | None) -> Origin:
        """Of an answer that was given before; what nobody knows any more is not trusted."""
        try:
            return (await self._ledger.get(interaction_id or "")).origin
        except NotFound:
            return Origin.UNTRUSTED_DOCUMENT

    async def _say(self, account: Account, models: Mapping[str, Model]) -> AsyncGenerator[AnswerEvent, None]:
        failures: dict[str, ModelUnavailable] = {}
        attempts = account.decision.route.attempts
        for number, name in enumerate(attempts):
            later = [models[other] for other in attempts[number + 1 :]]
            try:
                async with aclosing(self._attempt(models[name], later, account, models)) as events:
                    async for event in events:
                        yield event
            except ModelUnavailable as error:
                if account.first_word is not None:
                    raise
                failures[name] = error
                yield FellThrough(name, str(error))
            if account.finished is not None:
                return
        async with aclosing(self._settle_for(account, failures)) as events:
            async for event in events:
                yield event

    async def _attempt(
        self, model: Model, later: Sequence[Model], account: Account, models: Mapping[str, Model]
    ) -> AsyncGenerator[AnswerEvent, None]:
        account.card = model.card
        if self._digester.is_due(account.digest, model.card):
            async with aclosing(self._digester.digest(account.digest, models)) as steps:
                async for step in steps:
                    yield step
        account.prompt = prompt = self._prompt(account, model.card.location)
        yield Attempted(model.card.name, account.grounded_on, model.card.location)
        telling = self._hold_back if self._must_check(model, later) else self._speak
        async with aclosing(telling(model, prompt, account)) as events:
            async for event in events:
                yield event

    def _prompt(self, account: Account, reader: Location) -> Prompt:
        account.ground(grounding := self._ground(account, reader))
        conversation, policy = account.query.conversation, self._policy.grounding
        if conversation is not None:
            prompt = weave(conversation, grounding)
        else:
            prompt = question_prompt(account.query, grounding, policy, account.digest.text)
        return replace(prompt, session=account.query.session_id or account.id)

    def _ground(self, account: Account, reader: Location) -> Grounding:
        """What is put before the question; now and then by chance one thing less, but never in the hold-out, which is
        compared with everything else."""
        decision = account.decision
        policy = account.variant.grounding if account.variant else self._policy.grounding
        policy = replace(policy, min_similarity=max(policy.min_similarity, decision.min_similarity))
        grounding = ground(decision.passages, reader, policy)
        if decision.holdout:
            return grounding
        with self._stopwatch.timing(WITHHOLDING):
            return without(grounding, choose_withheld(account.id, grounding.passages, self._policy.withholding), reader)

    def _must_check(self, model: Model, later: Sequence[Model]) -> bool:
        """A local answer is held back while it can still be replaced; otherwise it is told as it comes."""
        replaceable = any(other.card.location is Location.REMOTE for other in later)
        return self._policy.check_local and replaceable and model.card.location is Location.LOCAL

    async def _speak(self, model: Model, prompt: Prompt, account: Account) -> AsyncGenerator[AnswerEvent, None]:
        async with aclosing(model.stream(prompt)) as pieces:
            async for piece in pieces:
                account.note(piece, self._clock.monotonic())
                if not isinstance(piece, Finished):
                    yield piece

    async def _hold_back(self, model: Model, prompt: Prompt, account: Account) -> AsyncGenerator[AnswerEvent, None]:
        completion = await listen(model, prompt)
        flaw = check_answer(prompt, completion, account.shown, self._policy.validation)
        if flaw is not None:
            account.discarded.append(Discarded(self._clock.new_id(), model.card, completion, flaw.why))
            yield Rejected(model.card.name, flaw.why)
            return
        for piece in self._deliver(completion, account):
            yield piece

    def _deliver(self, completion: Completion, account: Account) -> list[Told]:
        """The pieces of an answer that was held back, noted as if they came now."""
        spoken = (Delta(completion.text),) if completion.text else ()
        pieces: list[Told] = [*completion.thoughts, *spoken, *completion.calls]
        for piece in (*pieces, completion.finished):
            account.note(piece, self._clock.monotonic())
        return pieces

    async def _settle_for(
        self, account: Account, failures: Mapping[str, ModelUnavailable]
    ) -> AsyncGenerator[AnswerEvent, None]:
        """A doubtful local answer beats none, when those who were to replace it could not be asked."""
        if not account.discarded:
            raise _join_failures(failures)
        best = account.discarded.pop(0)
        account.card, account.doubtful = best.card, True
        for piece in self._deliver(best.completion, account):
            yield piece


def _turns(earlier: Iterable[Interaction]) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    for interaction in earlier:
        if _is_told(interaction):
            turns += [Turn(Role.USER, (interaction.query,)), Turn(Role.ASSISTANT, (interaction.response,))]
    return tuple(turns)


def _is_told(interaction: Interaction) -> bool:
    """Whether it is a whole answer that somebody heard."""
    return interaction.failure is None and interaction.parent_id is None and bool(interaction.response)


def _join_failures(failures: Mapping[str, ModelUnavailable]) -> ModelUnavailable:
    """One error for all of them; a vendor's own words to its own client go before ours.

    Trying again makes sense when the first of them may answer again.
    """
    for error in failures.values():
        if isinstance(error, VendorRefused):
            return error
    waits = [error.retry_after_s for error in failures.values() if error.retry_after_s is not None]
    said = "; ".join(f"{name}: {error}" for name, error in failures.items())
    return ModelUnavailable(f"no model answered: {said}", retry_after_s=min(waits, default=None))


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
