"""The shapes of a comparison of two ways to answer."""

from datetime import datetime

from pydantic import Field

from hybrid_coordinator.faces.shapes import EstimateResult, Request, Result
from hybrid_coordinator.logic.experiment_verdicts import Comparison, Marks, Measure


class AbCompareRequest(Request):
    variant_a: str = Field(min_length=1, description="A name: answers tagged variant:<name> are meant.")
    variant_b: str = Field(min_length=1, description="The other name.")
    since: datetime | None = Field(None, description="Only answers from this moment on (with zone).")


class MarksResult(Result):
    answers: int
    sessions: int
    mean: float | None

    @classmethod
    def of(cls, marks: Marks) -> "MarksResult":
        """What one variant got."""
        return cls(answers=marks.answers, sessions=len(marks.sessions), mean=marks.mean)


class MeasureResult(Result):
    a: MarksResult
    b: MarksResult
    difference: EstimateResult | None = Field(description="How much a is above b, with its 95 % interval.")
    p: float | None = Field(description="How often chance alone would show one as large.")
    verdict: str

    @classmethod
    def of(cls, measure: Measure) -> "MeasureResult":
        """Two variants by one measure."""
        return cls(
            a=MarksResult.of(measure.a),
            b=MarksResult.of(measure.b),
            difference=EstimateResult.of(measure.difference),
            p=measure.p,
            verdict=measure.verdict,
        )


class AbCompareResult(Result):
    variant_a: str
    variant_b: str
    rating: MeasureResult = Field(description="By feedback, from -1 to 1.")
    success: MeasureResult = Field(description="By outcome: a partial success is half.")
    verdict: str

    @classmethod
    def of(cls, comparison: Comparison) -> "AbCompareResult":
        """A comparison as it is shown."""
        return cls(
            variant_a=comparison.variant_a,
            variant_b=comparison.variant_b,
            rating=MeasureResult.of(comparison.rating),
            success=MeasureResult.of(comparison.success),
            verdict=comparison.verdict,
        )
