"""The shapes of the report: what it all came to. Money is in dollars."""

from datetime import datetime

from pydantic import Field

from hybrid_coordinator.faces.measure_shapes import MeasuresResult, ShelfResult
from hybrid_coordinator.faces.shapes import MICRO, EstimateResult, Request, Result
from hybrid_coordinator.faces.training_shapes import VersionResult
from hybrid_coordinator.flows.reports import Report
from hybrid_coordinator.logic.auditing import Audit
from hybrid_coordinator.logic.budgets import Standing


class SavingsResult(Result):
    """What was routed, against the share that went the plain way. Money is in dollars."""

    verdict: str
    questions: int
    sessions: int
    held_out_questions: int
    held_out_sessions: int
    saving_usd_per_question: EstimateResult | None
    total_saving_usd: EstimateResult | None
    share: float | None
    success_difference: EstimateResult | None

    @classmethod
    def of(cls, audit: Audit) -> "SavingsResult":
        return cls(
            verdict=audit.verdict,
            questions=audit.questions,
            sessions=audit.sessions,
            held_out_questions=audit.held_out_questions,
            held_out_sessions=audit.held_out_sessions,
            saving_usd_per_question=EstimateResult.of(audit.saving, MICRO),
            total_saving_usd=EstimateResult.of(audit.total_saving, MICRO),
            share=audit.share,
            success_difference=EstimateResult.of(audit.success),
        )


class StandingResult(Result):
    level: str
    reason: str
    resets_at: datetime

    @classmethod
    def of(cls, standing: Standing) -> "StandingResult":
        return cls(level=standing.level, reason=standing.reason, resets_at=standing.resets_at)


class ReportRequest(Request):
    days: int | None = Field(None, ge=1, le=36_500, description="How far back; left out: everything.")


class ReportResult(Result):
    answering: dict[str, str] = Field({}, description="What each model that is trained here answers as.")
    versions: list[VersionResult] = Field(
        [], description="Every version of those with its measurements, the newest first."
    )
    days: int | None
    interactions: int
    local: int
    remote: int
    context_only: int
    failed: int
    local_share: float | None
    outcomes: dict[str, int]
    feedback: dict[str, int]
    success_rate: float | None
    high_value: int
    learning_rate: float | None
    mean_value: float | None
    mean_relevance_local: float | None
    mean_latency_ms: float | None
    tokens: int
    remote_tokens: int
    tokens_saved: int
    cost_usd: float
    cost_saved_usd: float
    corrections: int
    cache_hits: dict[str, int]
    cache_hit_share: float | None
    escalations: int = Field(description="Local answers that were not trusted and replaced.")
    escalation_share: float | None
    cache_read_tokens: int = Field(description="Tokens that vendors' prompt caches gave.")
    cache_write_tokens: int
    savings: SavingsResult
    budgets: dict[str, StandingResult]
    passages: dict[str, int]
    measures: MeasuresResult
    collections: list[ShelfResult]

    @classmethod
    def of(cls, made: Report) -> "ReportResult":
        """A report as it is shown: money in dollars."""
        totals = made.totals
        return cls(
            answering={},
            versions=[],
            days=made.days,
            interactions=totals.interactions,
            local=totals.local,
            remote=totals.remote,
            context_only=totals.context_only,
            failed=totals.failed,
            local_share=made.local_share,
            outcomes=dict(totals.settled),
            feedback={str(value): count for value, count in totals.feedback.items()},
            success_rate=made.success_rate,
            high_value=totals.high_value,
            learning_rate=made.learning_rate,
            mean_value=totals.mean_value,
            mean_relevance_local=totals.mean_relevance_local,
            mean_latency_ms=totals.mean_latency_ms,
            tokens=totals.input_tokens + totals.output_tokens,
            remote_tokens=totals.remote_tokens,
            tokens_saved=totals.tokens_saved,
            cost_usd=totals.cost / 1_000_000,
            cost_saved_usd=totals.cost_saved / 1_000_000,
            corrections=totals.corrections,
            cache_hits=dict(totals.recalled),
            cache_hit_share=made.cache_hit_share,
            escalations=totals.escalations,
            escalation_share=made.escalation_share,
            cache_read_tokens=totals.cache_read_tokens,
            cache_write_tokens=totals.cache_write_tokens,
            savings=SavingsResult.of(made.savings),
            budgets={name: StandingResult.of(standing) for name, standing in made.standings.items()},
            passages={collection.value: count for collection, count in made.passages.items()},
            measures=MeasuresResult.of(made.measures),
            collections=[ShelfResult.of(shelf) for shelf in made.measures.shelves(made.passages)],
        )
