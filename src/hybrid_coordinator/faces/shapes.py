"""The shapes of requests and results at the border, for MCP, HTTP and `--json` alike.

Names and fields of the tools are those of the users' documents. Unknown fields are refused.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from hybrid_coordinator.domain.caching import CacheEntry
from hybrid_coordinator.domain.interaction import AgentType, Interaction, OutcomeKind, ValueScore
from hybrid_coordinator.domain.knowledge import Collection, Passage
from hybrid_coordinator.domain.learning import Stage
from hybrid_coordinator.domain.query import Preference, Profile
from hybrid_coordinator.domain.route import Route
from hybrid_coordinator.logic.auditing import Estimate
from hybrid_coordinator.logic.modes import QueryMode

MICRO = 1_000_000
"""Micro-dollars in a dollar."""

Limit = Annotated[int, Field(ge=1, le=100)]
Feedback = Literal[-1, 0, 1]


ToldBy = Annotated[
    SkipJsonSchema[Literal["person", "agent"]],
    Field(description="Whose word it is. What comes by MCP is an agent's, whatever it says."),
]


class Request(BaseModel):
    """A request: what it does not know it refuses."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Result(BaseModel):
    """A result."""

    model_config = ConfigDict(frozen=True)


class AugmentQueryRequest(Request):
    query: str = Field(description="The question, in plain words.")
    agent_type: Literal["local", "remote"] = Field("remote", description="Who will answer: its budget is used.")


class AugmentQueryResult(Result):
    augmented_prompt: str
    context_ids: list[str]
    original_query: str
    context_count: int


class TrackInteractionRequest(Request):
    query: str = Field(description="What was asked.")
    response: str = Field(description="What was answered.")
    agent_type: AgentType = Field(AgentType.REMOTE, description="Who answered.")
    model_used: str = Field("", description="The model's name.")
    context_ids: list[str] = Field([], description="The context_ids that augment_query gave.")
    tokens_used: int = Field(0, ge=0, description="Tokens in and out.")
    latency_ms: int = Field(0, ge=0, description="How long the answer took.")
    session_id: str | None = Field(None, description="The conversation it belongs to.")
    tags: list[str] = Field([], description="Labels, for instance variant:a.")


class TrackInteractionResult(Result):
    interaction_id: str


class UpdateOutcomeRequest(Request):
    interaction_id: str = Field(description="The id that track_interaction or an answer gave.")
    outcome: OutcomeKind = Field(description="What became of the answer.")
    user_feedback: Feedback | None = Field(None, description="-1 bad, 0 neutral, 1 good; leave out when nobody said.")
    iterations: int = Field(1, ge=1, description="How many attempts it took.")
    copied_to_clipboard: bool = Field(False, description="The answer was copied.")
    modified_response: bool = Field(False, description="The answer was used after a change.")
    edited_response: str | None = Field(None, description="The answer as it was used, when it was changed first.")
    told_by: ToldBy = "person"


class UpdateOutcomeResult(Result):
    interaction_id: str
    outcome: OutcomeKind
    user_feedback: int | None
    value_score: float
    value_parts: dict[str, float] = Field(description="Each part in 0..1, before its weight.")
    value_weights: dict[str, float]
    pattern_id: str | None = Field(description="The id of the pattern that is being learned from it, if any.")
    success_rates: dict[str, float] = Field(description="The new success rate of each passage that was its context.")


class PassageResult(Result):
    id: str
    collection: Collection
    text: str
    similarity: float = Field(description="How much it means the same, 0..1.")
    score: float = Field(description="What orders the results, 0..1.")
    source: str
    payload: dict[str, Any]

    @classmethod
    def of(cls, passage: Passage) -> "PassageResult":
        """A passage as it is shown. The payload field that repeats the text is left out."""
        payload = {name: value for name, value in passage.payload.items() if value != passage.text}
        return cls(
            id=passage.id,
            collection=passage.collection,
            text=passage.text,
            similarity=round(passage.similarity, 4),
            score=round(passage.score, 4),
            source=passage.source,
            payload=payload,
        )


class HybridSearchRequest(Request):
    query: str = Field(description="What to look for.")
    collections: list[Collection] | None = Field(None, description="Where to look; left out: all but the history.")
    limit: Limit = Field(5, description="How many by meaning, and how many fused.")
    keyword_limit: Limit = Field(5, description="How many by words.")


class HybridSearchResult(Result):
    query: str
    semantic_results: list[PassageResult]
    keyword_results: list[PassageResult]
    combined_results: list[PassageResult]


class RouteResult(Result):
    target: str
    attempts: list[str]
    reason: str
    confidence: float
    relevance: float
    complexity: int
    speciality: str
    profile: str

    @classmethod
    def of(cls, route: Route) -> "RouteResult":
        """A route as it is shown."""
        return cls(
            target=route.target.value,
            attempts=list(route.attempts),
            reason=route.reason,
            confidence=round(route.confidence, 4),
            relevance=round(route.relevance, 4),
            complexity=route.complexity,
            speciality=route.speciality.value,
            profile=route.profile.value,
        )


class RouteQueryRequest(Request):
    query: str = Field(description="A question, words to find, or a read-only SQL statement over the documented views.")
    mode: QueryMode = Field(QueryMode.AUTO, description="How to look it up; auto decides and says why.")
    generate_response: bool = Field(False, description="Let a model answer from what was found.")
    limit: Limit = Field(5, description="How many passages or rows.")


class RouteQueryResult(Result):
    query: str
    mode: QueryMode
    reason: str
    results: list[PassageResult]
    columns: list[str] = Field(description="Of the rows, in sql mode.")
    rows: list[list[Any]] = Field(description="In sql mode.")
    truncated: bool = Field(description="There were more rows than the limit.")
    response: str | None = None
    route: RouteResult | None = None
    interaction_id: str | None = None


class LearningFeedbackRequest(Request):
    query: str = Field(description="What was asked.")
    correction: str = Field(description="What the answer should have been.")
    rating: Feedback = Field(0, description="-1 bad, 0 neutral, 1 good: of the correction.")
    interaction_id: str | None = Field(None, description="The answer that is corrected.")
    tags: list[str] = Field([], description="Labels.")
    told_by: ToldBy = "person"


class LearningFeedbackResult(Result):
    feedback_id: str
    collection: Collection
    passage_id: str
    stage: Stage = Field(description="A person's word is proven; an agent's is a candidate, or waits for a person.")


class GenerateTrainingDataRequest(Request):
    pass


class GenerateTrainingDataResult(Result):
    dataset_path: str
    examples: int
    preference_pairs: int
    splits: dict[str, int] = Field(description="How many rows are in each part.")
    content_hash: str


class SearchContextRequest(Request):
    query: str = Field(description="What to look for.")
    collection: Collection = Field(description="Where to look.")
    limit: Limit = Field(5, description="How many.")


class SearchContextResult(Result):
    query: str
    collection: Collection
    results: list[PassageResult]


class SearchRequest(Request):
    query: str = Field(description="What to look for.")
    collections: list[Collection] | None = Field(None, description="Where to look; left out: all but the history.")
    limit: Limit = Field(5, description="How many.")
    mode: Literal["semantic", "keyword", "hybrid"] = Field("hybrid", description="By meaning, by words or both.")


class SearchResult(Result):
    query: str
    results: list[PassageResult]


class IndexRequest(Request):
    paths: list[str] = Field(min_length=1, description="Absolute paths of files and folders on this machine.")


class ImportRequest(Request):
    path: str = Field(description="Absolute path of a JSONL file on this machine.")
    untrusted: bool = Field(False, description="Was it written by strangers? Then it informs, and teaches nothing.")


class AskRequest(Request):
    query: str = Field(description="The question.")
    context: str = Field("", description="Material sent along: a file, a log, a diff.")
    session_id: str | None = Field(None, description="Continue this conversation.")
    profile: Profile = Field(Profile.DEFAULT, description="How much is at stake.")
    preference: Preference = Field(Preference.AUTO, description="Insist on a local or a remote answer.")
    max_tokens: int = Field(500, ge=1, le=32_000, description="How long the answer may be.")
    temperature: float = Field(0.7, ge=0.0, le=2.0)
    tags: list[str] = Field([], description="Labels.")
    use_cache: bool = Field(True, description="May the answer come from the cache?")


class ValueResult(Result):
    total: float
    parts: dict[str, float]
    weights: dict[str, float]
    explanation: str

    @classmethod
    def of(cls, value: ValueScore) -> "ValueResult":
        """A value score with its parts."""
        return cls(total=value.total, parts=dict(value.parts), weights=dict(value.weights), explanation=value.explain())


class InteractionResult(Result):
    interaction_id: str
    created_at: datetime
    query: str
    response: str
    agent_type: AgentType
    model_used: str
    context_provided: list[str]
    similarities: list[float] = Field(description="How similar each of the context was, where that is known.")
    withheld: list[str] = Field(description="Learned passages that were left out by chance, to measure what they do.")
    origin: str = Field(description="The least trusted thing the answer was made of.")
    channel: str = Field(description="By which way it came in.")
    session_id: str | None
    tokens_used: int
    latency_ms: int
    first_token_ms: int | None
    cost_usd: float
    tokens_saved: int
    cost_saved_usd: float
    route: RouteResult | None
    failure: str | None
    outcome: OutcomeKind | None
    user_feedback: int | None
    value: ValueResult | None
    key: str = Field(description="The name of the key that asked.")
    parent_id: str | None
    cache: str
    holdout: bool
    tags: list[str]

    @classmethod
    def of(cls, interaction: Interaction) -> "InteractionResult":
        """An interaction as it is shown: money in dollars."""
        outcome = interaction.outcome
        return cls(
            interaction_id=interaction.id,
            created_at=interaction.created_at,
            query=interaction.query,
            response=interaction.response,
            agent_type=interaction.agent_type,
            model_used=interaction.model_used,
            context_provided=list(interaction.context_provided),
            similarities=list(interaction.similarities),
            withheld=list(interaction.withheld),
            origin=interaction.origin.value,
            channel=interaction.channel,
            session_id=interaction.session_id,
            tokens_used=interaction.tokens_used,
            latency_ms=interaction.latency_ms,
            first_token_ms=interaction.first_token_ms,
            cost_usd=interaction.cost / 1_000_000,
            tokens_saved=interaction.tokens_saved,
            cost_saved_usd=interaction.cost_saved / 1_000_000,
            route=RouteResult.of(interaction.route) if interaction.route else None,
            failure=interaction.failure,
            outcome=outcome.kind if outcome else None,
            user_feedback=outcome.user_feedback if outcome else None,
            value=ValueResult.of(interaction.value) if interaction.value else None,
            key=interaction.asker,
            parent_id=interaction.parent_id,
            cache=interaction.cache,
            holdout=interaction.holdout,
            tags=list(interaction.tags),
        )


class InteractionRequest(Request):
    interaction_id: str


class InteractionsRequest(Request):
    limit: Limit = Field(20, description="How many, newest first.")
    session_id: str | None = Field(None, description="Only of this conversation.")


class InteractionsResult(Result):
    interactions: list[InteractionResult]


class EstimateResult(Result):
    value: float
    low: float = Field(description="The lower end of the 95% interval.")
    high: float

    @classmethod
    def of(cls, estimate: Estimate | None, unit: float = 1.0) -> "EstimateResult | None":
        if estimate is None:
            return None
        return cls(value=estimate.value / unit, low=estimate.low / unit, high=estimate.high / unit)


class CacheEntryResult(Result):
    id: str
    query: str
    answer: str
    key: str = Field(description="The name of the key that asked.")
    created_at: datetime
    expires_at: datetime
    hits: int
    trusted: bool
    judged_good: int = Field(description="How often an answer to a like question was seen to fit.")
    judged_bad: int
    passage_ids: list[str]
    interaction_id: str | None

    @classmethod
    def of(cls, entry: CacheEntry) -> "CacheEntryResult":
        good = sum(observation.fitted for observation in entry.observations)
        return cls(
            id=entry.id,
            query=entry.key.text,
            answer=entry.answer.text,
            key=entry.key.tenant,
            created_at=entry.created_at,
            expires_at=entry.expires_at,
            hits=entry.hits,
            trusted=not entry.distrusted,
            judged_good=good,
            judged_bad=len(entry.observations) - good,
            passage_ids=list(entry.passage_ids),
            interaction_id=entry.interaction_id,
        )


class CacheEntriesRequest(Request):
    key: str | None = Field(None, description="Only what this key asked; left out: everything.")
    limit: int = Field(50, ge=1, le=10_000, description="How many, the newest first.")


class CacheEntriesResult(Result):
    entries: list[CacheEntryResult]
    total: int
    requests: int = Field(description="Questions looked up since the start.")
    semantic_hits: int = Field(description="Of these, answered by the answer to another question.")
    judged: int = Field(description="Of these, with a known outcome.")
    wrong: int = Field(description="Of these, wrong.")


class CacheTestRequest(Request):
    query: str = Field(description="A question, as if it were asked now.")
    key: str = Field("", description="The name of the key that would ask.")


class CacheTestResult(Result):
    hit: bool
    layer: str | None
    reason: str
    guard: str | None = Field(description="The guard that kept the nearest answer back.")
    similarity: float
    probability: float = Field(description="The chance that the nearest answer fits.")
    nearest: CacheEntryResult | None


class PurgeCacheRequest(Request):
    ids: list[str] | None = Field(None, description="These entries.")
    key: str | None = Field(None, description="Everything this key asked.")
    everything: bool = Field(False, description="Everything.")


class PurgeCacheResult(Result):
    purged: int


class BrowseRequest(Request):
    collection: Collection
    limit: Limit = Field(20, description="How many.")
    after: str | None = Field(None, description="The `next` of the page before.")


class BrowseResult(Result):
    collection: Collection
    passages: list[PassageResult]
    next: str | None


class ModelResult(Result):
    name: str
    version: str = Field(description="What it answers as, where versions of it are trained here; else empty.")
    location: str
    speciality: str
    context_tokens: int
    input_usd_per_million: float
    output_usd_per_million: float
    ok: bool
    detail: str


class ModelsRequest(Request):
    pass


class ModelsResult(Result):
    models: list[ModelResult]


class PartResult(Result):
    name: str
    ok: bool
    needed: bool
    detail: str


class TidyRequest(Request):
    pass


class TidyResult(Result):
    passages: dict[str, int]


class HealthRequest(Request):
    pass


class HealthResult(Result):
    status: Literal["ok", "degraded", "down"]
    version: str
    parts: list[PartResult]
