"""Find what this machine already knows about a question, and put it in front of the question."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from hybrid_coordinator.domain.knowledge import CONTEXT_COLLECTIONS, Collection, Passage, Probe, SearchMode
from hybrid_coordinator.domain.route import Location
from hybrid_coordinator.flows.adapted_questions import AdaptedQuestions, search_adapted
from hybrid_coordinator.flows.experience import Experience
from hybrid_coordinator.flows.history import History
from hybrid_coordinator.flows.stopwatch import RANKING, Stopwatch
from hybrid_coordinator.logic.grounding import GroundingPolicy, augmented_prompt, ground
from hybrid_coordinator.logic.questions import check_question
from hybrid_coordinator.logic.usefulness import choose
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
    """Embeds a question once and searches with it.

    Without an `experience` what is put before a question stands as the search found it; with one, a `stopwatch` times
    what ranking by it takes. Passages are looked for as `adapted` moves questions, each session one way.
    """

    def __init__(
        self,
        embedder: Embedder,
        knowledge: Knowledge,
        history: History,
        policy: GroundingPolicy,
        experience: Experience | None = None,
        stopwatch: Stopwatch | None = None,
        adapted: AdaptedQuestions | None = None,
    ) -> None:
        self._embedder = embedder
        self._knowledge = knowledge
        self._history = history
        self._policy = policy
        self._experience = experience
        self._stopwatch = stopwatch
        self._adapted = adapted

    @property
    def policy(self) -> GroundingPolicy:
        """How a question is grounded now: the threshold of silence moves with what is learned."""
        return self._experience.grounding if self._experience else self._policy

    async def consult(self, text: str, session: str = "") -> Finding:
        """What to put before a question that was checked already, the most useful first. Counts it as accessed."""
        wanted = self._policy.max_passages
        if self._experience is None:
            return await self.find(text, session=session)
        usefulness = self._experience.usefulness
        probe = await self._probe(text)
        found = await self._search(probe, CONTEXT_COLLECTIONS, session, limit=wanted + usefulness.spare)
        with self._stopwatch.timing(RANKING) if self._stopwatch else nullcontext():
            chosen = choose(found, self._experience.pull, wanted, usefulness)
        return self._note(probe, chosen)

    async def find(
        self,
        text: str,
        collections: Sequence[Collection] = CONTEXT_COLLECTIONS,
        *,
        limit: int | None = None,
        mode: SearchMode = SearchMode.HYBRID,
        session: str = "",
    ) -> Finding:
        """Passages for a question that was checked already. Counts them as accessed."""
        probe = await self._probe(text)
        wanted = self._policy.max_passages if limit is None else limit
        return self._note(probe, await self._search(probe, collections, session, limit=wanted, mode=mode))

    async def _search(
        self,
        probe: Probe,
        collections: Sequence[Collection],
        session: str,
        *,
        limit: int,
        mode: SearchMode = SearchMode.HYBRID,
    ) -> list[Passage]:
        adapted = self._adapted.adapt(probe.vector, session) if self._adapted else probe.vector
        return await search_adapted(self._knowledge, probe, adapted, collections, limit=limit, mode=mode)

    async def _probe(self, text: str) -> Probe:
        (vector,) = await self._embedder.embed([text])
        return Probe(text, vector)

    def _note(self, probe: Probe, passages: Sequence[Passage]) -> Finding:
        self._history.note_use(passage.id for passage in passages)
        return Finding(probe, tuple(passages))

    async def augment(self, text: str, location: Location = Location.REMOTE) -> Augmented:
        """The question with what fits of its context into the budget of who will answer. Raises BadInput.

        Nothing is held back by chance: which answer came of it, and whether any did, may never be heard.
        """
        text = check_question(text)
        finding = await self.consult(text)
        grounding = ground(finding.passages, location, self.policy)
        return Augmented(
            augmented_prompt=augmented_prompt(text, grounding),
            context_ids=tuple(passage.id for passage in grounding.passages),
            original_query=text,
        )
