"""Fill a gap: ask made-up questions for money that somebody granted, and learn from the answers that hold."""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind
from hybrid_coordinator.domain.query import Preference, Query, Wishes
from hybrid_coordinator.domain.route import ModelCard
from hybrid_coordinator.errors import BadInput, ModelUnavailable, OverBudget
from hybrid_coordinator.flows.gaps import Gaps
from hybrid_coordinator.flows.proposing import Proposer
from hybrid_coordinator.logic.gaps import SYNTHETIC, Gap
from hybrid_coordinator.logic.question_key import question_key
from hybrid_coordinator.logic.synthetic import Proposal
from hybrid_coordinator.logic.tokens import estimate_tokens
from hybrid_coordinator.logic.verification import Answer, Verification, VerificationPolicy, verify
from hybrid_coordinator.ports import Embedder, Knowledge, Ledger

ANSWERS = 2
"""So many answers to a question are compared."""

MOST_ANSWERS = 1_000
"""Of one gap."""

Ask = Callable[[Query], Awaitable[Interaction]]
"""Answers a question; the record of it. Raises ModelUnavailable and OverBudget."""

Settle = Callable[[str, Outcome], Awaitable[object]]
"""Says what became of an interaction."""


@dataclass(frozen=True, slots=True)
class FillPolicy:
    """An answer has at most `max_tokens`; `context_tokens` are what may be put before a question, for the estimate.
    After `most_refusals` questions in a row that nobody answered no more are asked."""

    max_tokens: int = 500
    context_tokens: int = 1_700
    most_refusals: int = 2
    verification: VerificationPolicy = field(default_factory=VerificationPolicy)


@dataclass(frozen=True, slots=True)
class Planned:
    """First: what will be asked, and what one answer costs at most; money is micro-dollars. `spent` was spent on this
    gap before."""

    gap: Gap
    questions: tuple[str, ...]
    estimate: int
    spent: int
    budget: int


@dataclass(frozen=True, slots=True)
class Judged:
    """A question has its answers, and they were compared. A verified answer counts as a success from now on."""

    question: str
    interaction: Interaction
    verification: Verification
    spent: int


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Nobody answered a question; it can be asked again."""

    question: str
    why: str


@dataclass(frozen=True, slots=True)
class FillSummary:
    """Last: how it went, and why no more was asked."""

    gap: str
    judged: int
    verified: int
    unanswered: int
    spent: int
    budget: int
    why: str


FillEvent = Planned | Judged | Unanswered | FillSummary


@dataclass(slots=True)
class _Purse:
    """Money granted and spent, in micro-dollars, and what it bought so far."""

    budget: int
    spent: int
    judged: int = 0
    verified: int = 0
    unanswered: int = 0
    refusals: int = 0
    stopped: str = ""


class Filler:
    """Keeps everything in the ledger: a fill that was stopped or killed goes on where it was.

    The budget is that of the gap, whatever was spent on it before: filling again with the same one never spends more. A
    kill while a model speaks can lose the cost of that one answer.
    """

    def __init__(
        self,
        gaps: Gaps,
        proposer: Proposer,
        ask: Ask,
        settle: Settle,
        ledger: Ledger,
        knowledge: Knowledge,
        embedder: Embedder,
        cards: Sequence[ModelCard],
        policy: FillPolicy,
    ) -> None:
        """`cards` are those of the models that may answer: what one costs at most is estimated with the dearest."""
        self._gaps = gaps
        self._proposer = proposer
        self._ask = ask
        self._settle = settle
        self._ledger = ledger
        self._knowledge = knowledge
        self._embedder = embedder
        self._cards = cards
        self._policy = policy

    async def fill(
        self, name: str, *, budget_usd: float, permitted: bool, questions: int = 10
    ) -> AsyncGenerator[FillEvent, None]:
        """Ask at most so many questions in all, remote models only. Raises BadInput without permission or budget, and
        NotFound for a gap that is none. Closing the generator stops it; what was answered is kept."""
        check_permission(permitted=permitted, budget_usd=budget_usd)
        gap = await self._gaps.show(name)
        answered = await self._answered(gap)
        purse = _Purse(round(budget_usd * 1_000_000), sum(map(self._charge, answered)))
        asked = _by_question(one for one in answered if _is_whole(one))
        open_ones = [records[0].query for records in asked.values() if records[0].outcome is None]
        fresh = [one.question for one in await self._propose(gap, questions - len(asked))]
        planned = (*open_ones, *fresh)
        yield Planned(gap, planned, self._estimate(gap.middle), purse.spent, purse.budget)
        for question in planned:
            event = await self._try(gap, question, asked.get(question_key(question), []), purse)
            if event is not None:
                yield event
            if purse.stopped:
                break
        yield _summary(gap, purse)

    async def _answered(self, gap: Gap) -> list[Interaction]:
        """Everything that was asked for this gap, oldest first."""
        return (await self._ledger.tagged(gap.tag, since=None, limit=MOST_ANSWERS))[::-1]

    async def _propose(self, gap: Gap, count: int) -> list[Proposal]:
        return await self._proposer.propose(gap, count) if count > 0 else []

    async def _try(self, gap: Gap, question: str, records: list[Interaction], purse: _Purse) -> FillEvent | None:
        """Ask what is missing, and compare; None when the money does not reach for that."""
        while len(records) < ANSWERS:
            if purse.spent + self._estimate(question) > purse.budget:
                purse.stopped = "the budget does not reach for another answer"
                return None
            try:
                records.append(await self._ask(self._query(gap, question)))
            except (ModelUnavailable, OverBudget) as error:
                return self._refused(question, error, purse)
            purse.spent += self._charge(records[-1])
        purse.refusals = 0
        return await self._judge(question, records, purse)

    async def _judge(self, question: str, records: Sequence[Interaction], purse: _Purse) -> Judged:
        first, second = [await self._gather(record) for record in records[:ANSWERS]]
        verification = verify(first, second, self._policy.max_tokens, self._policy.verification)
        if verification.verified:
            await self._settle(first.record.id, Outcome(OutcomeKind.SUCCESS))
        purse.judged += 1
        purse.verified += verification.verified
        return Judged(question, first.record, verification, purse.spent)

    async def _gather(self, record: Interaction) -> Answer:
        (vector,) = await self._embedder.embed([record.response])
        return Answer(record, vector, await self._knowledge.get(record.context_provided))

    def _query(self, gap: Gap, question: str) -> Query:
        return Query(
            question,
            preference=Preference.REMOTE,
            max_tokens=self._policy.max_tokens,
            tags=(SYNTHETIC, gap.tag),
            wishes=Wishes(cache=False),
        )

    def _refused(self, question: str, error: ModelUnavailable | OverBudget, purse: _Purse) -> Unanswered:
        purse.unanswered += 1
        purse.refusals += 1
        if purse.refusals >= self._policy.most_refusals or isinstance(error, OverBudget):
            purse.stopped = f"nobody answers: {error}"
        return Unanswered(question, str(error))

    def _estimate(self, question: str) -> int:
        """Micro-dollars that one answer costs at most, by the dearest model."""
        tokens = estimate_tokens(question) + self._policy.context_tokens
        return max((card.cost(tokens, self._policy.max_tokens) for card in self._cards), default=0)

    def _charge(self, record: Interaction) -> int:
        """What an answer cost; one of a remote model without a known price is charged as the dearest."""
        if record.cost or record.agent_type is not AgentType.REMOTE:
            return record.cost
        return max((card.cost(record.input_tokens, record.output_tokens) for card in self._cards), default=0)


def check_permission(*, permitted: bool, budget_usd: float) -> None:
    """BadInput unless somebody said that questions may be asked, and for how much money."""
    if not permitted:
        raise BadInput("filling a gap asks remote models and costs money; say that it is permitted")
    if not (math.isfinite(budget_usd) and budget_usd > 0):
        raise BadInput(f"the budget is {budget_usd!r} dollars; it must be more than 0")


def _by_question(records: Iterable[Interaction]) -> dict[int, list[Interaction]]:
    asked: dict[int, list[Interaction]] = {}
    for record in records:
        asked.setdefault(question_key(record.query), []).append(record)
    return asked


def _is_whole(record: Interaction) -> bool:
    return record.failure is None and record.parent_id is None and bool(record.response.strip())


def _summary(gap: Gap, purse: _Purse) -> FillSummary:
    why = purse.stopped or "everything that was planned was asked"
    return FillSummary(gap.name, purse.judged, purse.verified, purse.unanswered, purse.spent, purse.budget, why)
