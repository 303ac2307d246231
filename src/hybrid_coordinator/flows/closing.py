"""The end of an answer: it is recorded, and whoever can learn from it is told."""

import logging

from hybrid_coordinator.domain.interaction import AgentType, CacheUse, Interaction, PreferencePair
from hybrid_coordinator.domain.query import StopReason
from hybrid_coordinator.domain.route import Location, Target
from hybrid_coordinator.errors import StorageFull
from hybrid_coordinator.flows.account import Account, Bookkeeper, Discarded
from hybrid_coordinator.flows.caching import SemanticCache
from hybrid_coordinator.flows.lessons import Lessons
from hybrid_coordinator.flows.recalls import Recalls
from hybrid_coordinator.flows.recording import Recorder
from hybrid_coordinator.flows.sessions import Sessions
from hybrid_coordinator.logic.cached_answers import to_cached
from hybrid_coordinator.logic.redaction import redact
from hybrid_coordinator.logic.version_names import is_other_version
from hybrid_coordinator.ports import Clock, Ledger

logger = logging.getLogger(__name__)

ESCALATION = "escalation"
"""Why a remote answer is preferred: it replaced a local one that was not trusted."""


class Closer:
    """Ends accounts. Closing never fails because of the cache."""

    def __init__(
        self,
        bookkeeper: Bookkeeper,
        recorder: Recorder,
        ledger: Ledger,
        cache: SemanticCache,
        sessions: Sessions,
        lessons: Lessons,
        recalls: Recalls,
        clock: Clock,
    ) -> None:
        self._bookkeeper = bookkeeper
        self._recorder = recorder
        self._ledger = ledger
        self._cache = cache
        self._sessions = sessions
        self._lessons = lessons
        self._recalls = recalls
        self._clock = clock

    async def close(self, account: Account) -> Interaction:
        """Record the answer as it is, whole or not; the record."""
        interaction = self._bookkeeper.answer(account)
        keep_words = account.query.wishes.record
        try:
            await self._recorder.record(interaction, keep_words=keep_words)
        except StorageFull:
            if account.query.conversation is None:  # our own faces promise that what was answered is recorded
                raise
            logger.exception("an answer was given and not recorded")
            return interaction
        if account.card is not None and account.finished is not None:
            self._sessions.note(account.query.session_id, account.card, account.finished.usage)
        if keep_words:
            await self._keep_lessons(account, interaction)
        return interaction

    async def _keep_lessons(self, account: Account, interaction: Interaction) -> None:
        if account.decision.recalled is not None:
            self._recalls.note(account.id, account.query)
        if account.decision.features:
            await self._ledger.keep_evidence(account.id, account.decision.features)
        for discarded in account.discarded:
            await self._recorder.record(self._bookkeeper.discarded(account, discarded))
            await self._ledger.keep_evidence(discarded.id, account.decision.features)
            self._lessons.note_rejection(account.id)
            if interaction.failure is None and interaction.agent_type is AgentType.REMOTE:
                await self._ledger.prefer(self._pair(account, interaction, discarded))
        if _may_be_kept(account):
            await self._keep_answer(account)

    def _pair(self, account: Account, chosen: Interaction, discarded: Discarded) -> PreferencePair:
        return PreferencePair(
            id=self._clock.new_id(),
            created_at=self._clock.now(),
            prompt=chosen.query,
            chosen=chosen.response,
            rejected=redact(discarded.completion.text).text,
            why=ESCALATION,
            chosen_id=account.id,
            rejected_id=discarded.id,
        )

    async def _keep_answer(self, account: Account) -> None:
        key, finished = account.decision.cache_key, account.finished
        assert key is not None
        assert finished is not None
        await self._cache.store(
            key,
            to_cached(account.text, finished),
            passage_ids=account.grounded_on,
            interaction_id=account.id,
        )


def _may_be_kept(account: Account) -> bool:
    """A whole answer in words, of which nothing is doubtful."""
    finished, decision = account.finished, account.decision
    whole = finished is not None and finished.stop is StopReason.END and account.failure is None
    fresh = decision.cache_key is not None and decision.cache_use is CacheUse.NONE
    return whole and fresh and bool(account.text.strip()) and not account.calls and not _is_trial(account)


def _is_trial(account: Account) -> bool:
    """Not the answer that is usual here: a stopgap, one by a version on trial, or one that went by chance without
    something that was learned."""
    return bool(account.withheld) or _is_stopgap(account) or _is_by_another_version(account)


def _is_by_another_version(account: Account) -> bool:
    """Given by a version that answers a share of the sessions only."""
    card, finished = account.card, account.finished
    if card is None or finished is None or not card.version:
        return False
    return is_other_version(finished.model, card.version)


def _is_stopgap(account: Account) -> bool:
    """Told for want of a better one: not trusted, or given at home because the vendor could not be asked."""
    meant_away = account.decision.route.target is Target.REMOTE
    return account.doubtful or (meant_away and account.card is not None and account.card.location is Location.LOCAL)
