"""Make up questions for a gap, to be asked if somebody permits it."""

from collections.abc import Sequence
from contextlib import aclosing

import anyio

from hybrid_coordinator.domain.query import Delta
from hybrid_coordinator.errors import BadInput, ModelUnavailable
from hybrid_coordinator.flows.vectors import embed_all
from hybrid_coordinator.logic.gaps import SYNTHETIC, Gap
from hybrid_coordinator.logic.synthetic import (
    ANGLES,
    Draft,
    Proposal,
    SyntheticPolicy,
    Way,
    ask_from_angles,
    choose_proposals,
    is_sound,
    questions_prompt,
    read_questions,
)
from hybrid_coordinator.ports import Embedder, Ledger, Model

MOST_PROPOSALS = 50
MOST_ASKED = 1_000
"""Synthetic questions that are not asked again: the last so many."""


class Proposer:
    """Words questions with a local model where there is one, and with templates where that is not enough."""

    def __init__(self, ledger: Ledger, embedder: Embedder, model: Model | None, policy: SyntheticPolicy) -> None:
        self._ledger = ledger
        self._embedder = embedder
        self._model = model
        self._policy = policy

    async def propose(self, gap: Gap, count: int) -> list[Proposal]:
        """At most so many questions that were not asked yet, those of the model first. Asks nothing of anybody."""
        if not 1 <= count <= MOST_PROPOSALS:
            raise BadInput(f"count is {count!r}; it must be from 1 to {MOST_PROPOSALS}")
        examples = [one.question for one in gap.examples]
        worded = [(question, Way.MODEL) for question in await self._ask_model(examples, count)]
        worded += [(question, Way.TEMPLATE) for question in ask_from_angles(examples)]
        sound = [(question, way) for question, way in worded if is_sound(question, examples)]
        vectors = await embed_all(self._embedder, [question for question, _ in sound])
        drafts = [Draft(question, way, vector) for (question, way), vector in zip(sound, vectors, strict=True)]
        asked = [one.query for one in await self._ledger.tagged(SYNTHETIC, since=None, limit=MOST_ASKED)]
        return choose_proposals(
            drafts,
            await embed_all(self._embedder, examples),
            await embed_all(self._embedder, asked),
            count,
            self._policy,
        )

    async def _ask_model(self, examples: Sequence[str], count: int) -> list[str]:
        """What the model makes up about one example after the other; nothing when it is not there, fails or is slow."""
        worded: list[str] = []
        rounds = min(len(examples), -(-count // len(ANGLES)))
        with anyio.move_on_after(self._policy.time_limit_s):
            for start in range(rounds):
                worded += read_questions(await self._hear([*examples[start:], *examples[:start]]))
        return worded

    async def _hear(self, examples: Sequence[str]) -> str:
        if self._model is None:
            return ""
        try:
            async with aclosing(self._model.stream(questions_prompt(examples, self._policy))) as pieces:
                return "".join([piece.text async for piece in pieces if isinstance(piece, Delta)])
        except ModelUnavailable:
            return ""
