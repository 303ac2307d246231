"""What outcomes teach the router: kept in the ledger, learned as they come, and learned again after a restart."""

import logging
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from hybrid_coordinator.domain.evidence import Asked, Evidence
from hybrid_coordinator.domain.interaction import REJECTED_TAG, AgentType, Interaction, Outcome, OutcomeKind
from hybrid_coordinator.domain.knowledge import Passage
from hybrid_coordinator.errors import Damaged, EmbedderChanged, Unavailable
from hybrid_coordinator.flows.routing import LearnedRouter
from hybrid_coordinator.logic.draws import draw
from hybrid_coordinator.logic.router_storage import pack_features, unpack_features
from hybrid_coordinator.logic.router_trust import LearningPolicy, explores
from hybrid_coordinator.logic.routing import Lesson, RoutingPolicy
from hybrid_coordinator.ports import EvidenceRecord, Keepsake, Ledger

logger = logging.getLogger(__name__)

REMEMBERED = 10_000
"""So many questions can be learned from as soon as their outcome is heard; others after the next start."""

_QUALITY = {OutcomeKind.SUCCESS: 1.0, OutcomeKind.PARTIAL: 0.5, OutcomeKind.FAILURE: 0.0}


@dataclass(frozen=True, slots=True)
class Taught:
    """What was learned about a question, and what it was learned by, to be kept until its outcome is known."""

    lesson: Lesson
    features: bytes


class Lessons:
    """Asks the router, and tells it what became of its questions."""

    def __init__(
        self,
        router: LearnedRouter,
        ledger: Ledger,
        keepsake: Keepsake,
        routing: RoutingPolicy,
        learning: LearningPolicy,
    ) -> None:
        """The keepsake holds what was learned, so that a start need not learn it again."""
        self.router = router
        self._ledger = ledger
        self._keepsake = keepsake
        self._routing = routing
        self._learning = learning
        self._asked: OrderedDict[str, Asked] = OrderedDict()
        self._untold: deque[Evidence] = deque()
        self._news = anyio.Event()

    async def open(self) -> None:
        """Know again what was known. What cannot be read is learned anew by `keep_up`."""
        try:
            self.router.load(await self._keepsake.load(), await self._rows())
        except (Damaged, Unavailable, EmbedderChanged):
            logger.warning("what the router had learned cannot be read", exc_info=True)

    async def keep_up(self) -> None:
        """Learn from outcomes as they come, for ever; nobody waits for it."""
        if not self.router.dump() and (rows := await self._rows()):
            await self.router.fit(rows)
            await self._save()
        while True:
            await self._news.wait()
            self._news = anyio.Event()
            await self.catch_up()

    async def catch_up(self) -> None:
        """Learn from the outcomes that were heard since the last time."""
        before = self.router.refits
        while self._untold:
            await self.router.learn(self._untold.popleft())
        if self.router.refits != before:
            await self._save()

    async def _rows(self) -> list[Evidence]:
        records = await self._ledger.evidence(limit=self._learning.most_rows)
        return [row for record in reversed(records) if (row := _row(record)) is not None]

    async def _save(self) -> None:
        try:
            await self._keepsake.save(self.router.dump())
        except Unavailable:
            logger.warning("what the router learned was not kept", exc_info=True)

    async def consult(self, answer_id: str, text: str, passages: Sequence[Passage]) -> Taught:
        """What is known of a question before it is routed; its outcome can be told under this id."""
        asked = await self.router.ask(text, passages)
        self._asked[answer_id] = asked
        while len(self._asked) > REMEMBERED:
            self._asked.popitem(last=False)
        return Taught(Lesson(self.router.judge(asked), self._threshold()), pack_features(asked))

    def explores(self, answer_id: str) -> bool:
        """Whether this question goes the other way, to learn."""
        return explores(draw("explore", answer_id), self._learning)

    def note_outcome(self, interaction: Interaction, outcome: Outcome) -> None:
        """Hear what became of an answer; it is learned from later."""
        quality = _QUALITY[outcome.kind]
        local = quality if interaction.agent_type is AgentType.LOCAL else None
        self._note(interaction.id, local, quality if local is None else None)

    def note_rejection(self, answer_id: str) -> None:
        """A local answer to this question was not trusted; that is learned from later."""
        self._note(answer_id, 0.0, None)

    def _note(self, answer_id: str, local: float | None, remote: float | None) -> None:
        asked = self._asked.get(answer_id)
        if asked is not None:
            self._untold.append(Evidence(asked, local, remote))
            self._news.set()

    def _threshold(self) -> float:
        target = self._routing.quality_target
        return self.router.threshold(target) if target else self._routing.local_confidence_threshold


def _row(record: EvidenceRecord) -> Evidence | None:
    """What one interaction teaches; None for one whose outcome nobody told."""
    interaction = record.interaction
    asked = unpack_features(interaction.query, record.features)
    if REJECTED_TAG in interaction.tags:
        return Evidence(asked, local=0.0, at=interaction.created_at)
    if interaction.outcome is None:
        return None
    quality = _QUALITY[interaction.outcome.kind]
    if interaction.agent_type is AgentType.LOCAL:
        return Evidence(asked, local=quality, at=interaction.created_at)
    return Evidence(asked, remote=quality, at=interaction.created_at)
