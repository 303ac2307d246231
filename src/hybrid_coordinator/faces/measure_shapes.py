"""The shapes of the measures of learning. Money is in dollars, shares and credits are in [0, 1]."""

from datetime import date

from pydantic import Field

from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.domain.learning import Stage
from hybrid_coordinator.domain.measures import Day, Lap
from hybrid_coordinator.faces.shapes import MICRO, Result
from hybrid_coordinator.flows.measures import Measures
from hybrid_coordinator.logic import measures
from hybrid_coordinator.logic.collection_measures import Crossing, Shelf
from hybrid_coordinator.logic.measures import Band, Goal, Trend


class GoalResult(Result):
    """A figure and the range it should be in."""

    value: float | None = Field(description="None: there is nothing to tell it from yet.")
    low: float
    high: float
    standing: str = Field(description="below, within, above or unknown.")

    @classmethod
    def of(cls, goal: Goal) -> "GoalResult":
        return cls(value=goal.value, low=goal.low, high=goal.high, standing=goal.standing)


class DayResult(Result):
    day: date
    interactions: int
    answered: int = Field(description="Whole answers.")
    local_share: float | None
    success_rate: float | None = Field(description="The mean credit of what was settled.")
    settled: int
    high_value: int
    learning_rate: float | None = Field(description="High values among all interactions.")
    learned: int = Field(description="Things first learned that day.")
    teachable: int = Field(description="Successes of high value: what training data is made of.")
    reuse_rate: float | None = Field(description="Whole answers that had a passage for context.")
    learned_reuse_rate: float | None = Field(description="Of the judged, those that had something learned.")
    tokens: int
    remote_tokens: int
    tokens_saved: int
    cost_usd: float
    cost_saved_usd: float
    mean_latency_ms: float | None

    @classmethod
    def of(cls, day: Day) -> "DayResult":
        one = [day]
        return cls(
            day=day.day,
            interactions=day.interactions,
            answered=day.answered,
            local_share=measures.local_share(one),
            success_rate=measures.success_rate(one),
            settled=day.settled,
            high_value=day.high_value,
            learning_rate=measures.learning_rate(one),
            learned=day.learned,
            teachable=day.teachable,
            reuse_rate=measures.reuse_rate(one).value,
            learned_reuse_rate=measures.learned_reuse_rate(one).value,
            tokens=day.tokens,
            remote_tokens=day.remote_tokens,
            tokens_saved=day.tokens_saved,
            cost_usd=day.cost / MICRO,
            cost_saved_usd=day.cost_saved / MICRO,
            mean_latency_ms=measures.mean_latency_ms(one),
        )


class BandResult(Result):
    """A band of value scores."""

    name: str
    count: int
    share: float
    target: float

    @classmethod
    def of(cls, band: Band) -> "BandResult":
        return cls(name=band.name, count=band.count, share=band.share, target=band.target)


class TrendResult(Result):
    """The success rate of the last seven days against the seven before, with its 95 % interval."""

    now: float
    before: float
    difference: float
    low: float
    high: float
    verdict: str

    @classmethod
    def of(cls, trend: Trend) -> "TrendResult":
        return cls(
            now=trend.now,
            before=trend.before,
            difference=trend.difference,
            low=trend.low,
            high=trend.high,
            verdict=trend.verdict,
        )


class LapResult(Result):
    """A part of answering that is there for learning."""

    name: str
    count: int = Field(description="How often it was timed since the process began.")
    mean_ms: float
    p99_ms: float

    @classmethod
    def of(cls, lap: Lap) -> "LapResult":
        return cls(name=lap.name, count=lap.count, mean_ms=lap.mean_ms, p99_ms=lap.p99_ms)


class ShelfResult(Result):
    """A collection."""

    collection: Collection
    passages: int
    learned: dict[Stage, int] = Field(description="Learned things made for it, by stage.")
    bytes: int = Field(description="What these take.")
    uses: int = Field(description="Settled interactions that had one for context.")
    mean_credit: float | None

    @classmethod
    def of(cls, shelf: Shelf) -> "ShelfResult":
        return cls(
            collection=shelf.collection,
            passages=shelf.passages,
            learned=dict(shelf.stages),
            bytes=shelf.bytes,
            uses=shelf.uses,
            mean_credit=shelf.mean_credit,
        )


class CrossingResult(Result):
    """What one kind of agent taught the other."""

    taught_by: str
    answered_by: str
    items: int = Field(description="Things learned from the teacher's answers.")
    uses: int = Field(description="Settled interactions of the other that had one for context.")
    mean_credit: float | None

    @classmethod
    def of(cls, crossing: Crossing) -> "CrossingResult":
        return cls(
            taught_by=crossing.taught_by,
            answered_by=crossing.answered_by,
            items=crossing.items,
            uses=crossing.uses,
            mean_credit=crossing.mean_credit,
        )


class MeasuresResult(Result):
    days: int = Field(description="How many days (UTC) were measured, today included.")
    learned: int = Field(description="Learned things at any stage.")
    patterns_a_day: GoalResult
    examples_a_week: GoalResult
    examples_by_week: dict[date, int] = Field(description="By Monday; the first and the last week may be cut.")
    reuse_rate: GoalResult = Field(description="Whole answers that had a passage for context.")
    learned_reuse_rate: GoalResult = Field(description="Of the judged, those that had something learned.")
    added_latency_ms: GoalResult = Field(description="At most what learning adds to 99 answers in 100.")
    laps: list[LapResult]
    bytes_per_pattern: GoalResult
    values: list[BandResult]
    values_verdict: str
    success_trend: TrendResult | None
    credit_of_documents: float | None = Field(description="The mean credit of passages that were not learned.")
    crossings: list[CrossingResult]
    by_day: list[DayResult] = Field(description="Days on which there was anything, earliest first.")

    @classmethod
    def of(cls, made: Measures) -> "MeasuresResult":
        return cls(
            days=made.span,
            learned=made.learned,
            patterns_a_day=GoalResult.of(made.patterns_a_day),
            examples_a_week=GoalResult.of(made.examples_a_week),
            examples_by_week=dict(made.weekly_examples),
            reuse_rate=GoalResult.of(made.reuse_rate),
            learned_reuse_rate=GoalResult.of(made.learned_reuse_rate),
            added_latency_ms=GoalResult.of(made.added_latency),
            laps=[LapResult.of(lap) for lap in made.laps],
            bytes_per_pattern=GoalResult.of(made.bytes_per_pattern),
            values=[BandResult.of(band) for band in made.bands],
            values_verdict=made.spread_verdict,
            success_trend=TrendResult.of(made.trend) if made.trend else None,
            credit_of_documents=made.credit_of_documents,
            crossings=[CrossingResult.of(crossing) for crossing in made.crossings],
            by_day=[DayResult.of(day) for day in made.days],
        )
