"""Writing down what was answered, and telling those who keep count."""

from dataclasses import replace

from hybrid_coordinator.domain.interaction import UNRECORDED_TAG, Interaction
from hybrid_coordinator.flows.budgets import Budgets
from hybrid_coordinator.flows.history import History
from hybrid_coordinator.ports import Ledger


class Recorder:
    """The one way by which an answer gets into the ledger."""

    def __init__(self, ledger: Ledger, history: History, budgets: Budgets) -> None:
        self._ledger = ledger
        self._history = history
        self._budgets = budgets

    async def record(self, interaction: Interaction, *, keep_words: bool = True, patient: bool = False) -> None:
        """Keep it for good. Its cost counts from here on, even while it is being written.

        Without `keep_words` nothing of what was said is kept, nor in which session: only that a key asked, and what
        that cost. A `patient` caller has answered already, and waits for others that write.
        """
        self._budgets.note(interaction)
        await self._ledger.append(interaction if keep_words else _wordless(interaction), patient=patient)
        self._history.note_record()


def _wordless(interaction: Interaction) -> Interaction:
    return replace(
        interaction, query="", response="", context_provided=(), session_id=None, route=None, tags=(UNRECORDED_TAG,)
    )
