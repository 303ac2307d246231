"""Look things up: by meaning, by words, by both, or in SQL."""

from collections.abc import Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.answer import Routed
from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.domain.knowledge import CONTEXT_COLLECTIONS, Collection, Passage, SearchMode
from hybrid_coordinator.domain.query import Query
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.flows.answer import Answerer, answer_whole
from hybrid_coordinator.flows.augment import Augmenter
from hybrid_coordinator.logic.modes import QueryMode, choose_mode
from hybrid_coordinator.logic.questions import check_question
from hybrid_coordinator.ports import Ledger, Table

MOST_RESULTS = 100
SQL_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class HybridResults:
    """The same question three ways: by meaning, by words, and both fused."""

    query: str
    semantic: tuple[Passage, ...]
    keyword: tuple[Passage, ...]
    combined: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class RoutedQuery:
    """What `route_query` found. Either `table` (sql) or `passages`; an answer only when one was asked for."""

    query: str
    mode: QueryMode
    reason: str
    passages: tuple[Passage, ...] = ()
    table: Table | None = None
    routed: Routed | None = None
    answer: Interaction | None = None


class Searcher:
    """Searches the knowledge and the ledger."""

    def __init__(self, augmenter: Augmenter, ledger: Ledger, answerer: Answerer) -> None:
        self._augmenter = augmenter
        self._ledger = ledger
        self._answerer = answerer

    async def search(
        self,
        query: str,
        collections: Sequence[Collection] = CONTEXT_COLLECTIONS,
        *,
        limit: int = 5,
        mode: SearchMode = SearchMode.HYBRID,
    ) -> tuple[Passage, ...]:
        """Passages of these collections together, best first."""
        check_limit(limit, "limit")
        finding = await self._augmenter.find(check_question(query), collections, limit=limit, mode=mode)
        return finding.passages

    async def hybrid_search(
        self, query: str, collections: Sequence[Collection], *, limit: int, keyword_limit: int
    ) -> HybridResults:
        """By meaning, by words (`keyword_limit` of them) and both."""
        check_limit(keyword_limit, "keyword_limit")
        return HybridResults(
            query=query,
            semantic=await self.search(query, collections, limit=limit, mode=SearchMode.SEMANTIC),
            keyword=await self.search(query, collections, limit=keyword_limit, mode=SearchMode.KEYWORD),
            combined=await self.search(query, collections, limit=limit, mode=SearchMode.HYBRID),
        )

    async def route_query(
        self, query: str, mode: QueryMode = QueryMode.AUTO, *, generate_response: bool = False, limit: int = 5
    ) -> RoutedQuery:
        """Send the question where it belongs; with `generate_response` a model answers it too."""
        query = check_question(query)
        reason = "the caller asked for it"
        if mode is QueryMode.AUTO:
            mode, reason = choose_mode(query)
        if mode is QueryMode.SQL:
            return await self._read(query, reason, limit=limit, generate_response=generate_response)
        passages = await self.search(query, limit=limit, mode=SearchMode(mode.value))
        if not generate_response:
            return RoutedQuery(query, mode, reason, passages)
        routed, answer = await answer_whole(self._answerer, Query(query))
        return RoutedQuery(query, mode, reason, passages, routed=routed, answer=answer)

    async def _read(self, statement: str, reason: str, *, limit: int, generate_response: bool) -> RoutedQuery:
        if generate_response:
            raise BadInput("generate_response goes with questions, and this is an SQL statement; leave one of them out")
        check_limit(limit, "limit")
        table = await self._ledger.read(statement, limit=limit, timeout_s=SQL_TIMEOUT_S)
        return RoutedQuery(statement, QueryMode.SQL, reason, table=table)


def check_limit(limit: int, name: str) -> None:
    """BadInput for a limit that is not 1..100."""
    if not 1 <= limit <= MOST_RESULTS:
        raise BadInput(f"{name} is {limit!r}; it must be from 1 to {MOST_RESULTS}")
