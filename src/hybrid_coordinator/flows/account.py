"""What is known of an answer while it is being given, and the record that is made of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from hybrid_coordinator.domain.interaction import REJECTED_TAG, AgentType, CacheUse, Interaction
from hybrid_coordinator.domain.knowledge import Passage
from hybrid_coordinator.domain.query import (
    Completion,
    Delta,
    Finished,
    Preference,
    Prompt,
    Query,
    Thought,
    ToolCall,
    Usage,
    Verbatim,
)
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.flows.deciding import Decision
from hybrid_coordinator.flows.digesting import Digest
from hybrid_coordinator.logic.experiments import Variant
from hybrid_coordinator.logic.gaps import SYNTHETIC
from hybrid_coordinator.logic.grounding import Grounding
from hybrid_coordinator.logic.pricing import price_usage
from hybrid_coordinator.logic.provenance import answer_origin
from hybrid_coordinator.logic.redaction import redact
from hybrid_coordinator.logic.tokens import estimate_tokens
from hybrid_coordinator.ports import Clock

CHANNEL = "answer"
"""By which way what is answered here comes into the ledger."""

Told = Delta | Thought | ToolCall | Verbatim


@dataclass(frozen=True, slots=True)
class Discarded:
    """A local answer that nobody was told."""

    id: str
    card: ModelCard
    completion: Completion
    why: str


@dataclass(slots=True)
class Account:
    """One answer, from the question to the record. `doubtful` says that it was told although it was not trusted.

    `shown` are the passages in its prompt and `withheld` the one that, by chance, is not; `grounded_on` are the ids of
    what it rests on. `earlier` are the origins of what it was made of besides: answers before it, or the one recalled.
    `variant` is what its session tries out.
    """

    id: str
    started: float
    query: Query
    decision: Decision
    digest: Digest
    said: list[Told] = field(default_factory=list)
    first_word: float | None = None
    card: ModelCard | None = None
    grounded_on: tuple[str, ...] = ()
    shown: tuple[Passage, ...] = ()
    withheld: tuple[str, ...] = ()
    earlier: tuple[Origin, ...] = ()
    variant: Variant | None = None
    prompt: Prompt | None = None
    finished: Finished | None = None
    discarded: list[Discarded] = field(default_factory=list)
    doubtful: bool = False
    failure: str | None = None

    def ground(self, grounding: Grounding) -> None:
        """Keep what the next model's prompt rests on."""
        self.shown = grounding.passages
        self.grounded_on = tuple(passage.id for passage in grounding.passages)
        self.withheld = (grounding.withheld.id,) if grounding.withheld else ()

    @property
    def text(self) -> str:
        """What was said so far, without thoughts and calls."""
        return "".join(piece.text for piece in self.said if isinstance(piece, Delta))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The tools that were called so far."""
        return tuple(piece for piece in self.said if isinstance(piece, ToolCall))

    def note(self, piece: Told | Finished, at: float) -> None:
        """Keep what a model said at that moment."""
        if isinstance(piece, Finished):
            self.finished = piece
            return
        if self.first_word is None and not (isinstance(piece, Verbatim) and not piece.data):
            self.first_word = at
        if not isinstance(piece, Verbatim):  # what it means follows
            self.said.append(piece)


class Bookkeeper:
    """Makes the records of answers. `reference` is the remote model at whose price savings are counted."""

    def __init__(self, clock: Clock, reference: ModelCard) -> None:
        self._clock = clock
        self._reference = reference

    def answer(self, account: Account) -> Interaction:
        """The record of an answer, whole or not."""
        record = self._begin(account, account.id, account.text, account.calls, _usage(account))
        record = replace(
            record,
            agent_type=_agent(account),
            model_used=_name_model(account.finished, account.card),
            first_token_ms=None if account.first_word is None else _ms(account.first_word - account.started),
            failure=account.failure,
            cache=account.decision.cache_use,
        )
        return self._with_money(record, account)

    def discarded(self, account: Account, discarded: Discarded) -> Interaction:
        """The record of a local answer that was not trusted: it hangs on the one that took its place."""
        said = discarded.completion
        record = self._begin(account, discarded.id, said.text, said.calls, said.finished.usage)
        return replace(
            record,
            model_used=_name_model(said.finished, discarded.card),
            parent_id=account.id,
            tags=(*record.tags, REJECTED_TAG),
            failure=f"not trusted: {discarded.why}",
        )

    def _begin(self, account: Account, id: str, text: str, calls: Iterable[ToolCall], usage: Usage) -> Interaction:
        return Interaction(
            id=id,
            created_at=self._clock.now(),
            query=redact(account.query.text).text,
            response=redact(_with_calls(text, calls)).text,
            agent_type=AgentType.LOCAL,
            model_used="",
            context_provided=account.grounded_on,
            similarities=tuple(passage.similarity for passage in account.shown),
            withheld=account.withheld,
            origin=answer_origin(account.query, account.shown, account.earlier),
            channel=SYNTHETIC if SYNTHETIC in account.query.tags else CHANNEL,
            session_id=account.query.session_id,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            tokens_used=usage.total_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            latency_ms=_ms(self._clock.monotonic() - account.started),
            route=account.decision.route,
            tags=account.query.tags,
            asker=account.query.asker,
            holdout=account.decision.holdout,
        )

    def _with_money(self, record: Interaction, account: Account) -> Interaction:
        """A recalled answer, and one given at home that might have been given elsewhere, save what that had cost."""
        card, usage = account.card, _usage(account)
        recalled = account.decision.cache_use is not CacheUse.NONE
        if card is not None and card.location is Location.REMOTE:
            cost = price_usage(card.name, usage, record.created_at) or card.cost(
                usage.input_tokens, usage.output_tokens
            )
            return replace(record, cost=cost)
        insisted = account.query.preference is Preference.LOCAL or bool(account.query.model)
        if record.failure or insisted or (card is None and not recalled):
            return record
        saved = self._reference.cost(usage.input_tokens, usage.output_tokens)
        return replace(record, tokens_saved=usage.total_tokens, cost_saved=saved)


def _agent(account: Account) -> AgentType:
    local = account.card is None or account.card.location is Location.LOCAL
    return AgentType.LOCAL if local or account.decision.cache_use is not CacheUse.NONE else AgentType.REMOTE


def _usage(account: Account) -> Usage:
    """What the model counted; a guess for an answer that was cut short before that, and where none is counted."""
    counted = account.finished.usage if account.finished else Usage()
    if counted.total_tokens or account.prompt is None:
        return counted
    asked = estimate_tokens(account.prompt.system) + sum(estimate_tokens(turn.text) for turn in account.prompt.turns)
    return Usage(asked, estimate_tokens(account.text))


def _with_calls(text: str, calls: Iterable[ToolCall]) -> str:
    """A call is part of what was said: `[search({"q": 1})]`."""
    return "\n".join(part for part in (text, *(f"[{call.name}({call.arguments})]" for call in calls)) if part)


def _name_model(finished: Finished | None, card: ModelCard | None) -> str:
    """The name the model gave itself, else the one it goes by here."""
    if finished and finished.model:
        return finished.model
    return card.name if card else ""


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
