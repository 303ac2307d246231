"""The shapes of what is asked about learning: how it stands, and one round of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import Field

from hybrid_coordinator.daemon import LearningStatus
from hybrid_coordinator.domain.learning import StepState
from hybrid_coordinator.faces.shapes import Request, Result

StepName = Literal["ingest", "score", "extract", "curate", "train", "deploy", "measure"]


class LearningStatusRequest(Request):
    pass


class StepResult(Result):
    step: StepName
    ran_at: datetime | None = Field(description="When it ran last; null when it never did.")
    seconds: float = Field(description="How long that took.")
    done: int = Field(description="What it finished in all.")
    ok: bool
    error: str = Field(description="Why it failed last; empty after a success.")
    detail: str

    @classmethod
    def of(cls, state: StepState) -> "StepResult":
        """A step's state as it is shown."""
        return cls(
            step=state.step,  # type: ignore[arg-type]  # the daemon knows no others
            ran_at=state.ran_at,
            seconds=round(state.seconds, 3),
            done=state.done,
            ok=not state.error,
            error=state.error,
            detail=state.detail,
        )


class LearningStatusResult(Result):
    learning: bool = Field(description="Whether a daemon is at work right now.")
    steps: list[StepResult]
    stages: dict[str, int] = Field(description="How many learned things are at each stage.")
    events: dict[str, int] = Field(description="Telemetry events of the last seven days, by source and kind.")

    @classmethod
    def of(
        cls, status: LearningStatus, stages: dict[str, int], events: Mapping[tuple[str, str], int]
    ) -> "LearningStatusResult":
        """The status as it is shown."""
        return cls(
            learning=status.holder is not None,
            steps=[StepResult.of(state) for state in status.steps],
            stages=stages,
            events={f"{source}/{kind}": count for (source, kind), count in events.items()},
        )


class LearningProcessRequest(Request):
    steps: list[StepName] | None = Field(None, description="Which steps; left out: all.")
    batches: int | None = Field(
        1,
        ge=1,
        le=1_000_000,
        description="How many batches of each part of a step at most; null: until nothing is left.",
    )


class ProcessedResult(Result):
    step: StepName
    done: int
    counts: dict[str, int] = Field(description="What was done, in the step's own words.")
    error: str


class LearningProcessResult(Result):
    steps: list[ProcessedResult]
    stages: dict[str, int]
