"""Keep `interaction-history` and the usage counts in step with the ledger, behind the back of the person waiting."""

import logging
from collections import Counter
from collections.abc import Iterable

import anyio

from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.errors import CoordinatorError
from hybrid_coordinator.ports import Embedder, Knowledge, Ledger

BATCH = 64
SETTLE_S = 0.2
"""News that comes close together is filed together."""
RETRY_S = 15.0
TIDY_S = 600.0

logger = logging.getLogger(__name__)


class History:
    """Copies what the ledger recorded into the searchable history. The ledger is the truth; copying may be redone.

    Usage counts that were not written yet are lost with a kill; they were never acknowledged to anybody.
    """

    def __init__(self, ledger: Ledger, knowledge: Knowledge, embedder: Embedder) -> None:
        self._ledger = ledger
        self._knowledge = knowledge
        self._embedder = embedder
        self._uses: Counter[str] = Counter()
        self._lock = anyio.Lock()
        self._news = anyio.Event()

    def note_use(self, passage_ids: Iterable[str]) -> None:
        """Count one retrieval of each passage, to be written down soon."""
        self._uses.update(passage_ids)
        self._news.set()

    def note_record(self) -> None:
        """Say that the ledger holds something new."""
        self._news.set()

    async def catch_up(self) -> int:
        """File every interaction that is recorded and not filed, and write usage counts; how many were filed."""
        filed = 0
        async with self._lock:
            while batch := await self._ledger.unfiled(limit=BATCH):
                drafts = [history_draft(interaction) for interaction in batch]
                vectors = await self._embedder.embed([draft.key for draft in drafts])
                await self._knowledge.put(drafts, vectors)
                await self._ledger.mark_filed(batch)
                filed += len(batch)
            await self._write_uses()
        return filed

    async def _write_uses(self) -> None:
        uses, self._uses = self._uses, Counter()
        if not uses:
            return
        passages = await self._knowledge.get(list(uses))
        changes = {
            passage.id: {"access_count": int(passage.payload.get("access_count", 0)) + uses[passage.id]}
            for passage in passages
        }
        await self._knowledge.amend(changes)

    async def keep_tidy(self) -> None:
        """Let the store tidy itself now and then, for ever; it knows whether that is worth it."""
        while True:
            await anyio.sleep(TIDY_S)
            try:
                await self._knowledge.tidy()
            except CoordinatorError:
                logger.exception("tidying the collections failed; trying again in %.0f s", TIDY_S)

    async def keep_up(self) -> None:
        """Catch up after every piece of news, for ever. A store that fails is tried again later."""
        while True:
            await self._news.wait()
            await anyio.sleep(SETTLE_S)
            self._news = anyio.Event()
            try:
                await self.catch_up()
            except CoordinatorError:
                logger.exception("filing the history failed; trying again in %.0f s", RETRY_S)
                await anyio.sleep(RETRY_S)
                self._news.set()


def history_draft(interaction: Interaction) -> Draft:
    """An interaction as a passage of `interaction-history`: found by its question, read as question and answer."""
    outcome = interaction.outcome
    return Draft(
        id=interaction.id,
        collection=Collection.INTERACTIONS,
        key=interaction.query,
        text=f"{interaction.query}\n\n{interaction.response}",
        payload={
            "query": interaction.query,
            "response": interaction.response,
            "agent_type": interaction.agent_type.value,
            "model_used": interaction.model_used,
            "context_provided": list(interaction.context_provided),
            "outcome": outcome.kind.value if outcome else None,
            "user_feedback": outcome.user_feedback if outcome else None,
            "tokens_used": interaction.tokens_used,
            "latency_ms": interaction.latency_ms,
            "value_score": interaction.value.total if interaction.value else None,
            "timestamp": interaction.created_at.isoformat(),
        },
        source=f"interaction:{interaction.id}",
    )
