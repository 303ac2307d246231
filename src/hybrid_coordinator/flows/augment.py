"""Find what this machine already knows about a question, and put it in front of the question."""

from collections.abc import Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.knowledge import CONTEXT_COLLECTIONS, Collection, Passage, Probe, SearchMode
from hybrid_coordinator.domain.route import Location
from hybrid_coordinator.flows.history import History
from hybrid_coordinator.logic.grounding import GroundingPolicy, augmented_prompt, ground
from hybrid_coordinator.logic.questions import check_question
from hybrid_coordinator.ports import Embedder, Knowledge


@dataclass(frozen=True, slots=True)
class Augmented:
    """A question with its context, in the shape of the users' `augment_query`."""

    augmented_prompt: str
    context_ids: tuple[str, ...]
    original_query: str

    @property
    def context_count(self) -> int:
        return len(self.context_ids)


@dataclass(frozen=True, slots=True)
class Finding:
    """A question as the store sees it, and what was found for it, best first."""

    probe: Probe
    passages: tuple[Passage, ...]


class Augmenter:
    """Embeds a question once and searches with it."""

    def __init__(self, embedder: Embedder, knowledge: Knowledge, history: History, policy: GroundingPolicy) -> None:
        self._embedder = embedder
        self._knowledge = knowledge
        self._history = history
        self._policy = policy

    async def find(
        self,
        text: str,
        collections: Sequence[Collection] = CONTEXT_COLLECTIONS,
        *,
        limit: int | None = None,
        mode: SearchMode = SearchMode.HYBRID,
    ) -> Finding:
        """Passages for a question that was checked already. Counts them as accessed."""
        (vector,) = await self._embedder.embed([text])
        probe = Probe(text, vector)
        passages = await self._knowledge.search(
            probe, collections, limit=self._policy.max_passages if limit is None else limit, mode=mode
        )
        self._history.note_use(passage.id for passage in passages)
        return Finding(probe, tuple(passages))

    async def augment(self, text: str, location: Location = Location.REMOTE) -> Augmented:
        """The question with what fits of its context into the budget of who will answer. Raises BadInput."""
        text = check_question(text)
        finding = await self.find(text)
        grounding = ground(finding.passages, location, self._policy)
        return Augmented(
            augmented_prompt=augmented_prompt(text, grounding),
            context_ids=tuple(passage.id for passage in grounding.passages),
            original_query=text,
        )
