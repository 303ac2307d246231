"""Keep `interaction-history` and the usage counts in step with the ledger, behind the back of the person waiting."""

import logging
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence

import anyio

from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.errors import CoordinatorError
from hybrid_coordinator.ports import Embedder, Knowledge, Ledger

BATCH = 64
QUIET_S = 0.2
"""Filing waits for a pause of this length between answers: it must not slow down those who wait for one."""
PATIENCE_S = 15.0
"""Without any pause it begins after this long all the same."""
COPIES = 6
"""So often the same answer to the same question is filed: enough for the score to see that it is asked often."""
REMEMBERED = 4096
"""Questions with their answers of which the copies are counted: the last so many."""
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
        self._records = 0
        self._copies: OrderedDict[int, int] = OrderedDict()

    def note_use(self, passage_ids: Iterable[str]) -> None:
        """Count one retrieval of each passage, to be written down soon."""
        self._uses.update(passage_ids)
        self._news.set()

    def note_record(self) -> None:
        """Say that the ledger holds something new."""
        self._records += 1
        self._news.set()

    async def catch_up(self, most: int | None = None) -> int:
        """File interactions that are recorded and not filed, the oldest first, and write usage counts; how many were
        filed. With `most` it ends soon after so many."""
        filed = 0
        while (most is None or filed < most) and (count := await self._file_batch()):
            filed += count
        await self._write_uses()
        return filed

    async def file(self, interaction: Interaction) -> None:
        """File this one now, however many wait before it."""
        async with self._lock:
            await self._put([interaction])
            await self._ledger.mark_filed([interaction])

    async def _file_batch(self) -> int:
        async with self._lock:
            batch = await self._ledger.unfiled(limit=BATCH)
            await self._put(self._worth_filing(batch))
            await self._ledger.mark_filed(batch)
            self._remember(batch)
        return len(batch)

    async def _put(self, interactions: Sequence[Interaction]) -> None:
        drafts = [history_draft(interaction) for interaction in interactions]
        vectors = await self._embedder.embed([draft.key for draft in drafts])
        await self._knowledge.put(drafts, vectors)

    def _worth_filing(self, batch: Sequence[Interaction]) -> list[Interaction]:
        """All but those without words, and those of which enough copies are there."""
        copies = Counter({sign: self._copies.get(sign, 0) for sign in map(_sign, batch)})
        worth = []
        for interaction in batch:
            copies[_sign(interaction)] += 1
            if interaction.query.strip() and copies[_sign(interaction)] <= COPIES:
                worth.append(interaction)
        return worth

    def _remember(self, batch: Sequence[Interaction]) -> None:
        for sign in map(_sign, batch):
            self._copies[sign] = self._copies.get(sign, 0) + 1
            self._copies.move_to_end(sign)
        while len(self._copies) > REMEMBERED:
            self._copies.popitem(last=False)

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
            await self._wait_for_a_pause()
            self._news = anyio.Event()
            try:
                await self._file_while_quiet()
            except CoordinatorError:
                logger.exception("filing the history failed; trying again in %.0f s", RETRY_S)
                await anyio.sleep(RETRY_S)
                self._news.set()

    async def _file_while_quiet(self) -> None:
        """One batch in any case, and further ones until somebody is answered again."""
        seen = self._records
        while await self._file_batch():
            if self._records != seen:
                self._news.set()
                break
        await self._write_uses()

    async def _wait_for_a_pause(self) -> None:
        with anyio.move_on_after(PATIENCE_S):
            seen = -1
            while seen != self._records:
                seen = self._records
                await anyio.sleep(QUIET_S)


def _sign(interaction: Interaction) -> int:
    """What tells one piece of history from another; what became of it is part of it."""
    return hash((interaction.query, interaction.response, interaction.outcome))


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
            "origin": interaction.origin.value,
        },
        source=f"interaction:{interaction.id}",
    )
