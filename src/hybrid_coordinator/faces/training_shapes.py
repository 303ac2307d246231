"""The shapes of what is asked about training: runs, the versions that came of them, and what is to become of those."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from hybrid_coordinator.domain.training import Run, RunState, Teaching
from hybrid_coordinator.domain.versions import Decision, Measured, ModelVersion, VersionChange, VersionStage
from hybrid_coordinator.faces.shapes import Limit, Request, Result
from hybrid_coordinator.flows.versions import Lineage
from hybrid_coordinator.logic.version_stages import next_step


class TrainRequest(Request):
    recipe: str = Field("", description="TOML: rank, epochs, learning_rate, ...")
    model_backend: str = Field("llama-cpp", description="llama-cpp (an adapter, here) or openai (a job at the vendor).")
    export: bool = Field(True, description="Export the dataset first.")


class RunRequest(Request):
    run_id: str


class RunsRequest(Request):
    limit: Limit = 20


class VersionsRequest(Request):
    pass


class VersionRequest(Request):
    name: str = Field(description="Such as SmolLM2-135M-Instruct.Q4_1+v3.")


class JudgeVersionRequest(VersionRequest):
    why: str = Field("", max_length=2_000, description="Why, for the log.")


class DeployRequest(JudgeVersionRequest):
    everybody: bool = Field(
        False, description="Let it answer everybody at once; otherwise it answers a share of the sessions, on trial."
    )


class RollBackRequest(Request):
    model: str = Field(
        "",
        description="The version that goes back, or the model of the house that answers with it; empty: the one model "
        "that does.",
    )
    why: str = Field("", max_length=2_000, description="Why, for the log.")


class DropRequest(JudgeVersionRequest):
    rebuild: bool = Field(False, description="Train anew without what has been excluded.")


class RunResult(Result):
    id: str
    created_at: datetime
    changed_at: datetime
    state: RunState
    model: str
    teaching: Teaching
    base: str
    dataset_hash: str
    rows: int = Field(description="Rows trained on.")
    pairs: int = Field(description="Preference pairs trained on.")
    held_out: int = Field(description="Rows kept for the measurement.")
    started_by: str
    attempts: int
    stage: str = Field(description="load, replay, train, prefer, convert, check or likelihood.")
    done: int
    total: int
    seconds_left: float | None
    loss: float | None
    spent_s: float
    error: str
    version: str = Field(description="What came of it.")

    @classmethod
    def of(cls, run: Run) -> "RunResult":
        """A run as it is shown."""
        progress = run.progress
        return cls(
            id=run.id,
            created_at=run.created_at,
            changed_at=run.changed_at,
            state=run.state,
            model=run.model,
            teaching=run.teaching,
            base=run.base.name,
            dataset_hash=run.dataset_hash,
            rows=run.rows,
            pairs=run.pairs,
            held_out=run.held_out,
            started_by=run.started_by,
            attempts=run.attempts,
            stage=progress.stage,
            done=progress.done,
            total=progress.total,
            seconds_left=progress.seconds_left,
            loss=progress.loss,
            spent_s=round(run.spent_s, 1),
            error=run.error,
            version=run.version,
        )


class RunsResult(Result):
    runs: list[RunResult]


class MeasuredResult(Result):
    metric: str
    items: int
    before: float
    after: float
    difference: float = Field(description="After minus before; a share of before where `relative`.")
    low: float = Field(description="The difference lies above this, with 95 % confidence (paired bootstrap).")
    high: float
    better: str = Field(description="Whether more is better (higher) or less is (lower).")
    relative: bool

    @classmethod
    def of(cls, measured: Measured) -> "MeasuredResult":
        """A metric as it is shown."""
        return cls(
            metric=measured.metric,
            items=measured.items,
            before=measured.before,
            after=measured.after,
            difference=measured.difference,
            low=measured.low,
            high=measured.high,
            better=measured.better,
            relative=measured.relative,
        )


class VersionResult(Result):
    name: str
    number: int
    model: str
    teaching: Teaching
    stage: VersionStage
    run_id: str
    base: str
    base_sha256: str
    sha256: str = Field(description="Of the adapter's file.")
    scale: float
    dataset_hash: str
    rows: int
    measured_against: str
    measured: list[MeasuredResult]
    decision: Decision | None
    decided: str = Field(description="Why the examination decided so.")
    why: str
    canary: list[MeasuredResult] = Field(description="Outcomes on trial, against the version that served.")
    created_at: datetime
    changed_at: datetime
    canary_since: datetime | None
    serving_since: datetime | None
    watched_until: datetime | None = Field(description="Until then a share of sessions stays with the version before.")
    tainted_by: list[str] = Field(description="Interactions it was trained on that have been excluded since.")
    next: str = Field(description="What can be done with it now.")

    @classmethod
    def of(cls, version: ModelVersion) -> "VersionResult":
        """A version as it is shown."""
        return cls(
            name=version.name,
            number=version.number,
            model=version.model,
            teaching=version.teaching,
            stage=version.stage,
            run_id=version.run_id,
            base=version.base.name,
            base_sha256=version.base.sha256,
            sha256=version.sha256,
            scale=version.scale,
            dataset_hash=version.dataset_hash,
            rows=version.rows,
            measured_against=version.measured_against,
            measured=[MeasuredResult.of(one) for one in version.measured],
            decision=version.verdict.decision if version.verdict else None,
            decided=version.verdict.why if version.verdict else "",
            why=version.why,
            canary=[MeasuredResult.of(one) for one in version.canary],
            created_at=version.created_at,
            changed_at=version.changed_at,
            canary_since=version.canary_since,
            serving_since=version.serving_since,
            watched_until=version.watched_until,
            tainted_by=list(version.tainted_by),
            next=next_step(version),
        )


class VersionsResult(Result):
    answering: dict[str, str] = Field(description="What each model of the house answers as, the base by its own name.")
    versions: list[VersionResult]


class VersionChangeResult(Result):
    at: datetime
    version: str
    action: str
    actor: str
    before: VersionStage | None
    after: VersionStage
    why: str

    @classmethod
    def of(cls, at: datetime, change: VersionChange) -> "VersionChangeResult":
        """An entry of the log as it is shown."""
        return cls(
            at=at,
            version=change.after.name,
            action=change.action,
            actor=change.actor,
            before=change.before.stage if change.before else None,
            after=change.after.stage,
            why=change.why,
        )


class LineageResult(Result):
    version: VersionResult
    run: RunResult | None
    recipe: dict[str, Any]
    sources: int = Field(description="Rows it was trained on.")
    excluded: list[str] = Field(description="Those of them that have been excluded since.")
    log: list[VersionChangeResult]

    @classmethod
    def of(cls, lineage: Lineage, recipe: dict[str, Any]) -> "LineageResult":
        """Where a version came from, as it is shown."""
        return cls(
            version=VersionResult.of(lineage.version),
            run=RunResult.of(lineage.run) if lineage.run else None,
            recipe=recipe,
            sources=lineage.sources,
            excluded=list(lineage.excluded),
            log=[VersionChangeResult.of(at, change) for at, change in lineage.log],
        )


class MeasureStarted(Result):
    name: str
    state: Literal["measuring"]
