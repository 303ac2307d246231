"""The library face: `HybridWorkflow` as the users' "Hybrid Workflow" document uses it.

It is called from ordinary code, so it keeps one event loop in a thread of its own and hands every call over to it.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, Self

from anyio.from_thread import BlockingPortal, start_blocking_portal

from hybrid_coordinator.app import House, open_house
from hybrid_coordinator.domain.interaction import Outcome, OutcomeKind
from hybrid_coordinator.domain.knowledge import Collection, Passage
from hybrid_coordinator.domain.query import Preference, Profile, Query
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.flows.answer import answer_whole
from hybrid_coordinator.flows.reports import Report
from hybrid_coordinator.flows.teaching import Lesson
from hybrid_coordinator.settings import Settings, load_settings

WORKFLOW_COLLECTIONS = (Collection.ERRORS, Collection.SKILLS, Collection.PRACTICES)
"""What the document searches, ..."""
WORKFLOW_LIMIT = 5
"""... and how many it keeps."""


@dataclass(frozen=True, slots=True)
class ContextResult:
    """A passage as the document reads it: `score` is its similarity in [0, 1], `payload` its fields and `text`."""

    id: str
    score: float
    payload: Mapping[str, Any]


class HybridWorkflow:
    """Coordinate local and remote models. Use it in a `with`, or call `close` at the end: it owns the data folder.

    Raises DataFolderBusy while a server owns the folder: talk to that one over HTTP or MCP instead.
    """

    profile = Profile.DEFAULT

    def __init__(self, settings: Settings | None = None) -> None:
        self._stack = ExitStack()
        settings = load_settings(os.environ) if settings is None else settings
        try:
            self._portal: BlockingPortal = self._stack.enter_context(start_blocking_portal())
            self._house: House = self._stack.enter_context(self._portal.wrap_async_context_manager(_opened(settings)))
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """File what is left and let go of the data folder. Idempotent."""
        self._stack.close()

    def execute_query(self, query: str, user_context: str | None = None) -> dict[str, Any]:
        """Search, decide, answer and record: `response`, `llm_used`, `relevance_score`, `context_found`.

        Beside the document's keys: `interaction_id` to settle it by, and the route's `reason`.
        """
        question = Query(query, context=user_context or "", profile=self.profile)
        routed, interaction = self._portal.call(answer_whole, self._house.answerer, question)
        return {
            "response": interaction.response,
            "llm_used": interaction.agent_type.value,
            "relevance_score": routed.route.relevance,
            "context_found": bool(routed.passages),
            "interaction_id": interaction.id,
            "reason": routed.route.reason,
        }

    def search_local_context(self, query: str) -> list[ContextResult]:
        """The five best of error solutions, skills and practices, by descending similarity."""

        async def search() -> tuple[Passage, ...]:
            return await self._house.searcher.search(query, WORKFLOW_COLLECTIONS, limit=WORKFLOW_LIMIT)

        return sorted(map(_context_result, self._portal.call(search)), key=lambda found: -found.score)

    def query_local_llm(self, query: str, context: Sequence[ContextResult] = ()) -> str:
        """Ask a local model, whatever the route would be; `context` is sent along."""
        return self._insist(query, context, Preference.LOCAL)

    def query_remote_api(self, query: str, context: Sequence[ContextResult] = ()) -> str:
        """Ask a remote model, whatever the route would be; raises ModelUnavailable when no key is set."""
        return self._insist(query, context, Preference.REMOTE)

    def _insist(self, query: str, context: Sequence[ContextResult], preference: Preference) -> str:
        material = "\n\n".join(str(found.payload["text"]) for found in context)
        question = Query(query, context=material, profile=self.profile, preference=preference)
        return self._portal.call(answer_whole, self._house.answerer, question)[1].response

    def teach(self, query: str, correction: str) -> str:
        """Say what the answer to a query should have been; the id of the passage that holds it now."""
        return self._portal.call(self._house.learning.correct, Lesson(query, correction)).id

    def update_outcome(self, interaction_id: str, outcome: str, user_feedback: int | None = None) -> float:
        """Say what became of an answer (success, partial, failure); its value score."""
        if outcome not in list(OutcomeKind):
            raise BadInput(f"outcome is {outcome!r}; it must be one of {', '.join(OutcomeKind)}")
        said = Outcome(OutcomeKind(outcome), user_feedback)
        return self._portal.call(self._house.feedback.settle, interaction_id, said).value.total

    def execute_batch(self, queries: Sequence[str]) -> list[dict[str, Any]]:
        """Several queries, one after the other: a local model answers one at a time anyway."""
        return [self.execute_query(query) for query in queries]

    def prefetch(self, queries: Sequence[str]) -> int:
        """Warm what common queries need (their vectors, the pages of the store); how many passages they found."""
        return sum(len(self.search_local_context(query)) for query in queries)

    def get_statistics(self) -> dict[str, Any]:
        """The document's six figures, over everything recorded in this data folder."""
        report = self._report(None)
        return {
            "total_queries": report.answered,
            "local_queries": report.totals.local,
            "remote_queries": report.totals.remote,
            "local_percentage": f"{100 * (report.local_share or 0.0):.1f}%",
            "tokens_saved": report.totals.tokens_saved,
            "estimated_cost_saved": report.totals.cost_saved / 1_000_000,
        }

    def analyze_workflow_performance(self, days: int = 7) -> dict[str, Any]:
        """Counts, local share and mean relevance of the last days, beside the document's targets."""
        report = self._report(days)
        return {
            "days": days,
            "total_queries": report.answered,
            "local": report.totals.local,
            "remote": report.totals.remote,
            "local_percentage": 100 * (report.local_share or 0.0),
            "avg_relevance_local": report.totals.mean_relevance_local,
            "success_rate": report.success_rate,
            "target_local_percentage": 70.0,
            "target_avg_relevance": 0.75,
        }

    def _report(self, days: int | None) -> Report:
        return self._portal.call(self._house.reporter.report, days)


class CriticalWorkflow(HybridWorkflow):
    """For critical tasks: local only at a similarity above 0.95 and low complexity."""

    profile = Profile.CRITICAL


class CasualWorkflow(HybridWorkflow):
    """For casual tasks: local from a similarity above 0.65."""

    profile = Profile.CASUAL


def _opened(settings: Settings) -> AbstractAsyncContextManager[House]:
    return open_house(settings, keep_up=True)


def _context_result(passage: Passage) -> ContextResult:
    payload = {**passage.payload, "text": passage.text}
    if passage.collection is Collection.ERRORS:
        payload["correct_solution"] = passage.payload.get("solution", "")
    return ContextResult(passage.id, passage.similarity, payload)
