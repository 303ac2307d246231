"""Everything that can be asked of the house, once: MCP, HTTP and the CLI are three ways into this table."""

from hybrid_coordinator import __version__
from hybrid_coordinator.app import House
from hybrid_coordinator.domain.interaction import Outcome
from hybrid_coordinator.domain.knowledge import CONTEXT_COLLECTIONS, SearchMode
from hybrid_coordinator.domain.query import Query, Wishes
from hybrid_coordinator.domain.route import Location
from hybrid_coordinator.faces import shapes
from hybrid_coordinator.faces.cache_operations import cache_entries, cache_test, purge_cache
from hybrid_coordinator.faces.document_operations import DOCUMENT_OPERATIONS
from hybrid_coordinator.faces.experiment_operations import EXPERIMENT_OPERATIONS
from hybrid_coordinator.faces.gap_operations import GAP_OPERATIONS
from hybrid_coordinator.faces.learned_operations import LEARNED_OPERATIONS
from hybrid_coordinator.faces.learning_operations import LEARNING_OPERATIONS
from hybrid_coordinator.faces.operation import Operation
from hybrid_coordinator.faces.report_operations import REPORT_OPERATIONS
from hybrid_coordinator.faces.training_operations import TRAINING_OPERATIONS
from hybrid_coordinator.flows.feedback import Track
from hybrid_coordinator.flows.search import RoutedQuery, check_limit
from hybrid_coordinator.flows.teaching import Lesson


async def augment_query(house: House, request: shapes.AugmentQueryRequest) -> shapes.AugmentQueryResult:
    augmented = await house.augmenter.augment(request.query, Location(request.agent_type))
    return shapes.AugmentQueryResult(
        augmented_prompt=augmented.augmented_prompt,
        context_ids=list(augmented.context_ids),
        original_query=augmented.original_query,
        context_count=augmented.context_count,
    )


async def track_interaction(house: House, request: shapes.TrackInteractionRequest) -> shapes.TrackInteractionResult:
    interaction = await house.feedback.track(
        Track(
            query=request.query,
            response=request.response,
            agent_type=request.agent_type,
            model_used=request.model_used,
            context_ids=tuple(request.context_ids),
            tokens_used=request.tokens_used,
            latency_ms=request.latency_ms,
            session_id=request.session_id,
            tags=tuple(request.tags),
        )
    )
    return shapes.TrackInteractionResult(interaction_id=interaction.id)


async def update_outcome(house: House, request: shapes.UpdateOutcomeRequest) -> shapes.UpdateOutcomeResult:
    outcome = Outcome(
        kind=request.outcome,
        user_feedback=request.user_feedback,
        iterations=request.iterations,
        copied=request.copied_to_clipboard,
        modified=request.modified_response,
    )
    settled = await house.feedback.settle(
        request.interaction_id, outcome, edited=request.edited_response, reported=request.told_by == "agent"
    )
    return shapes.UpdateOutcomeResult(
        interaction_id=request.interaction_id,
        outcome=request.outcome,
        user_feedback=request.user_feedback,
        value_score=settled.value.total,
        value_parts=dict(settled.value.parts),
        value_weights=dict(settled.value.weights),
        pattern_id=settled.pattern_id,
        success_rates=settled.success_rates,
    )


async def hybrid_search(house: House, request: shapes.HybridSearchRequest) -> shapes.HybridSearchResult:
    found = await house.searcher.hybrid_search(
        request.query,
        request.collections or CONTEXT_COLLECTIONS,
        limit=request.limit,
        keyword_limit=request.keyword_limit,
    )
    return shapes.HybridSearchResult(
        query=found.query,
        semantic_results=[shapes.PassageResult.of(passage) for passage in found.semantic],
        keyword_results=[shapes.PassageResult.of(passage) for passage in found.keyword],
        combined_results=[shapes.PassageResult.of(passage) for passage in found.combined],
    )


async def route_query(house: House, request: shapes.RouteQueryRequest) -> shapes.RouteQueryResult:
    found = await house.searcher.route_query(
        request.query, request.mode, generate_response=request.generate_response, limit=request.limit
    )
    return _show_routed(found)


def _show_routed(found: RoutedQuery) -> shapes.RouteQueryResult:
    return shapes.RouteQueryResult(
        query=found.query,
        mode=found.mode,
        reason=found.reason,
        results=[shapes.PassageResult.of(passage) for passage in found.passages],
        columns=list(found.table.columns) if found.table else [],
        rows=[list(row) for row in found.table.rows] if found.table else [],
        truncated=found.table.truncated if found.table else False,
        response=found.answer.response if found.answer else None,
        route=shapes.RouteResult.of(found.routed.route) if found.routed else None,
        interaction_id=found.answer.id if found.answer else None,
    )


async def learning_feedback(house: House, request: shapes.LearningFeedbackRequest) -> shapes.LearningFeedbackResult:
    item = await house.learning.correct(
        Lesson(
            request.query,
            request.correction,
            request.rating,
            request.interaction_id,
            tuple(request.tags),
            reported=request.told_by == "agent",
        )
    )
    return shapes.LearningFeedbackResult(
        feedback_id=item.id, collection=item.draft.collection, passage_id=item.id, stage=item.stage
    )


async def generate_training_data(
    house: House, _request: shapes.GenerateTrainingDataRequest
) -> shapes.GenerateTrainingDataResult:
    exported = await house.export_dataset()
    return shapes.GenerateTrainingDataResult(
        dataset_path=str(exported.dataset_path),
        examples=exported.rows,
        preference_pairs=exported.pairs,
        splits=dict(exported.splits),
        content_hash=exported.content_hash,
    )


async def search_context(house: House, request: shapes.SearchContextRequest) -> shapes.SearchContextResult:
    passages = await house.searcher.search(request.query, [request.collection], limit=request.limit)
    return shapes.SearchContextResult(
        query=request.query,
        collection=request.collection,
        results=[shapes.PassageResult.of(passage) for passage in passages],
    )


async def search(house: House, request: shapes.SearchRequest) -> shapes.SearchResult:
    passages = await house.searcher.search(
        request.query,
        request.collections or CONTEXT_COLLECTIONS,
        limit=request.limit,
        mode=SearchMode(request.mode),
    )
    return shapes.SearchResult(query=request.query, results=[shapes.PassageResult.of(passage) for passage in passages])


async def interaction(house: House, request: shapes.InteractionRequest) -> shapes.InteractionResult:
    return shapes.InteractionResult.of(await house.ledger.get(request.interaction_id))


async def interactions(house: House, request: shapes.InteractionsRequest) -> shapes.InteractionsResult:
    recent = await house.ledger.recent(limit=request.limit, session_id=request.session_id)
    return shapes.InteractionsResult(interactions=[shapes.InteractionResult.of(item) for item in recent])


async def browse(house: House, request: shapes.BrowseRequest) -> shapes.BrowseResult:
    check_limit(request.limit, "limit")
    passages, after = await house.knowledge.browse(request.collection, limit=request.limit, after=request.after)
    return shapes.BrowseResult(
        collection=request.collection,
        passages=[shapes.PassageResult.of(passage) for passage in passages],
        next=after,
    )


async def models(house: House, _request: shapes.ModelsRequest) -> shapes.ModelsResult:
    listed = []
    for name, model in house.models.items():
        ok, detail = await house.check_model(name)
        card = model.card
        listed.append(
            shapes.ModelResult(
                name=name,
                version=card.version,
                location=card.location.value,
                speciality=card.speciality.value,
                context_tokens=card.context_tokens,
                input_usd_per_million=card.input_price / 1_000_000,
                output_usd_per_million=card.output_price / 1_000_000,
                ok=ok,
                detail=detail,
            )
        )
    return shapes.ModelsResult(models=listed)


async def tidy(house: House, _request: shapes.TidyRequest) -> shapes.TidyResult:
    await house.knowledge.tidy()
    counts = await house.knowledge.counts()
    return shapes.TidyResult(passages={collection.value: count for collection, count in counts.items()})


async def health(house: House, _request: shapes.HealthRequest) -> shapes.HealthResult:
    checked = await house.health()
    return shapes.HealthResult(
        status=checked.status,
        version=__version__,
        parts=[
            shapes.PartResult(name=part.name, ok=part.ok, needed=part.needed, detail=part.detail)
            for part in checked.parts
        ],
    )


async def ask(house: House, request: shapes.AskRequest) -> shapes.InteractionResult:
    return shapes.InteractionResult.of(await house.answer_whole(query_of(request)))


def query_of(request: shapes.AskRequest) -> Query:
    """The question of a request."""
    return Query(
        text=request.query,
        context=request.context,
        session_id=request.session_id,
        profile=request.profile,
        preference=request.preference,
        max_tokens=request.max_tokens,
        temperature=request.temperature,
        tags=tuple(request.tags),
        wishes=Wishes(cache=request.use_cache),
    )


OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation(
            "augment_query",
            "Context for a question: returns the question with the code, skills, error fixes and practices this "
            "machine knows about it, and their context_ids. Call it before answering.",
            shapes.AugmentQueryRequest,
            shapes.AugmentQueryResult,
            augment_query,
            tool=True,
        ),
        Operation(
            "generate_training_data",
            "Write the fine-tuning dataset (OpenAI chat JSONL) from successful interactions of high value and from "
            "corrections. Returns its path.",
            shapes.GenerateTrainingDataRequest,
            shapes.GenerateTrainingDataResult,
            generate_training_data,
            tool=True,
            read_only=False,
        ),
        Operation(
            "hybrid_search",
            "Search the knowledge base by meaning, by words and by both fused. Returns three ranked lists of passages.",
            shapes.HybridSearchRequest,
            shapes.HybridSearchResult,
            hybrid_search,
            tool=True,
        ),
        Operation(
            "learning_feedback",
            "Teach a correction: what the answer to a question should have been. Like questions find it at once.",
            shapes.LearningFeedbackRequest,
            shapes.LearningFeedbackResult,
            learning_feedback,
            tool=True,
            read_only=False,
            idempotent=False,
        ),
        Operation(
            "route_query",
            "Look something up the way that fits it: sql, semantic, keyword or hybrid (auto decides and says why). "
            "With generate_response a model answers from what was found.",
            shapes.RouteQueryRequest,
            shapes.RouteQueryResult,
            route_query,
            tool=True,
            read_only=False,
            idempotent=False,
            open_world=True,
        ),
        Operation(
            "search_context",
            "Search one collection: codebase-context, skills-patterns, error-solutions, interaction-history or "
            "best-practices. Returns ranked passages.",
            shapes.SearchContextRequest,
            shapes.SearchContextResult,
            search_context,
            tool=True,
        ),
        Operation(
            "track_interaction",
            "Record a question and the answer it got, so that it can be learned from. Returns the interaction_id that "
            "update_outcome wants.",
            shapes.TrackInteractionRequest,
            shapes.TrackInteractionResult,
            track_interaction,
            tool=True,
            read_only=False,
            idempotent=False,
        ),
        Operation(
            "update_outcome",
            "Say what became of an answer (success, partial, failure) and what the user thought. Scores it, credits "
            "its context and learns its pattern when it is worth it.",
            shapes.UpdateOutcomeRequest,
            shapes.UpdateOutcomeResult,
            update_outcome,
            tool=True,
            read_only=False,
        ),
        Operation(
            "ask",
            "Answer a question: find context, choose a model, answer, record. Send `Accept: application/x-ndjson` to "
            "get the answer as it comes.",
            shapes.AskRequest,
            shapes.InteractionResult,
            ask,
            read_only=False,
            idempotent=False,
            open_world=True,
        ),
        Operation(
            "cache_entries",
            "What the cache holds, newest first, and how far its hits were right.",
            shapes.CacheEntriesRequest,
            shapes.CacheEntriesResult,
            cache_entries,
        ),
        Operation(
            "cache_test",
            "What the cache would say to a question, and why.",
            shapes.CacheTestRequest,
            shapes.CacheTestResult,
            cache_test,
        ),
        Operation(
            "purge_cache",
            "Forget cached answers: by id, of one key, or all.",
            shapes.PurgeCacheRequest,
            shapes.PurgeCacheResult,
            purge_cache,
            read_only=False,
        ),
        Operation("browse", "A page of a collection.", shapes.BrowseRequest, shapes.BrowseResult, browse),
        Operation("health", "What is up and what is not.", shapes.HealthRequest, shapes.HealthResult, health),
        Operation(
            "interaction", "One recorded interaction.", shapes.InteractionRequest, shapes.InteractionResult, interaction
        ),
        Operation(
            "interactions",
            "Recorded interactions, newest first.",
            shapes.InteractionsRequest,
            shapes.InteractionsResult,
            interactions,
        ),
        Operation("models", "The models and whether they are up.", shapes.ModelsRequest, shapes.ModelsResult, models),
        *REPORT_OPERATIONS,
        Operation(
            "search",
            "Search several collections at once.",
            shapes.SearchRequest,
            shapes.SearchResult,
            search,
        ),
        *DOCUMENT_OPERATIONS,
        *EXPERIMENT_OPERATIONS,
        *GAP_OPERATIONS,
        *LEARNED_OPERATIONS,
        *LEARNING_OPERATIONS,
        *TRAINING_OPERATIONS,
        Operation(
            "tidy",
            "Build search indexes and reclaim space. May take a minute after much was added; searches go on meanwhile.",
            shapes.TidyRequest,
            shapes.TidyResult,
            tidy,
            read_only=False,
        ),
    )
}
"""By name. The tools come first, sorted."""

TOOLS: tuple[Operation, ...] = tuple(OPERATIONS[name] for name in sorted(OPERATIONS) if OPERATIONS[name].tool)
